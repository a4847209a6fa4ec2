"""One recording's row of the dataset: read, aligned, encoded and written frame by frame. Runs in a process of its own.

Frames are grey crops by one alignment, as a clip's are, with `ROOM` around them: in minutes a head moves further than
in half a second, and what left the crop could not be brought back. The alignment is that of the middle (median) of the
faces found in `LOOKS` frames spread over the recording, for the first one may be an odd one.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
from datasets.arrow_writer import ArrowWriter

from hub.licensed.cutting import MIN_FRAMES, MIN_SHARE
from hub.licensed.images import FrameError, decode, read_bytes
from hub.licensed.plans import PrepareOptions
from hub.licensed.recordings.events import enough_frames
from hub.licensed.recordings.intervals import Problem
from hub.licensed.recordings.plans import Event, RecordingPlan
from hub.licensed.remarks import ClipError
from hub.licensed.rows import positions
from modeling_aullm.face_alignment import align, alignment_transform, detect_largest_face, whole_frame_transform
from training.data.recordings import recording_features

# Own choices.
ROOM = 0.25  # of the crop's side, on each side of it
LOOKS = 7
FFV1 = {"level": "3", "slicecrc": "1"}  # every frame for itself, with a checksum


def write_recording(plan: RecordingPlan, root: Path, options: PrepareOptions, path: Path) -> list[Problem]:
    """Write the file of one recording. Of its frames one at a time is in memory.

    Args:
        plan: The recording.
        root: What its files are in.
        options: What to make of it.
        path: Arrow file to write; beside it a video is kept meanwhile.

    Returns:
        What is to be said of it.

    Raises:
        ClipError: If its frames cannot be used, or show no face.
    """
    landmarks, room = None, 0
    problems: list[Problem] = []
    if options.frames == "aligned":
        room = round(ROOM * options.size)
        landmarks, problems = _look(plan, root, options.size, room)
    unreadable: list[str] = []
    video = path.with_suffix(".mkv")
    try:
        crops = _crops(plan, root, landmarks, options.size, room, unreadable)
        numbers = _encode(video, plan, crops, options.size + 2 * room)
        named = f"{len(unreadable)} of {len(plan.numbers)}: {'; '.join(unreadable[:3])}"
        if len(numbers) < max(MIN_FRAMES, MIN_SHARE * len(plan.numbers)):
            raise ClipError("most of its frames cannot be read", named)
        _write_arrow(path, _row(plan, numbers, landmarks, room, problems), video)
    finally:
        video.unlink(missing_ok=True)
    if unreadable:
        problems.append(("mended", "frames cannot be read: made of the others", named))
    return problems


def _row(
    plan: RecordingPlan, numbers: list[int], landmarks: np.ndarray | None, room: int, problems: list[Problem]
) -> dict[str, Any]:
    return {
        "dataset": plan.dataset,
        "subject": plan.subject,
        "recording_id": plan.recording_id,
        "fps": plan.fps,
        "num_frames": len(numbers),
        "room": room,
        "events": None if plan.events is None else list(_events(plan.events, numbers, problems)),
        "frame_numbers": numbers,
        "landmarks": None if landmarks is None else landmarks.tolist(),
    }


def _events(events: Sequence[Event], numbers: list[int], problems: list[Problem]) -> Iterator[dict[str, Any]]:
    for event in events:
        if not enough_frames(event.moments, numbers):
            shown = f"row {event.row}, {event.kind} from {event.moments.onset} to {event.moments.offset}"
            problems.append(("mended", "an event most of whose frames cannot be read: left out", shown))
            continue
        labels = {"action_units": event.action_units, "au_codes": event.au_codes}
        codes = {name: None if own is None else list(own) for name, own in labels.items()}
        yield positions(event.moments, numbers) | {"kind": event.kind, "emotion": event.emotion} | codes


def _look(plan: RecordingPlan, root: Path, size: int, room: int) -> tuple[np.ndarray, list[Problem]]:
    """The median of the largest faces' landmarks, (5, 2), in pixels of the published frames; and what is to be said."""
    looks = np.unique(np.linspace(0, len(plan.numbers) - 1, LOOKS).round().astype(int))
    unreadable: list[str] = []
    found = []
    for position in looks:
        pixels = _read(root, plan.files[position], unreadable)
        face = None if pixels is None else detect_largest_face(pixels)
        found += [] if face is None else [face.landmarks]
    if not found:
        raise ClipError("no face found", f"in {len(looks)} of {len(plan.numbers)} frames; {'; '.join(unreadable[:3])}")
    landmarks = np.median(found, axis=0)
    transform = alignment_transform(landmarks, size)
    placed = np.array(found) @ transform[:, :2].T + transform[:, 2]  # (faces, 5, 2)
    away = ((placed < -room) | (placed >= size + room)).any(axis=(1, 2)).sum()
    detail = f"in {away} of {len(found)} frames looked at"
    return landmarks, [("kept", "the head leaves the picture at times", detail)] * bool(away)


def _read(root: Path, file: str, unreadable: list[str]) -> np.ndarray | None:
    try:
        return decode(read_bytes(root / file), Path(file).name)
    except FrameError as error:
        unreadable.append(str(error))
        return None


def _crops(
    plan: RecordingPlan, root: Path, landmarks: np.ndarray | None, size: int, room: int, unreadable: list[str]
) -> Iterator[tuple[int, np.ndarray]]:
    """Number and crop, (size + 2 room, size + 2 room) uint8, of all frames that can be read and are of one size."""
    transform, shape = None, None
    for number, file in zip(plan.numbers, plan.files, strict=True):
        pixels = _read(root, file, unreadable)
        if pixels is None:
            continue
        shape = shape or pixels.shape
        if pixels.shape != shape:
            unreadable.append(f"{Path(file).name} is of another size than the frames before")
            continue
        if transform is None:
            transform = _transform(landmarks, pixels, size)
            transform[:, 2] += room
        crop = align(pixels, transform, size + 2 * room)
        yield number, np.clip(np.rint(crop * 255), 0, 255).astype(np.uint8)


def _transform(landmarks: np.ndarray | None, pixels: np.ndarray, size: int) -> np.ndarray:
    if landmarks is None:
        return whole_frame_transform(pixels.shape[1], pixels.shape[0], size)
    return alignment_transform(landmarks, size)


def _encode(path: Path, plan: RecordingPlan, crops: Iterator[tuple[int, np.ndarray]], side: int) -> list[int]:
    """Write the video, a frame's time being its number's; returns the numbers."""
    numbers = []
    rate = Fraction(plan.fps).limit_denominator(1001)
    with closing(av.open(str(path), "w", format="matroska")) as container:
        stream = container.add_stream("ffv1", rate=rate, options=FFV1)
        stream.width = stream.height = side
        stream.pix_fmt = "gray"
        stream.codec_context.time_base = 1 / rate
        stream.codec_context.gop_size = 1
        for number, crop in crops:
            frame = av.VideoFrame.from_ndarray(crop, "gray")
            frame.pts, frame.time_base = number - plan.numbers[0], 1 / rate
            container.mux(stream.encode(frame))
            numbers.append(number)
        if numbers:
            container.mux(stream.encode())
    return numbers


def _write_arrow(path: Path, row: dict[str, Any], video: Path) -> None:
    """The row as an Arrow file; the video is mapped, and never a whole in memory."""
    features = recording_features()
    schema = features.arrow_schema
    others = pa.Table.from_pylist([row], pa.schema([field for field in schema if field.name != "video"]))
    with pa.memory_map(str(video)) as file:
        content = file.read_buffer()
        ends = pa.py_buffer(np.array([0, content.size], np.int64))
        column = pa.Array.from_buffers(pa.large_binary(), 1, [None, ends, content])
        table = pa.Table.from_arrays([*others.columns, column], schema=schema)
        with ArrowWriter(path=str(path), features=features) as writer:
            writer.write_table(table)
            writer.finalize()

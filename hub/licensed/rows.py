"""One clip's row of the dataset: its frames read, the face found, the crops cut. Runs in a process of its own."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import numpy as np

from hub.licensed.annotations import Moments
from hub.licensed.cutting import MIN_FRAMES, MIN_SHARE
from hub.licensed.images import FrameError, decode, read_bytes
from hub.licensed.plans import ClipPlan, FrameKind, PrepareOptions
from hub.licensed.remarks import ClipError, Kind
from modeling_aullm.face_alignment import align, alignment_transform, detect_largest_face, whole_frame_transform
from modeling_aullm.video_stream import VideoError, check_same_size
from training.synthetic.corpus import clip_features

Problem = tuple[Kind, str, str]


class RawFrame(NamedTuple):
    """One frame as stored: number and file name, bytes, and pixels (height, width, 3) uint8 RGB."""

    number: int
    name: str
    content: bytes
    pixels: np.ndarray


def features(frames: FrameKind, size: int) -> datasets.Features:
    """Columns of a prepared dataset: those of `training.synthetic`, `frame_numbers` and `landmarks`."""
    pixels = datasets.List(datasets.Image()) if frames == "raw" else datasets.Array3D((None, size, size), "uint8")
    own = {
        "frame_numbers": datasets.List(datasets.Value("int64")),
        "landmarks": datasets.List(datasets.List(datasets.Value("float32"))),
    }
    columns = clip_features(pixels)
    return datasets.Features({name: columns[name] for name in columns if name != "frames"} | own | {"frames": pixels})


def make_row(plan: ClipPlan, root: Path, options: PrepareOptions) -> tuple[dict[str, Any], list[Problem]]:
    """Prepare one clip. Of its frames one at a time is in memory, besides what is kept of them.

    Args:
        plan: The clip.
        root: What its files are in, or the prepared dataset whose row it is.
        options: What to make of it.

    Returns:
        A row of `features`, and what is to be said of it.

    Raises:
        ClipError: If its frames cannot be used, or show no face.
    """
    problems: list[Problem] = []
    landmarks = None if plan.landmarks is None else np.array(plan.landmarks)
    if landmarks is None and options.faces == "now" and options.frames != "cropped":
        landmarks, problems = _find_face(plan, root)
    numbers: list[int] = []
    kept: list[Any] = []
    unreadable: list[str] = []
    transform = None
    for frame in _frames(plan, root, unreadable):
        if options.frames == "raw":
            kept.append({"bytes": frame.content, "path": frame.name})
        else:
            if transform is None:
                transform = _transform(landmarks, frame.pixels, options.size)
            crop = align(frame.pixels, transform, options.size)
            kept.append(np.clip(np.rint(crop * 255), 0, 255).astype(np.uint8))
        numbers.append(frame.number)
    if unreadable:
        problems.append(("mended", "frames cannot be read: made of the others", "; ".join(unreadable[:3])))
    _check_enough(len(kept), plan, unreadable)
    about = {"dataset": plan.dataset, "subject": plan.subject, "clip_id": plan.clip_id}
    labels = {
        name: None if codes is None else list(codes)
        for name, codes in (("action_units", plan.action_units), ("au_codes", plan.au_codes))
    }
    stored = {
        "frame_numbers": numbers,
        "landmarks": None if landmarks is None else landmarks.tolist(),
        "frames": kept if options.frames == "raw" else np.stack(kept),
    }
    row = about | positions(plan.moments, numbers) | {"fps": plan.fps, "emotion": plan.emotion} | labels | stored
    return row, problems


def _find_face(plan: ClipPlan, root: Path) -> tuple[np.ndarray, list[Problem]]:
    """Landmarks of the largest face in the first frame that shows one."""
    unreadable: list[str] = []
    for position, frame in enumerate(_frames(plan, root, unreadable)):
        face = detect_largest_face(frame.pixels)
        if face is not None:
            said: Problem = ("mended", "no face in the first frame: aligned by a later one", f"frame {frame.number}")
            return face.landmarks, [said] if position else []
    _check_enough(len(plan.numbers) - len(unreadable), plan, unreadable)
    raise ClipError("no face found", f"in {len(plan.numbers)} frames")


def _check_enough(readable: int, plan: ClipPlan, unreadable: list[str]) -> None:
    if readable < max(MIN_FRAMES, MIN_SHARE * len(plan.numbers)):
        raise ClipError("most of its frames cannot be read", "; ".join(unreadable[:3]))


def _frames(plan: ClipPlan, root: Path, unreadable: list[str]) -> Iterator[RawFrame]:
    """The frames one after the other; what is wrong with those that cannot be read is added to `unreadable`."""
    size = None
    for number, name, content in _contents(plan, root, unreadable):
        try:
            pixels = decode(content, name)
        except FrameError as error:
            unreadable.append(str(error))
            continue
        height, width = pixels.shape[:2]
        size = size or (width, height)
        try:
            check_same_size(plan.clip_id, number, (width, height), size)
        except VideoError as error:
            raise ClipError("frames differ in size", str(error)) from error
        yield RawFrame(number, name, content, pixels)


def _contents(plan: ClipPlan, root: Path, unreadable: list[str]) -> Iterator[tuple[int, str, bytes]]:
    if not plan.files:
        images = dict(zip(*_stored(root, plan.stored_row), strict=True))
        for number in plan.numbers:
            yield number, images[number]["path"] or f"frame {number}", images[number]["bytes"] or b""
        return
    for number, file in zip(plan.numbers, plan.files, strict=True):
        try:
            yield number, Path(file).name, read_bytes(root / file)
        except FrameError as error:
            unreadable.append(str(error))


def _stored(folder: Path, row: int) -> tuple[list[int], list[dict[str, Any]]]:
    """Frame numbers and images of a row of a prepared dataset with raw frames."""
    stored = _open(folder)[row]
    return stored["frame_numbers"], stored["frames"]


@cache
def _open(folder: Path) -> datasets.Dataset:
    data = datasets.load_from_disk(str(folder)).select_columns(["frame_numbers", "frames"])
    return data.cast_column("frames", datasets.List(datasets.Image(decode=False)))


def _transform(landmarks: np.ndarray | None, pixels: np.ndarray, size: int) -> np.ndarray:
    if landmarks is None:
        return whole_frame_transform(pixels.shape[1], pixels.shape[0], size)
    return alignment_transform(landmarks, size)


def positions(moments: Moments, numbers: list[int]) -> dict[str, int]:
    """Onset, apex and offset as positions among frames.

    Args:
        moments: As numbers of frames.
        numbers: Of the stored frames, in order.

    Returns:
        By name; the nearest frame's position where a moment's own is missing, -1 where the moment is unknown.
    """
    places = np.array(numbers)
    return {
        name: -1 if moment is None else int(np.abs(places - moment).argmin())
        for name, moment in moments._asdict().items()
    }

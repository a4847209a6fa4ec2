"""Can this recording show a micro-expression? Told before any model is loaded, from the recording itself.

Every limit is an own choice with its reason beside it; what the estimate of the smallest movement is worth is measured,
see `visible_movement`.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import Any

import numpy as np

from .frame_times import USUAL_SPACINGS, usual_spacing
from .recording_frames import Stretch, read_recording
from .recording_light import Flicker, camera_movement, exposure_change, find_flicker, focus_change
from .video_reading import VideoSource, source_name
from .visible_movement import LARGEST, look_at_face, smallest_movement

# A micro-expression moves the skin by about 0.3 pixels in the recordings that the field has, whose faces are some 300
# pixels wide; larger faces show it larger. Four times as much is a large one.
MICRO_MOVEMENT, MICRO_SHARE, LARGE = 0.3, 0.001, 4.0
FEWEST_FPS, HOPELESS_FPS = 29.0, 14.0  # 6 frames, as many as the model sees, in 0.2 s and in 0.4 s; NTSC has 29.97
SMALL_FACE, HOPELESS_FACE = 80, 64  # pixels of the box; 64 are the whole crop's, which shows somewhat more than the box
STRONG_FLICKER, PUMPING, REFOCUSING = 0.02, 0.1, 0.25  # shares of brightness and detail: as a movement of a face makes
MOVING = 0.3  # grey levels of the face's mean change from frame to frame: something moves, so each frame differs
SHORTEST_MOVING = 6  # frames that must move for a repeated one to say something
REPEATS_COUNT = 0.1  # share of repeated frames worth a word
SHORTEST_SECONDS = 0.1  # a blink's least, and a fifth of the longest micro-expression
GAPS = 0.02  # share of frames missing from which a rise may be lost


class Verdict(StrEnum):
    """What a recording can show."""

    GOOD = "good"
    LARGE_ONLY = "usable for large units only"
    CANNOT = "cannot show micro-expressions"


@dataclass(frozen=True)
class Limit:
    """Something that keeps a recording from showing small movements, or deserves to be known.

    Attributes:
        kind: `face`, `movement`, `length`, `frame rate`, `missing frames`, `flicker`, `exposure` or `focus`.
        verdict: What is left with it.
        reason: What it is, with its figure.
        advice: What to do about it.
    """

    kind: str
    verdict: Verdict
    reason: str
    advice: str


@dataclass(frozen=True)
class RecordingCheck:
    """What a recording is, and what it can show.

    Attributes:
        source: What people know it by.
        container: FFmpeg's name; `images` or `array` for pictures.
        codec: FFmpeg's name; None for pictures in memory or without loss.
        quantiser: Mean over the face, as the codec counts it; None where the stream does not tell.
        width: Pixels, as shown.
        height: Pixels, as shown.
        seconds: Of the recording; None where it carries no times.
        num_frames: Of the recording; None where it carries no times.
        fps: Frames a second; None if unknown.
        timing: `constant`, `varying`, or `assumed` where the source carries no times.
        gaps: How many times frames are missing, by their times.
        longest_gap: Seconds without a frame, at most.
        repeated: Share of frames that are the one before again while the face moves; None where nothing moves.
        face_width: Pixels; None where no face was found.
        blur: Pixels: standard deviation of the blur of the face's sharpest edges.
        noise: Grey levels that change from frame to frame by themselves.
        smallest_movement: Pixels of the recording that skin must move to be seen, see `visible_movement`.
        smallest_movement_crop: The same in pixels of the model's 64-pixel crop.
        flicker: Of the light; None if there is none.
        exposure_change: Largest change of the whole picture's brightness in half a second, as a share.
        focus_change: Largest change of the face's sharpness in half a second, as a share.
        camera_movement: How far the surroundings move in half a second, in pixels.
        is_grey: Whether it has no colour: a grey or an infrared camera's.
        limits: What keeps it from showing small movements, the gravest first.
    """

    source: str
    container: str
    codec: str | None
    quantiser: float | None
    width: int
    height: int
    seconds: float | None
    num_frames: int | None
    fps: float | None
    timing: str
    gaps: int
    longest_gap: float
    repeated: float | None
    face_width: int | None
    blur: float | None
    noise: float | None
    smallest_movement: float | None
    smallest_movement_crop: float | None
    flicker: Flicker | None
    exposure_change: float
    focus_change: float
    camera_movement: float
    is_grey: bool
    limits: tuple[Limit, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The gravest of the limits'."""
        return max((limit.verdict for limit in self.limits), key=list(Verdict).index, default=Verdict.GOOD)

    @property
    def distinct_fps(self) -> float | None:
        """Frames a second that differ from the one before, while the face moves."""
        return None if self.fps is None else self.fps * (1 - (self.repeated or 0.0))

    def record(self) -> dict[str, Any]:
        """For JSON: all attributes, the verdict before the limits."""
        values = asdict(self)
        limits = values.pop("limits")
        values |= {"distinct_fps": self.distinct_fps, "verdict": str(self.verdict)}
        return values | {"limits": [{k: str(v) for k, v in x.items()} for x in limits]}


def check_recording(source: VideoSource, fps: float | None = None, face: str | int = "largest") -> RecordingCheck:
    """Check a recording by at most ten seconds of it; no model is needed.

    Args:
        source: See `video_reading.open_video`.
        fps: Frames a second instead of the source's own.
        face: `cropped` where the whole frame is a face, of whose size in the camera nothing is known then; else the
            largest face is looked at.

    Raises:
        VideoError: If it cannot be used.
    """
    frames = read_recording(source, fps, is_cropped=face == "cropped")
    picture = look_at_face(frames.stretches)
    movement = smallest_movement(frames, picture) if picture else None
    rate = frames.fps or 0.0
    gaps, longest_gap, is_varying = _timing(frames.times)
    quantisers = [value for stretch in frames.stretches for value in stretch.quantisers]
    check = RecordingCheck(
        source=source_name(source),
        container=frames.container,
        codec=frames.codec,
        quantiser=round(float(np.mean(quantisers)), 1) if quantisers else None,
        width=frames.size[0],
        height=frames.size[1],
        seconds=None if frames.times is None else round(float(frames.times[-1]), 3),
        num_frames=None if frames.times is None else len(frames.times),
        fps=frames.fps and round(frames.fps, 3),
        timing="assumed" if frames.times is None else "varying" if is_varying else "constant",
        gaps=gaps,
        longest_gap=round(longest_gap, 3),
        repeated=_repeated(frames.stretches),
        face_width=picture.width if picture else None,
        blur=round(picture.blur, 2) if picture else None,
        noise=round(picture.noise, 2) if picture else None,
        smallest_movement=round(movement, 2) if movement else None,
        smallest_movement_crop=round(movement * picture.crop_scale, 3) if movement and picture else None,
        flicker=find_flicker(frames.stretches, rate) if rate else None,
        exposure_change=round(exposure_change(frames.stretches, rate), 3) if rate else 0.0,
        focus_change=round(focus_change(frames.stretches, rate), 3) if rate else 0.0,
        camera_movement=round(camera_movement(frames.stretches, max(frames.size)), 1),
        is_grey=all(stretch.is_grey for stretch in frames.stretches),
    )
    order = list(Verdict).index
    return replace(
        check,
        limits=tuple(sorted(_limits(check, is_cropped=face == "cropped"), key=lambda limit: -order(limit.verdict))),
    )


def _timing(times: np.ndarray | None) -> tuple[int, float, bool]:
    """Number of gaps, the longest one in seconds, and whether the spacing varies by over a tenth in between."""
    spacings = np.diff(times) if times is not None and len(times) > 2 else np.zeros(0)
    spacings = spacings[spacings > 0]
    if not len(spacings):
        return 0, 0.0, False
    usual = usual_spacing(list(spacings))
    missing = spacings > USUAL_SPACINGS[1] * usual
    between = spacings[~missing]
    is_varying = bool(np.mean(np.abs(between - usual) > 0.1 * usual) > 0.05)
    return int(missing.sum()), float(spacings[missing].max(initial=0.0)), is_varying


def _repeated(stretches: list[Stretch]) -> float | None:
    """Share of copied frames among those around which the face moves: a picture at rest may well be equal."""
    copied: list[bool] = []
    for stretch in stretches:
        if stretch.face is None or len(stretch.face) <= SHORTEST_MOVING:
            continue
        change = np.array([np.abs(b.astype(np.int16) - a).mean() for a, b in pairwise(stretch.face)])
        moving = np.convolve(change, np.ones(SHORTEST_MOVING) / SHORTEST_MOVING, "same") > MOVING
        copied += list(stretch.copied[: len(moving)][moving])
    return round(float(np.mean(copied)), 3) if len(copied) >= SHORTEST_MOVING else None


def _limits(check: RecordingCheck, *, is_cropped: bool) -> Iterator[Limit]:
    """Everything that is wrong with a recording."""
    if check.face_width is None:
        yield Limit("face", Verdict.CANNOT, "no face was found", "film one face from the front, well lit")
        return
    yield from _movement_limits(check)
    if check.face_width < SMALL_FACE and not is_cropped:
        verdict = Verdict.CANNOT if check.face_width < HOPELESS_FACE else Verdict.LARGE_ONLY
        reason = f"the face is {check.face_width} pixels wide"
        yield Limit("face", verdict, reason, "film nearer, so that it is over 200 pixels wide")
    yield from _time_limits(check)
    yield from _light_limits(check)


def _movement_limits(check: RecordingCheck) -> Iterator[Limit]:
    width, movement = check.face_width or 0, check.smallest_movement or 0.0
    micro = max(MICRO_MOVEMENT, MICRO_SHARE * width)
    if movement > micro:
        verdict = Verdict.LARGE_ONLY if movement <= LARGE * micro else Verdict.CANNOT
        at_least = "more than " if movement >= LARGEST else ""
        seen = f"skin is seen to move from {at_least}{movement:.2g} pixels on"
        lost = f"{seen}, in a micro-expression it moves by {micro:.2g}"
        compressed = "record at crf 12 or as MJPEG, and keep the camera's own file"
        yield Limit(
            "movement", verdict, lost, compressed if check.codec else "give the camera more light, or less gain"
        )


def _time_limits(check: RecordingCheck) -> Iterator[Limit]:
    if check.seconds is not None and check.seconds < SHORTEST_SECONDS:
        reason = f"it lasts {check.seconds:.2g} s, less than a blink: only a part of an expression"
        yield Limit("length", Verdict.CANNOT, reason, "record from the rest before an expression to the rest behind it")
    fps = check.distinct_fps
    if fps is not None and fps < FEWEST_FPS:
        verdict = Verdict.CANNOT if fps < HOPELESS_FPS else Verdict.LARGE_ONLY
        repeated = f" of {check.fps:.3g}, the others repeat them" if (check.repeated or 0) > REPEATS_COUNT else ""
        reason = f"{fps:.3g} distinct frames a second{repeated}" if repeated else f"{fps:.3g} frames a second"
        yield Limit(
            "frame rate", verdict, reason, "record 100 frames a second or more; of a screen, save the camera's own file"
        )
    if check.num_frames and check.gaps > GAPS * check.num_frames:
        reason = f"frames are missing {check.gaps} times, for up to {check.longest_gap:.2g} s"
        yield Limit(
            "missing frames", Verdict.LARGE_ONLY, reason, "record to a faster disk, or at a rate that the camera keeps"
        )


def _light_limits(check: RecordingCheck) -> Iterator[Limit]:
    if check.flicker is not None and check.flicker.amplitude > STRONG_FLICKER:
        yield Limit("flicker", Verdict.LARGE_ONLY, check.flicker.text, "use lamps that do not flicker, or daylight")
    if check.exposure_change > PUMPING:
        reason = f"the exposure changes by {check.exposure_change:.0%} within half a second"
        yield Limit("exposure", Verdict.LARGE_ONLY, reason, "lock the camera's exposure and gain")
    if check.focus_change > REFOCUSING:
        reason = f"the face's sharpness changes by {check.focus_change:.0%} within half a second"
        yield Limit("focus", Verdict.LARGE_ONLY, reason, "lock the camera's focus")

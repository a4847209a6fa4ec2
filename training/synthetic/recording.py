"""One recording: a face that shows micro-expressions and longer ones now and then, and all that is no expression.

Blinks, turns of the eyes, speech, swallowing, nods and turns of the head, changes of light, the sensor's noise and a
codec: a spotter that takes any of it for an event cries wolf. Rates and measures are own choice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from training.synthetic.anatomy import JAW_DROP, Pull
from training.synthetic.camera import CAMERA_RANGES, h264_round_trip, light_face, optics
from training.synthetic.clip import check_domain, enlarge, sample_frames
from training.synthetic.emotions import draw_action_units
from training.synthetic.faces import MARGIN, Domain, Face, depth
from training.synthetic.head import gaze_fields, lid_closure
from training.synthetic.lids import Lids, draw_lids
from training.synthetic.motion import MOTION_RANGES, displacement_field, draw_amplitude, draw_unit
from training.synthetic.spans import Movement, draw_times, held, pulse, syllables, wander

_LIPS: tuple[tuple[Pull, ...], ...] = (
    (Pull("mouth_corner", (1, 0), 1.0, (0.06, 0.05)),),
    (Pull("lip_upper", (0, -1), 1.0, (0.09, 0.03), edge="above mouth"),),
    (Pull("lip_lower", (0, -1), 1.0, (0.09, 0.035), edge="below mouth"),),
)
_SWALLOW = (Pull("chin", (0.0, -1), 1.0, (0.2, 0.07), offset=(0.0, 0.05), edge="below mouth"),)
_CHUNK = 64  # frames drawn at once


@dataclass(frozen=True)
class SyntheticEvent:
    """One expression of a recording.

    Attributes:
        onset: Seconds at which the skin begins to move.
        apex: Seconds of the greatest movement, the middle of a longer one that is held.
        offset: Seconds at which it has come to rest.
        kind: `micro` up to half a second, else `longer`.
        action_units: Codes such as `AU12`, by number.
        amplitude: Peak displacement in pixels of a 64-pixel crop.
    """

    onset: float
    apex: float
    offset: float
    kind: Literal["micro", "longer"]
    action_units: tuple[str, ...]
    amplitude: float


@dataclass(frozen=True)
class SyntheticRecording:
    """A recording and what happens in it.

    Attributes:
        frames: Grey, (num_frames, size, size), uint8: the face's crop and a margin of a quarter of it on every side.
        fps: Frames a second.
        landmarks: The face's five points in the first frame, as a detector would give them, (5, 2), pixels.
        events: The expressions, in order.
        others: Begin and end in seconds of what is no expression, by kind: `blink`, `talk`, `head`.
    """

    frames: np.ndarray
    fps: float
    landmarks: np.ndarray
    events: tuple[SyntheticEvent, ...]
    others: dict[str, list[tuple[float, float]]]


def synthetic_recording(
    rng: np.random.Generator, face: Face, domain: Domain = "A", *, seconds: float = 20.0, quiet: bool | None = None
) -> SyntheticRecording:
    """Make one recording.

    Args:
        rng: Source of the draws.
        face: The face (`draw_face` or `photograph_face`).
        domain: Whose ranges to draw from.
        seconds: Length.
        quiet: Whether nothing is expressed; `None` draws it, a third of the recordings are quiet.

    Raises:
        ValueError: If the domain is unknown.
    """
    check_domain(domain)
    ranges, camera = MOTION_RANGES[domain], CAMERA_RANGES[domain]
    rates = np.array(list(ranges.fps.values()))
    fps = float(rng.choice(list(ranges.fps), p=rates / rates.sum()))
    num_frames, size = round(seconds * fps), 2 * int(rng.integers(52, 88))
    grid = _frame_grid(size)
    quiet = bool(rng.random() < 0.33) if quiet is None else quiet
    crf = int(rng.integers(14, 28))
    movements, lids, others = _restlessness(rng, face, grid, num_frames, fps)
    talks = others["talk"]
    events: list[SyntheticEvent] = []
    if not quiet:
        events, moved = _events(rng, face, grid, domain, num_frames, fps, talks, 0.25 + max(0, crf - 20) * 0.06)
        movements += moved
    texture = enlarge(light_face(rng, face, camera, 0.7), optics(rng, camera), size / (1 + 2 * MARGIN))
    shut = draw_lids(rng, texture, face.landmarks)
    frames = _film(rng, texture, shut, lids, grid, movements, domain, fps)
    codec = rng.choice(("h264", "jpeg", "none"), p=(0.5, 0.2, 0.3))
    if codec == "h264":
        frames = h264_round_trip(frames, crf=crf, rng=rng)
    elif codec == "jpeg":
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 98))]
        files = [cv2.imencode(".jpg", frame, quality)[1] for frame in frames]
        frames = np.stack([np.asarray(cv2.imdecode(file, cv2.IMREAD_GRAYSCALE)) for file in files])
    points = face_points(face) + rng.normal(0, 0.012, (5, 2)) + rng.normal(0, 0.012, 2)
    landmarks = (points + MARGIN) / (1 + 2 * MARGIN) * size - 0.5
    return SyntheticRecording(frames, fps, landmarks, tuple(events), others)


def face_points(face: Face) -> np.ndarray:
    """The five points of a face that a detector gives, (5, 2), in fractions of the crop."""
    at = face.landmarks
    return np.stack([*at.eye, at.nose, *at.mouth_corner])


def _frame_grid(size: int) -> np.ndarray:
    axis = ((np.arange(size) + 0.5) / size * (1 + 2 * MARGIN) - MARGIN).astype(np.float32)
    return np.stack(np.meshgrid(axis, axis))


def _restlessness(
    rng: np.random.Generator, face: Face, grid: np.ndarray, num_frames: int, fps: float
) -> tuple[list[Movement], np.ndarray, dict[str, list[tuple[float, float]]]]:
    """What moves in a face that expresses nothing, how far its lids are drawn over the eyes, and when."""
    seconds = num_frames / fps
    head, nods = _head(rng, face, grid, num_frames, fps)
    closure, blinks = _blinks(rng, num_frames, fps)
    slid, drawn = rng.permutation((1.0, rng.choice((0.0, 0.0, 0.5, 1.0))))  # lids that push, that cover, that do both
    eyes = _eyes(rng, face, grid, slid * closure, num_frames, fps)
    talks = draw_times(rng, seconds, rng.choice((0.0, 2.0, 5.0)), (0.6, 4.0), apart=1.0)
    movements = head + eyes + _mouth(rng, face, grid, num_frames, fps, talks)
    return movements, drawn * closure, {"blink": blinks, "talk": talks, "head": nods}


def _head(
    rng: np.random.Generator, face: Face, grid: np.ndarray, num_frames: int, fps: float
) -> tuple[list[Movement], list[tuple[float, float]]]:
    x, y = grid - 0.5
    zero, one, far = np.zeros_like(x), np.ones_like(x), np.clip(depth(grid, face.landmarks), -0.4, 0.3)
    fields = [np.stack(f) for f in ((one, zero), (zero, one), (-y, x), (x, y), (far, zero), (zero, far))]
    sizes = np.array((0.06, 0.05, 0.07, 0.04, 0.16, 0.12)) * rng.uniform(0, 1, 6) * rng.choice((0.15, 0.5, 1.0))
    courses = [size * (course - course[0]) for size in sizes for course in [wander(rng, num_frames, fps)]]
    nods = draw_times(rng, num_frames / fps, rng.choice((0.0, 4.0, 10.0)), (0.25, 1.2), apart=0.3)
    for start, end in nods:
        way = rng.normal(0, 1, 6) * (0.02, 0.025, 0.03, 0.015, 0.09, 0.1)
        there_and_back = rng.random() < 0.5
        for axis in range(6):
            move = pulse(num_frames, fps, start, end) if there_and_back else held(num_frames, fps, start, end)
            courses[axis] = courses[axis] + way[axis] * move
    return [Movement(0, course, field) for course, field in zip(courses, fields, strict=True)], nods


def _blinks(rng: np.random.Generator, num_frames: int, fps: float) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """How far the lids are closed in each frame, 0 to 1, and when they move."""
    blinks = draw_times(rng, num_frames / fps, rng.uniform(6, 35), (0.12, 0.45), apart=0.1)
    closure = np.zeros(num_frames)
    for start, end in blinks:
        peak = start + rng.uniform(0.25, 0.5) * (end - start)
        extent = 1.0 if rng.random() < 0.7 else rng.uniform(0.3, 0.9)
        closure = np.maximum(closure, extent * pulse(num_frames, fps, start, end, peak))
    return closure, blinks


def _eyes(
    rng: np.random.Generator, face: Face, grid: np.ndarray, closure: np.ndarray, num_frames: int, fps: float
) -> list[Movement]:
    """Lids that push the eye's picture down, what they drag along, and turns of the eyes."""
    seconds = num_frames / fps
    levels = np.linspace(0, 1, 5)
    hats = [np.maximum(1 - np.abs(closure - level) / levels[1], 0) for level in levels[1:]]
    moved = [
        Movement(0, hat, lid_closure(grid, face.landmarks, level)) for hat, level in zip(hats, levels[1:], strict=True)
    ]
    dragged = displacement_field(rng, _lid_drag(rng), grid, face.landmarks, MOTION_RANGES["A"], (1.0, 1.0))
    moved.append(Movement(0, closure * rng.uniform(0, 0.6) / 64, dragged))
    position = np.zeros((2, num_frames))
    for start, _ in draw_times(rng, seconds, rng.uniform(0, 40), (0.1, 0.1), apart=0.2):
        target = rng.normal(0, (0.012, 0.006))
        step = held(num_frames, fps, start, start + rng.uniform(0.03, 0.08))
        position += (target - position[:, min(num_frames - 1, int(start * fps))])[:, None] * step
    across, upright = gaze_fields(grid, face.landmarks)
    lids = displacement_field(
        rng, (Pull("eye", (0, 1), 1.0, (0.06, 0.024), offset=(0, -0.028), edge="above eye"),), grid, face.landmarks,
        MOTION_RANGES["A"], (1.0, 1.0),
    )  # fmt: skip
    moved += [Movement(0, position[0], across), Movement(0, position[1], upright + 0.8 * lids)]
    return moved


def _lid_drag(rng: np.random.Generator) -> tuple[Pull, ...]:
    """A blink's pull at brow and cheek."""
    return (
        Pull("brow_middle", (0, 1), 1.0, (0.09, 0.05)),
        Pull("eye", (0, -1), float(rng.uniform(0, 1)), (0.08, 0.04), offset=(0, 0.09), edge="below eye"),
    )


def _mouth(
    rng: np.random.Generator, face: Face, grid: np.ndarray, num_frames: int, fps: float,
    talks: Sequence[tuple[float, float]],
) -> list[Movement]:  # fmt: skip
    """Speech, and swallowing in between."""
    moved = []
    if talks:
        for pulls, most in ((JAW_DROP, 3.0), *((lip, 1.5) for lip in _LIPS)):
            field = displacement_field(rng, pulls, grid, face.landmarks, MOTION_RANGES["A"], (1.0, 1.0))
            course, size = np.zeros(num_frames), rng.uniform(0.3, 1) * most / 64
            for start, end in talks:
                course += size * syllables(rng, num_frames, fps, start, end, upwards=pulls is JAW_DROP)
            moved.append(Movement(0, course, field))
    for start, end in draw_times(rng, num_frames / fps, rng.uniform(0, 4), (0.5, 1.1), apart=1.0):
        field = displacement_field(rng, _SWALLOW, grid, face.landmarks, MOTION_RANGES["A"], (1.0, 1.0))
        moved.append(Movement(0, pulse(num_frames, fps, start, end) * rng.uniform(0.3, 1.5) / 64, field))
    return moved


def _events(
    rng: np.random.Generator, face: Face, grid: np.ndarray, domain: Domain, num_frames: int, fps: float,
    talks: Sequence[tuple[float, float]], weakest: float,
) -> tuple[list[SyntheticEvent], list[Movement]]:  # fmt: skip
    """Micro-expressions and longer ones, none while the face talks."""
    seconds, ranges = num_frames / fps, MOTION_RANGES[domain]
    rate = float(rng.choice((6.0, 15.0, 30.0)))
    spans = [(span, "micro") for span in draw_times(rng, seconds, rate, (0.14, 0.5), apart=0.3)]
    spans += [(span, "longer") for span in draw_times(rng, seconds, rng.choice((0, 2.0, 6.0)), (0.6, 4.0), apart=0.3)]
    taken, events, movements = list(talks), [], []
    for (start, end), kind in spans:
        if any(start < other[1] + 0.2 and end > other[0] - 0.2 for other in taken):
            continue
        units: list[str] = []
        while not units:
            _, units = draw_action_units(rng)
        taken.append((start, end))
        strength = max(weakest, draw_amplitude(rng, ranges)) * (1 if kind == "micro" else rng.uniform(1, 1.8))
        length = end - start
        peak = start + rng.uniform(0.3, 0.7) * length if kind == "micro" else (start + end) / 2
        hold = 0.0 if kind == "micro" else rng.uniform(0, 0.7) * length
        bend = (float(np.exp(rng.uniform(-0.35, 0.35))), float(np.exp(rng.uniform(-0.35, 0.35))))
        for unit in units:
            own = float(np.clip(strength * np.exp(rng.normal(0, 0.3)), weakest, 4))
            motion = draw_unit(rng, unit, grid, face.landmarks, ranges, amplitude=own)
            lag = rng.normal(0, 0.04) * length if len(units) > 1 else 0.0
            first, last = max(0, int((start + lag) * fps)), min(num_frames, int((end + lag) * fps) + 2)
            begin, behind, highest = (moment + lag - first / fps for moment in (start, end, peak))
            course = pulse(last - first, fps, begin, behind, highest, hold, bend)
            movements.append(Movement(first, course * own / 64, motion.field, course, motion.fold))
        events.append(SyntheticEvent(start, peak, end, kind, tuple(units), strength))  # type: ignore[arg-type]
    return sorted(events, key=lambda event: event.onset), movements


def _film(
    rng: np.random.Generator, texture: np.ndarray, shut: Lids, lids: np.ndarray, grid: np.ndarray,
    movements: Sequence[Movement], domain: Domain, fps: float,
) -> np.ndarray:  # fmt: skip
    """Draw the frames, lit by a light that changes, with the sensor's noise, (num_frames, size, size) uint8."""
    camera, size, num_frames = CAMERA_RANGES[domain], grid.shape[1], len(lids)
    light, shades = _light(rng, size, num_frames, fps, camera.flicker, camera.hertz)
    noise = float(np.exp(rng.uniform(*np.log(camera.noise))))
    frames = np.empty((num_frames, size, size), np.uint8)
    for first in range(0, num_frames, _CHUNK):
        last = min(num_frames, first + _CHUNK)
        near = [movement for movement in movements if movement.touches(first, last)]
        courses = np.stack([movement.between(first, last) for movement in near], axis=1)
        fields = np.stack([movement.field for movement in near])
        drawn = sample_frames(texture, grid, courses, fields)
        for number in np.flatnonzero(lids[first:last] > 0.01):
            covered = shut.over(texture, float(lids[first + number]))
            drawn[number] = sample_frames(covered, grid, courses[number : number + 1], fields)[0]
        shading = 1 + np.tensordot(light[first:last], shades, 1)
        for movement in near:
            if movement.fold is not None:
                shading += movement.folds_between(first, last)[:, None, None] * movement.fold
        drawn = drawn * shading + noise * rng.standard_normal(drawn.shape, np.float32)
        frames[first:last] = np.clip(np.rint(drawn), 0, 255)
    return frames


def _light(
    rng: np.random.Generator, size: int, num_frames: int, fps: float, flicker: float, hertz: float
) -> tuple[np.ndarray, np.ndarray]:
    """Slow changes of light, sudden ones of exposure, flicker: courses (num_frames, 4) and fields (4, size, size)."""
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    angle, at = rng.uniform(0, 2 * np.pi), rng.uniform(-1, 1, 2)
    spot = np.exp(-0.5 * (np.square((x - at[0]) / 0.5) + np.square((y - at[1]) / 0.5)))
    fields = np.stack((np.cos(angle) * x + np.sin(angle) * y, np.ones_like(x), np.ones_like(x), spot))
    exposure = 0.06 * rng.random() * wander(rng, num_frames, fps)
    for start, end in draw_times(rng, num_frames / fps, rng.choice((0, 3.0)), (0.05, 0.6), apart=0.5):
        exposure += rng.normal(0, 0.05) * held(num_frames, fps, start, end)
    phase = 2 * np.pi * hertz * np.arange(num_frames) / fps * rng.uniform(0.98, 1.02)
    courses = (
        0.1 * rng.random() * wander(rng, num_frames, fps) + rng.normal(0, 0.1),
        exposure,
        (rng.random() < 0.5) * rng.uniform(0, flicker) * np.sin(phase),
        (rng.random() < 0.5) * rng.uniform(0, 0.1) * wander(rng, num_frames, fps),
    )
    return np.stack(courses, axis=1).astype(np.float32), fields

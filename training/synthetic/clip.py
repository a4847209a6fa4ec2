"""One clip: a face, lit anew, moved by action units and by everything that is none, and filmed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

import cv2
import numpy as np

from training.synthetic.anatomy import JAW_DROP
from training.synthetic.beds import WEAK_AMPLITUDE, Bed, Cover, check_bed, draw_bed_units, draw_cover
from training.synthetic.camera import CAMERA_RANGES, film, light_course, light_face, optics
from training.synthetic.emotions import sort_units
from training.synthetic.faces import MARGIN, TEXTURE_SIZE, Domain, Face
from training.synthetic.head import draw_view, eye_motion, head_motion
from training.synthetic.motion import (
    MOTION_RANGES,
    Side,
    UnitMotion,
    displacement_field,
    draw_amplitude,
    draw_side,
    draw_unit,
    happens,
)
from training.synthetic.timing import Timing, draw_timing, smooth_course

OVERSAMPLING = 2
"""A texture is enlarged by this (cubic) before frames are sampled from it (linear): sub-pixel motion becomes exact."""


@dataclass(frozen=True)
class SyntheticClip:
    """A clip and its labels.

    Attributes:
        frames: Grey aligned face crops, (num_frames, size, size), uint8.
        action_units: Active units such as `AU12`, by number.
        au_codes: The same with side and intensity, such as `L12B`.
        onset: First frame of the motion, -1 without units.
        apex: Frame of its peak, -1 without units.
        offset: Last frame of the motion, -1 without units.
        fps: Frames a second.
        emotion: Emotion the units were drawn from, `other` for an independent combination, `none` without units.
    """

    frames: np.ndarray
    action_units: list[str]
    au_codes: list[str]
    onset: int
    apex: int
    offset: int
    fps: float
    emotion: str


def synthetic_clip(
    rng: np.random.Generator,
    face: Face,
    domain: Domain = "A",
    action_units: Sequence[str] | None = None,
    *,
    size: int = 64,
    amplitude: float | None = None,
    nuisances: bool = True,
    bed: Bed | None = None,
) -> SyntheticClip:
    """Make one clip.

    Args:
        rng: Source of the draws.
        face: The face (`draw_face` or `photograph_face`).
        domain: Whose ranges to draw from.
        action_units: Units to show; `None` draws an emotion or a combination, an empty list gives a still face.
        size: Pixels a side.
        amplitude: Peak displacement in pixels of a 64-pixel crop; `None` draws it.
        nuisances: Whether to add all that is no unit: head motion, blinks, light, blur, noise, compression.
        bed: Test bed to draw for, see `beds`.

    Raises:
        ValueError: If the domain, a unit or the test bed is unknown.
    """
    check_domain(domain)
    check_bed(bed)
    emotion, units = draw_bed_units(rng, bed) if action_units is None else ("other", sort_units(action_units))
    emotion = emotion if units else "none"
    ranges, camera = MOTION_RANGES[domain], CAMERA_RANGES[domain]
    if bed == "weak":
        ranges = replace(ranges, amplitude=WEAK_AMPLITUDE)
    rates = np.array(list(ranges.fps.values()))
    timing = draw_timing(rng, float(rng.choice(list(ranges.fps), p=rates / rates.sum())))
    grid = draw_view(rng, face.landmarks, camera, size, still=not nuisances)
    strength = draw_amplitude(rng, ranges) if amplitude is None else amplitude
    side: Side | None = draw_side(rng) if emotion == "contempt" else None
    motions = []
    for unit in units:  # one strength for the clip, from which each unit differs somewhat
        own = strength if amplitude else float(np.clip(strength * np.exp(rng.normal(0, 0.3)), *ranges.amplitude))
        motions.append(draw_unit(rng, unit, grid, face.landmarks, ranges, amplitude=own, side=side))
    courses, fields, folds = _unit_courses(rng, motions, timing, size)
    if nuisances:
        covered = bed == "hidden" or happens(rng, camera.covered)
        cover = draw_cover(rng, face.landmarks) if covered else None
        frames = _film_clip(rng, face, grid, (courses, fields, folds), timing, domain, _clarity(strength), cover)
    else:
        frames = sample_frames(enlarge(light_face(rng, face, camera, 1.0), (0.4, 0.4), size), grid, courses, fields)
        frames = np.clip(np.rint(frames), 0, 255).astype(np.uint8)
    moments = (timing.onset, timing.apex, timing.offset) if motions else (-1, -1, -1)
    return SyntheticClip(frames, units, [m.facs_code for m in motions], *moments, timing.fps, emotion)


def sample_frames(texture: np.ndarray, grid: np.ndarray, courses: np.ndarray, fields: np.ndarray) -> np.ndarray:
    """Film a face while its skin moves: one matrix product for all displacements, one look-up for all frames.

    Args:
        texture: Grey values of the face and its margin, square.
        grid: Points of the face under the pixels when nothing moves, (2, height, width), in fractions of the crop.
        courses: Weight of every displacement field in every frame, (num_frames, k).
        fields: Displacement of the skin that arrives at each pixel, (k, 2, height, width), in fractions of the crop.

    Returns:
        Grey values, (num_frames, height, width), float32.
    """
    shape = grid.shape[1:]
    moved = courses.astype(np.float32) @ fields.reshape(len(fields), grid.size)  # (num_frames, 2 * height * width)
    scale = len(texture) / (1 + 2 * MARGIN)
    maps = (grid.reshape(1, -1) - moved + np.float32(MARGIN)) * np.float32(scale) - np.float32(0.5)
    maps = maps.reshape(-1, 2, *shape)
    x, y = (np.ascontiguousarray(maps[:, axis]).reshape(-1, shape[1]) for axis in (0, 1))
    frames = np.empty((len(maps), *shape), np.float32)
    for start in range(0, len(maps), 64):  # OpenCV's images end at 32767 rows
        rows = slice(start * shape[0], (start + 64) * shape[0])
        part = cv2.remap(texture, x[rows], y[rows], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        frames[start : start + 64] = part.reshape(-1, *shape)
    return frames


def check_domain(domain: str) -> None:
    """Check a domain's name.

    Raises:
        ValueError: If it is not one of the two.
    """
    if domain not in get_args(Domain):
        raise ValueError(f"unknown domain {domain!r}; it must be one of {', '.join(get_args(Domain))}")


def _clarity(strength: float) -> float:
    """How clear a recording has to be for its units to leave a trace, 0 to 1.

    In a dim, noisy, strongly compressed clip the slightest motion is lost, and its labels could only mislead. Still
    clips have a strength as well, so that the recording tells nothing about the label.
    """
    return float(np.clip((1.1 - strength) / 0.7, 0, 1))


def _unit_courses(
    rng: np.random.Generator, motions: Sequence[UnitMotion], timing: Timing, size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Courses (num_frames, units), displacement fields (units, 2, size, size), folds (units, size, size)."""
    if not motions:
        empty = np.zeros((0, 2, size, size), np.float32)
        return np.zeros((timing.num_frames, 0), np.float32), empty, empty[:, 0]
    lags = rng.normal(0, 0.04, len(motions)) * (timing.offset - timing.onset) * (len(motions) > 1)
    courses = np.stack([timing.profile(lag) for lag in lags], 1)
    fields = np.stack([motion.field * np.float32(motion.amplitude / 64) for motion in motions])
    return courses, fields, np.stack([motion.fold for motion in motions])


def _film_clip(
    rng: np.random.Generator,
    face: Face,
    grid: np.ndarray,
    motion: tuple[np.ndarray, np.ndarray, np.ndarray],
    timing: Timing,
    domain: Domain,
    clarity: float,
    cover: Cover | None,
) -> np.ndarray:
    """Film the moving face with everything that is no unit, (num_frames, size, size), uint8."""
    camera, size, about = CAMERA_RANGES[domain], grid.shape[1], (timing.num_frames, timing.fps)
    courses, fields, folds = motion
    head = head_motion(rng, grid, face.landmarks, camera, *about)
    eyes = eye_motion(rng, grid, face.landmarks, camera, *about)
    jaw = _speech(rng, grid, face, domain, *about)
    light_courses, light_fields = light_course(rng, camera, size, *about)
    shading = 1 + np.tensordot(courses, folds, 1) + np.tensordot(light_courses, light_fields, 1)
    codec = str(rng.choice(("h264", "jpeg", "none"), p=(camera.h264, camera.jpeg, 1 - camera.h264 - camera.jpeg)))
    # an mp4 holds the face larger than the detector sees it, so the encoder has to work on a larger picture
    pixels = 2 * round(size * rng.uniform(1.2, 2.0) / 2) if codec == "h264" else size
    texture = enlarge(light_face(rng, face, camera, clarity), optics(rng, camera), pixels)
    courses = np.concatenate((courses, head[0], eyes[0], jaw[0]), 1)
    fields = np.concatenate((fields, head[1], eyes[1], jaw[1]))
    frames = sample_frames(texture, _resize_maps(grid, pixels), courses, _resize_maps(fields, pixels))
    frames *= _resize_maps(shading.astype(np.float32), pixels)
    if cover is not None:
        placed = _resize_maps(grid, pixels), head[0], _resize_maps(head[1], pixels)
        shade, share = (sample_frames(picture, *placed) for picture in (cover.shade, cover.share))
        frames += share * (shade - frames)
    return film(rng, frames, camera, size, codec=codec, clarity=clarity)


def _speech(
    rng: np.random.Generator, grid: np.ndarray, face: Face, domain: Domain, num_frames: int, fps: float
) -> tuple[np.ndarray, np.ndarray]:
    """A small unlabelled motion of the jaw in a few clips: course (num_frames, k) and field (k, 2, height, width)."""
    if rng.random() > 0.05:
        return np.zeros((num_frames, 0)), np.zeros((0, *grid.shape), np.float32)
    field = displacement_field(rng, JAW_DROP, grid, face.landmarks, MOTION_RANGES[domain], (1.0, 1.0))
    course = np.maximum(smooth_course(rng, num_frames, fps), 0)
    return course[:, None] * rng.uniform(0.3, 1.2) / 64, field[None]


def enlarge(image: np.ndarray, blur: tuple[float, float], pixels: float) -> np.ndarray:
    """Blur a texture by the optics and the area of a pixel, and enlarge it for sampling.

    Args:
        image: The face and its margin, (192, 192).
        blur: Standard deviations along x and y, in pixels of a 64-pixel crop.
        pixels: Pixels along the crop in the frames to be sampled.
    """
    crop = TEXTURE_SIZE / (1 + 2 * MARGIN)
    area = 0.29 * crop / pixels  # standard deviation of a box as wide as a pixel
    along, across = (float(np.hypot(area, sigma * crop / 64)) for sigma in blur)
    soft = cv2.GaussianBlur(image.astype(np.float32), (0, 0), sigmaX=along, sigmaY=across)
    return cv2.resize(soft, None, fx=OVERSAMPLING, fy=OVERSAMPLING, interpolation=cv2.INTER_CUBIC)


def _resize_maps(maps: np.ndarray, pixels: int) -> np.ndarray:
    """Enlarge smooth maps, (..., size, size) to (..., pixels, pixels)."""
    if maps.shape[-1] == pixels:
        return maps
    flat = maps.reshape(-1, *maps.shape[-2:])
    large = np.stack([cv2.resize(each, (pixels, pixels), interpolation=cv2.INTER_LINEAR) for each in flat])
    return large.reshape(*maps.shape[:-2], pixels, pixels)

"""What is not an action unit: light, the crop's misalignment, head motion, blinks, gaze, blur, noise, compression.

All of it appears in clips with and without action units alike. Ranges are own choice.
"""

from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np

from hub.synthetic_faces import Domain, Face, FaceLandmarks, depth

Range = tuple[float, float]


@dataclass(frozen=True)
class CameraRanges:
    """What the recordings of a domain are drawn from.

    Attributes:
        ambient: Share of light without direction.
        contrast: Range of grey values that the face is spread over, of 255.
        gamma: Exponent of the camera's curve.
        misalignment: Of the crop: rotation in degrees, scale, shift in fractions; as two standard deviations.
        drift: Greatest motion of the head in a clip, in pixels of a 64-pixel crop.
        blur: Standard deviation of the blur, in pixels of a 64-pixel crop.
        noise: Standard deviation of the sensor noise at mid grey, in grey values.
        flicker: Greatest relative swing of mains flicker.
        blink: Share of clips with a blink.
        gaze: Share of clips in which the eyes turn.
        h264: Share of clips that go through a true H.264 encoder.
        jpeg: Share that go through JPEG.
        crf: H.264 quality, least and most loss.
        hertz: Mains flicker seen at the sensor.
    """

    ambient: Range
    contrast: Range
    gamma: Range
    misalignment: tuple[float, float, float]
    drift: float
    blur: Range
    noise: Range
    flicker: float
    blink: float
    gaze: float
    h264: float
    jpeg: float
    crf: tuple[int, int]
    hertz: float


CAMERA_RANGES: dict[Domain, CameraRanges] = {
    "A": CameraRanges(
        ambient=(0.35, 0.9), contrast=(70, 240), gamma=(0.65, 1.5), misalignment=(6, 0.1, 0.05), drift=1.5,
        blur=(0.2, 1.1), noise=(0.2, 4.0), flicker=0.02, blink=0.12, gaze=0.15, h264=0.35, jpeg=0.2, crf=(18, 32),
        hertz=100,
    ),
    "B": CameraRanges(
        ambient=(0.15, 0.6), contrast=(40, 160), gamma=(0.45, 1.1), misalignment=(7, 0.12, 0.06), drift=1.8,
        blur=(0.4, 1.4), noise=(1.0, 7.0), flicker=0.04, blink=0.16, gaze=0.2, h264=0.3, jpeg=0.4, crf=(24, 34),
        hertz=120,
    ),
}  # fmt: skip


def light_face(rng: np.random.Generator, face: Face, ranges: CameraRanges, clarity: float = 0.0) -> np.ndarray:
    """The face under a light drawn anew, as the camera's curve renders it.

    Args:
        rng: Source of the draws.
        face: The face.
        ranges: The domain's ranges.
        clarity: 0 to 1; the least contrast rises with it, up to the middle of its range.

    Returns:
        Grey values of the face and its margin, (192, 192), float32, 0 to 255.
    """
    image = face.reflectance
    if face.normals is not None:
        ambient, polar, azimuth = rng.uniform(*ranges.ambient), rng.uniform(0.1, 1.1), rng.uniform(0, 2 * np.pi)
        towards = np.array((np.sin(polar) * np.cos(azimuth), -abs(np.sin(polar) * np.sin(azimuth)), np.cos(polar)))
        facing = np.maximum(np.tensordot(towards.astype(np.float32), face.normals, 1), 0)
        half = (towards + (0, 0, 1)) / np.linalg.norm(towards + (0, 0, 1))
        gloss = np.tensordot(half.astype(np.float32), face.normals, 1) ** 24 * (np.abs(face.normals[:2]).sum(0) > 0.02)
        image = image * (ambient + (1 - ambient) * facing) + rng.uniform(0, 0.12) * gloss
    image = np.maximum(image, 0.002) ** np.float32(rng.uniform(*ranges.gamma))
    inner = image[40:152, 45:147]  # exposure is set on the face
    low, high = np.percentile(inner, (2, 98))
    least, most = ranges.contrast
    span = rng.uniform(least + 0.5 * clarity * (most - least), most)
    floor = rng.uniform(0, 255 - span) * 0.8 + 4
    return np.clip((image - low) / max(high - low, 0.02) * span + floor, 0, 255).astype(np.float32)


def draw_view(
    rng: np.random.Generator, landmarks: FaceLandmarks, ranges: CameraRanges, size: int, *, still: bool = False
) -> np.ndarray:
    """Where each pixel of the aligned crop lies on the face: a face detector's error and a head turned a little.

    Args:
        rng: Source of the draws.
        landmarks: The face's landmarks.
        ranges: The domain's ranges.
        size: Pixels a side.
        still: Leave out misalignment and turn: the pixel grid of the template itself.

    Returns:
        Points of the face in fractions of the crop, (2, size, size), float32.
    """
    axis = ((np.arange(size) + 0.5) / size - 0.5).astype(np.float32)
    x, y = np.meshgrid(axis, axis)
    if still:
        return np.stack((x, y)) + np.float32(0.5)
    rotation, scale, shift = (np.clip(rng.normal(0, 0.5, n), -1, 1) for n in (1, 1, 2))
    angle, factor = np.deg2rad(rotation[0] * ranges.misalignment[0]), np.exp(scale[0] * ranges.misalignment[1])
    cosine, sine = np.float32(factor * np.cos(angle)), np.float32(factor * np.sin(angle))
    moved = np.float32(0.5 + shift * ranges.misalignment[2])[:, None, None]
    grid = np.stack((cosine * x - sine * y, sine * x + cosine * y)) + moved
    turn = np.clip(rng.normal(0, (0.12, 0.1)), -0.25, 0.25).astype(np.float32)  # yaw and pitch, radians
    return grid + turn[:, None, None] * depth(grid, landmarks)


def smooth_course(rng: np.random.Generator, num_frames: int, fps: float) -> np.ndarray:
    """A slow random course through a clip, (num_frames,), within -1 to 1, starting anywhere."""
    seconds = np.arange(num_frames) / fps
    course = np.zeros(num_frames)
    for share in (1.0, 0.5, 0.25):
        course += share * rng.normal() * np.sin(2 * np.pi * rng.uniform(0.2, 2.5) * seconds + rng.uniform(0, 2 * np.pi))
    return np.clip(course / 2, -1, 1)


def head_motion(
    rng: np.random.Generator,
    grid: np.ndarray,
    landmarks: FaceLandmarks,
    ranges: CameraRanges,
    num_frames: int,
    fps: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Drift, rotation, approach and turn of the head through a clip.

    Returns:
        Courses (num_frames, 6) and displacement fields (6, 2, height, width), in fractions of the crop.
    """
    x, y, zero, one = grid[0] - 0.5, grid[1] - 0.5, np.zeros_like(grid[0]), np.ones_like(grid[0])
    far = depth(grid, landmarks)
    fields = np.stack([np.stack(f) for f in ((one, zero), (zero, one), (-y, x), (x, y), (far, zero), (zero, far))])
    most = 0.0 if rng.random() < 0.2 else ranges.drift / 64 * rng.random() ** 1.5
    sizes = most * np.array((1, 1, 0.8, 0.5, 1.5, 1.5)) * rng.uniform(0, 1, 6)
    courses = np.stack([size * smooth_course(rng, num_frames, fps) for size in sizes], 1)
    return courses, fields


def eye_motion(
    rng: np.random.Generator,
    grid: np.ndarray,
    landmarks: FaceLandmarks,
    ranges: CameraRanges,
    num_frames: int,
    fps: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Blinks and turns of the eyes, which are no unit of the set.

    Returns:
        Courses (num_frames, k) and displacement fields (k, 2, height, width); k is 0 if nothing of it happens.
    """
    courses, fields = [], []
    time = np.arange(num_frames) / fps
    if rng.random() < ranges.blink:
        middle, closing, opening = rng.uniform(-0.05, time[-1] + 0.05), rng.uniform(0.04, 0.09), rng.uniform(0.07, 0.16)
        course = np.exp(-0.5 * ((time - middle) / np.where(time < middle, closing, opening)) ** 2)
        extent = 1.0 if rng.random() < 0.6 else rng.uniform(0.2, 0.9)
        levels = np.linspace(0, 1, 5)
        hats = np.maximum(1 - np.abs(extent * course[:, None] - levels[1:]) / levels[1], 0)
        courses += list(hats.T)
        fields += [_lid_closure(grid, landmarks, level) for level in levels[1:]]
    if rng.random() < ranges.gaze:
        start, speed = rng.uniform(-0.02, time[-1]), rng.uniform(0.01, 0.03)
        courses.append(1 / (1 + np.exp(-np.clip((time - start) / speed, -30, 30))) - rng.integers(2))
        fields.append(_gaze_shift(rng, grid, landmarks))
    if not courses:
        return np.zeros((num_frames, 0)), np.zeros((0, *grid.shape), np.float32)
    return np.stack(courses, 1), np.stack(fields)


def _lid_closure(grid: np.ndarray, landmarks: FaceLandmarks, closed: float) -> np.ndarray:
    """Displacement of the upper lid coming down: its edge meets the lower lid when `closed` is 1."""
    field = np.zeros_like(grid)
    half, height = landmarks.eye_size
    for eye in landmarks.eye:
        x, y = (grid[0] - np.float32(eye[0])) / np.float32(1.15 * half), grid[1] - np.float32(eye[1])
        reach = np.maximum(1 - x * x, 0)
        top, bottom = -1.2 * height * reach, 0.9 * height * reach
        fold = top - 1.6 * height
        edge = top + closed * 0.95 * (bottom - top)
        above = np.clip((y - fold) / np.maximum(edge - fold, 1e-4), 0, 1) * (edge - top)
        below = np.clip((bottom - y) / np.maximum(bottom - edge, 1e-4), 0, 1) * (edge - top)
        field[1] += np.where(y < edge, above, below) * (reach > 0)
    return field


def _gaze_shift(rng: np.random.Generator, grid: np.ndarray, landmarks: FaceLandmarks) -> np.ndarray:
    """Displacement of both irises, inside the eye openings only."""
    half, height = landmarks.eye_size
    angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(0.004, 0.025)
    towards = np.array((length * np.cos(angle), 0.4 * length * np.sin(angle)), np.float32)
    inside = np.zeros_like(grid[0])
    for eye in landmarks.eye:
        x, y = (grid[0] - eye[0]) / half, (grid[1] - eye[1]) / height
        inside += np.exp(-np.square(np.square(x / 0.9) + np.square(y / 1.0))).astype(np.float32)
    return towards[:, None, None] * inside


def light_course(
    rng: np.random.Generator, ranges: CameraRanges, size: int, num_frames: int, fps: float
) -> tuple[np.ndarray, np.ndarray]:
    """Changes of light through a clip: a gradient that wanders, exposure, mains flicker, a shadow that passes.

    Returns:
        Courses (num_frames, 4) and relative changes of brightness (4, size, size).
    """
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    angle = rng.uniform(0, 2 * np.pi)
    spot = np.exp(-0.5 * (np.square((x - rng.uniform(-1, 1)) / 0.5) + np.square((y - rng.uniform(-1, 1)) / 0.5)))
    fields = np.stack((np.cos(angle) * x + np.sin(angle) * y, np.ones_like(x), np.ones_like(x), spot))
    amounts = [
        rng.uniform(*most) if rng.random() < 0.5 else 0.0
        for most in ((0, 0.06), (0, 0.05), (0, ranges.flicker), (0, 0.08))
    ]
    hum = np.sin(
        2 * np.pi * ranges.hertz * np.arange(num_frames) / fps * rng.uniform(0.98, 1.02) + rng.uniform(0, 6.28)
    )
    courses = [smooth_course(rng, num_frames, fps) for _ in range(4)]
    courses[2] = hum
    constant = rng.normal(0, 0.12)  # a gradient that stays
    return np.stack([amount * course for amount, course in zip(amounts, courses, strict=True)], 1) + (
        constant,
        0,
        0,
        0,
    ), fields


def optics(rng: np.random.Generator, ranges: CameraRanges) -> tuple[float, float]:
    """Blur along x and y, standard deviations in pixels of a 64-pixel crop; a third of clips blurs one way more."""
    blur = rng.uniform(*ranges.blur)
    stretch = np.exp(rng.normal(0, 0.35)) if rng.random() < 0.33 else 1.0
    return blur * stretch, blur / stretch


def film(
    rng: np.random.Generator, frames: np.ndarray, ranges: CameraRanges, size: int, *, codec: str, clarity: float = 0.0
) -> np.ndarray:
    """Noise, rounding and compression.

    Args:
        rng: Source of the draws.
        frames: Grey values, (num_frames, height, width), float32.
        ranges: The domain's ranges.
        size: Pixels a side of the result.
        codec: `h264`, `jpeg` or `none`.
        clarity: 0 to 1; the most noise and the strongest compression fall with it.

    Returns:
        Frames, (num_frames, size, size), uint8.
    """
    quietest, loudest = np.log(ranges.noise)
    sensor = (
        np.exp(rng.uniform(quietest, loudest - 0.3 * clarity * (loudest - quietest))) * frames.shape[1] / size
    )  # the reduction averages it
    grain = rng.standard_normal(frames.shape, dtype=np.float32)
    if rng.random() < 0.5:  # photon noise grows with the square root of the light
        grain *= np.sqrt(np.maximum(frames, 1) / 128)
    noisy = frames + np.float32(sensor) * grain
    if rng.random() < 0.08:
        step = np.float32(rng.integers(2, 5))
        noisy = np.round(noisy / step) * step
    pictures = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    if codec == "h264":
        best, worst = ranges.crf
        crf = int(rng.integers(best, round(worst - 0.6 * clarity * (worst - best)), endpoint=True))
        pictures = h264_round_trip(pictures, crf=crf, rng=rng)
    elif codec == "jpeg":
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(45, 98))]
        pictures = np.stack([cv2.imdecode(cv2.imencode(".jpg", p, quality)[1], cv2.IMREAD_GRAYSCALE) for p in pictures])
    if pictures.shape[1] == size:
        return pictures
    return np.stack([cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA) for picture in pictures])


def h264_round_trip(frames: np.ndarray, *, crf: int, rng: np.random.Generator) -> np.ndarray:
    """Encode and decode with H.264, as a plain mp4 would hold the frames.

    Args:
        frames: (num_frames, height, width), uint8; height and width even.
        crf: Quality of the encoder, 18 (good) to 34 (poor).
        rng: Draws the encoder's preset.
    """
    height, width = frames.shape[1:]
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = width, height, "yuv420p", Fraction(1, 30)
    encoder.options = {
        "crf": str(crf),
        "preset": str(rng.choice(("ultrafast", "superfast", "veryfast", "medium"), p=(0.25, 0.35, 0.25, 0.15))),
    }
    encoder.thread_count = 1
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    colour = np.full((height // 2, width), 128, np.uint8)
    packets = []
    for index, frame in enumerate(frames):
        picture = av.VideoFrame.from_ndarray(np.concatenate((frame, colour)), format="yuv420p")
        picture.pts = index
        packets += encoder.encode(picture)
    packets += encoder.encode(None)
    decoded = [frame for packet in packets for frame in decoder.decode(packet)] + list(decoder.decode(None))
    return np.stack([frame.to_ndarray()[:height] for frame in decoded])

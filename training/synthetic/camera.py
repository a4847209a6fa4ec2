"""How a face is recorded, which is no action unit: light and its changes, blur, noise, compression.

All of it appears in clips with and without action units alike. Ranges are own choice.
"""

from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np

from training.synthetic.faces import Domain, Face
from training.synthetic.timing import smooth_course

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
        covered: Share of clips with something before the face, see `beds.draw_cover`.
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
    covered: float
    h264: float
    jpeg: float
    crf: tuple[int, int]
    hertz: float


CAMERA_RANGES: dict[Domain, CameraRanges] = {
    "A": CameraRanges(
        ambient=(0.35, 0.9), contrast=(70, 240), gamma=(0.65, 1.5), misalignment=(6, 0.1, 0.05), drift=2.0,
        blur=(0.1, 0.95), noise=(0.15, 3.5), flicker=0.02, blink=0.2, gaze=0.15, covered=0.12, h264=0.35, jpeg=0.2,
        crf=(18, 32), hertz=100,
    ),
    "B": CameraRanges(
        ambient=(0.15, 0.6), contrast=(55, 190), gamma=(0.5, 1.15), misalignment=(7, 0.12, 0.06), drift=1.8,
        blur=(0.3, 1.15), noise=(0.6, 4.5), flicker=0.04, blink=0.16, gaze=0.2, covered=0.0, h264=0.3, jpeg=0.4,
        crf=(22, 32), hertz=120,
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
        half = towards + np.array((0, 0, 1))  # between light and camera: where gloss is brightest
        half /= np.linalg.norm(half)
        gloss = np.tensordot(half.astype(np.float32), face.normals, 1) ** 24 * (np.abs(face.normals[:2]).sum(0) > 0.02)
        image = image * (ambient + (1 - ambient) * facing) + rng.uniform(0, 0.12) * gloss
    image = np.maximum(image, 0.002) ** np.float32(rng.uniform(*ranges.gamma))
    inner = image[40:152, 45:147]  # exposure is set on the face
    low, high = np.percentile(inner, (2, 98))
    least, most = ranges.contrast
    span = rng.uniform(least + 0.5 * clarity * (most - least), most)
    floor = rng.uniform(0, 255 - span) * 0.8 + 4
    return np.clip((image - low) / max(high - low, 0.02) * span + floor, 0, 255).astype(np.float32)


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
    drawn = np.stack([amount * course for amount, course in zip(amounts, courses, strict=True)], 1)
    drawn[:, 0] += rng.normal(0, 0.12)  # a gradient that stays
    return drawn, fields


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
        files = [cv2.imencode(".jpg", picture, quality)[1] for picture in pictures]
        pictures = np.stack([np.asarray(cv2.imdecode(file, cv2.IMREAD_GRAYSCALE)) for file in files])
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
        "mbtree": "0",  # with it x264 gives other bytes each time, see findings/x264-other-bytes-each-time.sh
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

"""What the light and the camera do on their own: flicker and its lamp, pumping of exposure and focus, a moving camera.

Own choices throughout. A face moves in one part of the picture; light, exposure and camera change all of it, so that
medians over bands of rows, or over parts of the picture, tell them from a face.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np

from .recording_frames import GLANCE, Stretch

MAINS = (50.0, 60.0)  # Hz; lamps follow the voltage's square, so they flicker at twice that
SLOWEST_FLICKER = 2.5  # Hz; slower changes are exposure's, or the day's
LEAST_FLICKER = 0.002  # of the brightness: an amplitude that stands out, and not that of noise
PROMINENCE = 30.0  # of the flicker's power over the median of all frequencies
BESIDE, OVER_SIDES = 4, 8.0  # bins away from the peak, over whose power it stands: a step has a slope of frequencies
LEAST_FRAMES = 24  # for a spectrum
CUT_LIGHT, CUT_DETAIL = 0.15, 0.5  # in logarithms, from one frame to the next
PUMPING_SECONDS = 0.5  # as long as a micro-expression lasts at most


@dataclass(frozen=True)
class Flicker:
    """Periodic change of the light.

    Attributes:
        seen: Hz, as the recording shows it.
        amplitude: Share of the brightness.
        lamp: Hz of the lamps that appear so at this frame rate (aliasing); None if no mains fits.
        mains: Hz of the mains behind it.
        is_rolling: Whether bands roll through the picture, as with a rolling shutter.
    """

    seen: float
    amplitude: float
    lamp: float | None
    mains: float | None
    is_rolling: bool

    @property
    def text(self) -> str:
        """In words."""
        rolling = ", in bands that roll through the picture" if self.is_rolling else ""
        words = f"the light flickers by {self.amplitude:.1%} at {self.seen:.3g} Hz{rolling}"
        if self.lamp is None:
            return f"{words}, which no mains explains"
        return f"{words}: lamps at {self.lamp:g} Hz ({self.mains:g} Hz mains)"


def find_flicker(stretches: Sequence[Stretch], fps: float) -> Flicker | None:
    """The strongest flicker of all stretches; None if there is none, or too few frames to tell.

    Args:
        stretches: Of one recording.
        fps: Frames a second.
    """
    found = [flicker for stretch in stretches if (flicker := _flicker(stretch, fps)) is not None]
    return max(found, key=lambda flicker: flicker.amplitude, default=None)


def _flicker(stretch: Stretch, fps: float) -> Flicker | None:
    num_frames = len(stretch.bands)
    if num_frames < LEAST_FRAMES:
        return None
    slowest = max(SLOWEST_FLICKER, 3 * fps / num_frames)  # three periods at least
    deviation = _relative(stretch.bands)
    time = np.linspace(-1, 1, num_frames)
    slow = np.polynomial.polynomial.polyvander(time, 3)  # drifts of exposure and movement
    deviation -= slow @ np.linalg.lstsq(slow, deviation, rcond=None)[0]
    window = np.hanning(num_frames)[:, None]
    spectrum = np.fft.rfft(deviation * window, axis=0) / window.sum() * 2
    frequencies = np.fft.rfftfreq(num_frames, 1 / fps)
    power = np.median(np.abs(spectrum) ** 2, axis=1)
    peak = int(np.argmax(np.where(frequencies < slowest, 0, power)))
    amplitude = float(np.sqrt(power[peak]))
    background = np.median(power[frequencies >= slowest])
    sides = [power[place] for place in (max(1, peak - BESIDE), peak + BESIDE) if place < len(power)]
    if amplitude < LEAST_FLICKER or power[peak] < max(PROMINENCE * background, OVER_SIDES * max(sides)):
        return None
    together = abs(spectrum[peak].mean()) / np.abs(spectrum[peak]).mean()
    seen = float(frequencies[peak])
    lamp, mains = _lamp(seen, fps, 1.5 * fps / num_frames)
    return Flicker(seen, amplitude, lamp, mains, bool(together < 0.8))


def _lamp(seen: float, fps: float, tolerance: float) -> tuple[float | None, float | None]:
    """The lamp whose flicker appears at a frequency, once sampled at the frame rate, and its mains."""
    lamps = [(mains * times, mains) for times, mains in product((2, 1), MAINS)]
    fitting = [(lamp, mains) for lamp, mains in lamps if abs(abs(lamp - round(lamp / fps) * fps) - seen) <= tolerance]
    return fitting[0] if fitting else (None, None)  # twice the mains first: so lamps flicker


def exposure_change(stretches: Sequence[Stretch], fps: float) -> float:
    """Largest change of the whole picture's brightness within half a second, as a share; flicker is averaged out."""
    return max(_largest_change(np.log(_gains(stretch.glances)), fps, CUT_LIGHT) for stretch in stretches)


def focus_change(stretches: Sequence[Stretch], fps: float) -> float:
    """Largest change of the face's sharpness within half a second, as a share (of its mean absolute gradient)."""
    found = [0.0]
    for stretch in stretches:
        if stretch.face is not None:
            step = max(1, round(fps / 30))
            detail = np.array([_detail(picture) for picture in stretch.face[::step]])
            found.append(_largest_change(np.log(np.maximum(detail, 1e-3)), fps / step, CUT_DETAIL))
    return max(found)


def camera_movement(stretches: Sequence[Stretch], longer_side: int) -> float:
    """How far the picture around the face moves within half a second, in pixels; 0 where nothing in it tells.

    Args:
        stretches: Of one recording.
        longer_side: Of its pictures, in pixels.
    """
    shifts = [0.0]
    for stretch in stretches:
        ahead = int(np.searchsorted(stretch.times, stretch.times[0] + PUMPING_SECONDS))
        for first in range(0, len(stretch.times) - ahead, max(1, ahead)):
            shifts.append(_shift(stretch.glances[first], stretch.glances[first + ahead]) * longer_side / GLANCE)
    return max(shifts)


def _relative(bands: np.ndarray) -> np.ndarray:
    """(num_frames, bands) deviation of each band from its mean, as a share of it; bands too dark to tell left out."""
    means = bands.mean(axis=0)
    bright = means >= min(16.0, means.max())
    return bands[:, bright] / np.maximum(means[bright], 1) - 1


def _gains(glances: np.ndarray) -> np.ndarray:
    """(num_frames,) brightness of the picture against the first one: the median over its parts."""
    parts = np.stack([cv2.resize(glance, (8, 8), interpolation=cv2.INTER_AREA).ravel() for glance in glances])
    return np.median((parts + 1) / (parts[:1] + 1), axis=1)


def _detail(picture: np.ndarray) -> float:
    """Mean absolute difference of neighbours, less what brightness alone does to it."""
    values = picture.astype(np.int16)
    return float(np.abs(np.diff(values, axis=1)).mean() / (values.mean() + 1))


def _largest_change(logarithms: np.ndarray, fps: float, cut: float) -> float:
    """Of a smoothed course, between any two moments at most half a second apart; a leap by `cut` is none, but a cut."""
    reach, changes = max(2, round(PUMPING_SECONDS * fps) + 1), [0.0]
    for part in np.split(logarithms, np.flatnonzero(np.abs(np.diff(logarithms)) > cut) + 1):
        width = max(1, min(len(part), round(0.15 * fps)))
        smooth = np.convolve(part, np.ones(width) / width, "valid")
        changes += [np.ptp(smooth[start : start + reach]) for start in range(max(1, len(smooth) - reach + 1))]
    return float(np.expm1(max(changes)))


def _shift(first: np.ndarray, other: np.ndarray) -> float:
    """Pixels of a small picture, by phase correlation; its middle, where the face is, left out."""
    window = cv2.createHanningWindow(first.shape[::-1], cv2.CV_32F)
    height, width = first.shape
    window[height // 5 :, width // 4 : width - width // 4] = 0
    (x, y), certainty = cv2.phaseCorrelate((first - first.mean()) * window, (other - other.mean()) * window)
    return float(np.hypot(x, y)) if certainty > 0.5 else 0.0

"""Three ways of the field to make events of a recording, to stand beside ours in the same table; none is trained here.

They take arrays and seconds and give `Event`s. What they find is `micro` up to half a second (Yan et al., Journal of
Nonverbal Behavior 37, 2013: the total duration of micro-expressions), else `longer`.
"""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.signal import find_peaks

from modeling_aullm.facs import ACTION_UNITS
from training.scoring.spotting import ROUNDING, Event

MICRO_SECONDS = 0.5
HALF_LENGTH = 0.2  # seconds: half the mean duration
MEAN_SHARE = 0.55
STRAIN_FACTOR = 2.0
STRAIN_HIGH_PASS = 2.0  # seconds
REGION = 0.08  # half a region's side, as a share of the crop's


def window_events(
    starts: np.ndarray, ends: np.ndarray, probabilities: np.ndarray, thresholds: np.ndarray, action_units: Sequence[str]
) -> list[Event]:
    """Runs of windows in which any unit is active, from the first one's start to the last one's end.

    An event has the units that are active in any of its windows (so a unit's interval is the whole run's; for runs of
    each unit by itself give one column at a time), and its apex in the middle of the window that lies furthest above
    its thresholds (own choice). A run ends, too, where the next window does not begin before the last one's end.

    Args:
        starts: Seconds, ascending, shape (windows,).
        ends: Seconds, shape (windows,).
        probabilities: Shape (windows, units); NaN where nothing can be said, which is not active.
        thresholds: A unit is active from here on, shape (units,).
        action_units: Code of each column.
    """
    starts, ends = np.asarray(starts, float), np.asarray(ends, float)
    excess = np.nan_to_num(np.asarray(probabilities, float) - np.asarray(thresholds, float), nan=-np.inf)
    active = excess >= 0
    chosen = np.flatnonzero(active.any(1))
    parts = np.flatnonzero((np.diff(chosen) > 1) | (starts[chosen[1:]] > ends[chosen[:-1]] + ROUNDING)) + 1
    events = []
    for run in np.split(chosen, parts) if len(chosen) else []:
        best = run[np.argmax(excess[run].max(1))]
        units = np.array(action_units)[active[run].any(0)].tolist()
        events.append(_event(starts[run[0]], (starts[best] + ends[best]) / 2, ends[run].max(), units))
    return events


def mean_events(
    times: np.ndarray, scores: np.ndarray, half_length: float = HALF_LENGTH, share: float = MEAN_SHARE
) -> list[Event]:
    """The recipe of MEAN (Liong, See and Chan 2023; repository genbing99/MEAN_Spot-then-recognize, `spotting`).

    With k frames in half the mean duration: the score is smoothed by a box of 2k frames; peaks stand above
    mean + share * (max - mean) OF THIS RECORDING and k or more apart; an event is a peak and k frames on either side.
    Since the threshold hangs on the recording's own maximum, it finds something in a still one, too. Own choice: NaN
    counts as the lowest score of the recording, and an event ends where the recording does.

    Args:
        times: Seconds of the frames, ascending, shape (frames,).
        scores: How much each frame looks like an expression's, shape (frames,); NaN without a face.
        half_length: Half the mean duration of the training subjects' events, seconds.
        share: p of the recipe.

    Returns:
        Events without units, see `name_units`; none in a recording without any score.
    """
    if not np.isfinite(scores).any():
        return []
    k = _frames(times, half_length)
    smooth = _smooth(np.where(np.isfinite(scores), scores, np.nanmin(scores)), k)
    height = smooth.mean() + share * (smooth.max() - smooth.mean())
    return _around(times, find_peaks(smooth, height=height, distance=k)[0], k)


def strain_signal(times: np.ndarray, crops: np.ndarray, half_length: float = HALF_LENGTH) -> np.ndarray:
    """How much the skin is deformed over k frames around each frame, k frames being `half_length`.

    Optical flow (Farneback's, since TV-L1 is not in OpenCV's main packages) between frame t and t + k stands for frame
    t + k / 2. Strain sqrt(u_x^2 + v_y^2 + (u_y + v_x)^2 / 2), as Shreve et al. (FG 2011) and MEAN's code have it, is
    averaged over square regions where action units move the skin, without the eyes' (blinks), then over regions (own
    choice).

    Args:
        times: Seconds of the frames, ascending, shape (frames,).
        crops: Aligned faces, uint8, shape (frames, size, size); a face in every frame.
        half_length: Half the mean duration of an event, seconds.

    Returns:
        Pixels a pixel, shape (frames,); the ends, where a frame lacks its partner, repeat the nearest value; zeros if
        there are k frames or fewer.
    """
    k = _frames(times, half_length)
    if len(crops) <= k:
        return np.zeros(len(crops))
    regions = _regions(crops.shape[1])
    strain = np.zeros(len(crops) - k)
    for index, (first, other) in enumerate(zip(crops[:-k], crops[k:], strict=True)):
        flow = cv2.calcOpticalFlowFarneback(first, other, None, 0.5, 2, 11, 3, 5, 1.1, 0)  # type: ignore[call-overload]
        magnitude = _strain(flow)
        strain[index] = np.mean([magnitude[region].mean() for region in regions])
    return np.pad(strain, (k // 2, k - k // 2), mode="edge")


def strain_events(
    times: np.ndarray, crops: np.ndarray, half_length: float = HALF_LENGTH, factor: float = STRAIN_FACTOR
) -> list[Event]:
    """Peaks of `strain_signal`, high-passed, above mean + factor * standard deviation of the recording.

    Strain is high on the way to the apex and again on the way back: a box of 2k + 1 frames makes one hump of both,
    whose top is the apex. Slow drift is taken off as the running mean of two seconds (own choice). An event is a peak
    and k frames on either side; peaks are 2k or more apart.

    Args:
        times: Seconds of the frames, ascending, shape (frames,).
        crops: As `strain_signal` takes them; give each stretch with a face by itself.
        half_length: Half the mean duration of an event, seconds.
        factor: lambda; chosen on other recordings than those scored.

    Returns:
        Events without units, see `name_units`; none in a stretch too short to see one in.
    """
    k = _frames(times, half_length)
    if len(crops) <= 2 * k:
        return []
    smooth = uniform_filter1d(strain_signal(times, crops, half_length), 2 * k + 1, mode="nearest")
    passed = smooth - uniform_filter1d(smooth, max(2 * k + 1, _frames(times, STRAIN_HIGH_PASS)), mode="nearest")
    height = passed.mean() + factor * passed.std()
    return _around(times, find_peaks(passed, height=max(height, np.finfo(float).eps), distance=2 * k)[0], k)


def name_units(
    events: Sequence[Event], times: np.ndarray, active: np.ndarray, action_units: Sequence[str]
) -> list[Event]:
    """The events with the units that are active in over half of the frames from onset to apex.

    MEAN names an emotion so: the one of most frames in the k before the peak.

    Args:
        events: From `mean_events` or `strain_events`.
        times: Seconds of the frames, ascending, shape (frames,).
        active: Decisions, shape (frames, units).
        action_units: Code of each column.
    """
    named = []
    for event in events:
        rising = active[(times >= event.onset) & (times <= event.apex)]
        is_most = rising.mean(0) > 0.5 if len(rising) else np.zeros(len(action_units), bool)
        named.append(replace(event, units=frozenset(itertools.compress(action_units, is_most))))
    return named


def _event(onset: float, apex: float, offset: float, units: Sequence[str] = ()) -> Event:
    is_micro = offset - onset <= MICRO_SECONDS + ROUNDING
    return Event(float(onset), float(apex), float(offset), frozenset(units), "micro" if is_micro else "longer")


def _around(times: np.ndarray, peaks: np.ndarray, k: int) -> list[Event]:
    last = len(times) - 1
    return [_event(times[max(0, peak - k)], times[peak], times[min(last, peak + k)]) for peak in peaks]


def _frames(times: np.ndarray, seconds: float) -> int:
    """So many frames are that long at the recording's usual rate; one at least."""
    return max(1, round(seconds / float(np.median(np.diff(times))))) if len(times) > 1 else 1


def _smooth(scores: np.ndarray, k: int) -> np.ndarray:
    """Box of 2k frames, zero beyond the ends, as numpy's `same` has it; never longer than the scores."""
    return np.convolve(scores, np.full(2 * k, 1 / (2 * k)))[k - 1 : k - 1 + len(scores)]


def _strain(flow: np.ndarray) -> np.ndarray:
    (u_y, u_x), (v_y, v_x) = np.gradient(flow[..., 0]), np.gradient(flow[..., 1])
    return np.sqrt(u_x**2 + v_y**2 + (u_y + v_x) ** 2 / 2)


def _regions(size: int) -> list[tuple[slice, slice]]:
    """Rows and columns around the sites of all units but the eyes'."""
    sites = sorted({site for unit in ACTION_UNITS.values() if unit.region != "eye" for site in unit.sites})
    return [
        (slice(round((y - REGION) * size), round((y + REGION) * size)),
         slice(round((x - REGION) * size), round((x + REGION) * size)))
        for x, y in sites
    ]  # fmt: skip

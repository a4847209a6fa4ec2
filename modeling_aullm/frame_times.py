"""When each frame of a video file is shown: told by the frames themselves, since a header may claim any rate."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from statistics import fmean, median_low

from av.packet import Packet

from .video_stream import MIN_FRAMES

# In containers whose clock may be set anew (MPEG transport and program streams): their frames carry times at most
# 0.7 s apart (ISO/IEC 13818-1, 2.7.4), so that a longer leap is a break; one beyond FFmpeg's own limit
# (-dts_delta_threshold) says nothing about how long the break was.
BREAK_SECONDS, CLOCK_SET_SECONDS = 0.7, 10.0
DAMAGED_SECONDS = 30 * 3600.0  # in any container: FFmpeg's -dts_error_threshold
# Own choice: beyond the second share of the usual spacing a picture was held or one dropped, and below the first the
# next one makes up for that. More of them than this share of all spacings are no exceptions: the file is spaced so.
USUAL_SPACINGS, MOST_EXCEPTIONS = (0.5, 1.75), 0.25


def measure_rate(packets: Sequence[Packet], stated: Sequence[Fraction | None]) -> float | None:
    """Frames a second, by the spacing of a file's first packets.

    Args:
        packets: As they follow in the file.
        stated: Rates that the header gives, by trust; one that the times bear out is returned, since it is exact where
            times are rounded to a clock's ticks.

    Returns:
        The rate; the first one stated where fewer than two packets have times; None if nothing is known.
    """
    rates = [float(rate) for rate in stated if rate]
    times = [packet.dts for packet in packets if packet.dts is not None]  # in order
    shown = sorted(packet.pts for packet in packets if packet.pts is not None)
    if times == sorted(times):  # else parts are joined; with B-frames writers leave out the first dts, or make them up
        whole = [time for time in shown if times and time <= times[-1]]  # behind, some are still to come
        times = next((found for found in (whole, shown) if len(found) >= MIN_FRAMES), times)
    spacings = [later - time for time, later in pairwise(times) if later > time]
    if not spacings or not packets[0].time_base:
        return rates[0] if rates else None
    tick = float(packets[0].time_base)
    spacing, rounding = usual_spacing([spacing * tick for spacing in spacings]), tick / len(spacings)
    return next((rate for rate in rates if abs(1 / rate - spacing) <= rounding), 1 / spacing)


def usual_spacing(spacings: Sequence[float]) -> float:
    """Mean of some spacings, at least one, in seconds, without those of pictures that were held or dropped."""
    low, high = (share * median_low(spacings) for share in USUAL_SPACINGS)
    pairs = list(pairwise([0.0, *spacings]))
    odd = sum(spacing > high or (spacing < low and before <= high) for before, spacing in pairs)
    high = max(high, BREAK_SECONDS) if odd > MOST_EXCEPTIONS * len(spacings) else high
    return fmean(spacing for before, spacing in pairs if spacing <= high and (spacing >= low or before <= high))


class FrameClock:
    """Gives each frame its time, which never falls back, and notices where the source's own times break.

    Args:
        frame_length: Seconds from a frame to the next where nothing else is told.
        is_counted: Whether frames are `frame_length` apart whatever they say: the rate was given by people, or the
            file's times are made up.
        is_joinable: Whether the container's clock may be set anew on the way, as in transport streams.
    """

    def __init__(self, frame_length: float, is_counted: bool, is_joinable: bool) -> None:
        self.frame_length = frame_length
        self.is_counted = is_counted
        self.longest_gap = BREAK_SECONDS if is_joinable else DAMAGED_SECONDS
        self.longest_kept = CLOCK_SET_SECONDS if is_joinable else DAMAGED_SECONDS
        self._num_frames = 0
        self._offset = 0.0  # what is taken off a stated time
        self._last: tuple[float, float] | None = None  # stated time of the last frame that had one, and its length
        self._time = 0.0

    def place(self, stated: float | None, length: float | None) -> tuple[float, bool]:
        """Place the next frame.

        Args:
            stated: Its time by the file, in seconds; None if it has none.
            length: How long it is shown by the file, in seconds, if it says so.

        Returns:
            Seconds since the first frame, and whether this frame does not follow the one before: its time falls back
            by more than half a frame, or leaps. After a fall back, and after a leap so long that the clock must have
            been set, time goes on one frame after the last one.
        """
        starts_anew = False
        if stated is not None:
            starts_anew = self._follow(stated)
            self._last = stated, length or self.frame_length
        if self.is_counted:
            time = self._num_frames * self.frame_length
        elif stated is None:
            time = self._time + (self.frame_length if self._num_frames else 0.0)
        else:
            time = max(self._time, stated - self._offset)
        self._num_frames, self._time = self._num_frames + 1, time
        return time, starts_anew

    def _follow(self, stated: float) -> bool:
        """Compare a stated time with the last one; moves the offset where the clock was set."""
        if self._last is None:
            self._offset = stated - self._time
            return False
        last, length = self._last
        fallen, gap = stated < last - length / 2, stated - last - length
        if fallen or gap > self.longest_kept:
            self._offset = stated - (self._time + length)
        return fallen or gap > self.longest_gap

"""The progress bar of a prediction: frames of all sources, with the time that remains."""

from collections.abc import Sequence
from types import TracebackType

from tqdm import tqdm

from .video_reading import VideoSource, open_video

MOST_OPENED = 50  # sources opened beforehand for their number of frames; further ones are taken for as long as these


class Progress:
    """Context manager; shown on a terminal only, after a second.

    Args:
        sources: What will be read, in order.
    """

    def __init__(self, sources: Sequence[VideoSource]) -> None:
        self._bar = tqdm(desc="predicting", unit=" frames", delay=1, disable=None, leave=False, smoothing=0.05)
        opened = [] if self._bar.disable else [_num_frames(source) for source in sources[:MOST_OPENED]]
        known = [number for number in opened if number]
        self._expected: list[float] = []
        if known:
            average = sum(known) / len(known)
            self._expected = [number or average for number in opened] + [average] * (len(sources) - len(opened))
            self._bar.total = round(sum(self._expected))
        self._source, self._reached = 0, 0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.close()

    def reach(self, num_frames: int) -> None:
        """So many frames of this source are done."""
        if num_frames > self._reached:
            self._bar.update(num_frames - self._reached)
            self._reached = num_frames

    def next_source(self) -> None:
        """This source is done, or cannot be used: what was expected of it and did not come is no longer awaited."""
        if self._expected:
            self._expected[self._source] = self._reached
            self._bar.total = round(sum(self._expected))
        self._source, self._reached = self._source + 1, 0


def _num_frames(source: VideoSource) -> int | None:
    """By the source's own account, which is no more than an estimate for files; None if it cannot be opened."""
    try:
        with open_video(source) as video:
            return video.num_frames
    except (ValueError, OSError):
        return None

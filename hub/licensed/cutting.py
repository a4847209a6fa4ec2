"""Which of a folder's frames are a clip, when the annotation and the folder do not quite agree."""

from collections.abc import Sequence

from hub.licensed.annotations import Moments
from hub.licensed.description import LicensedDataset
from hub.licensed.plans import FrameRange
from hub.licensed.remarks import ClipError, Kind

# Own choices. With fewer of its frames a clip's motion is not what was coded. Ten seconds are twenty times the longest
# micro-expression: a longer range is a mistake, and its frames might not fit into memory.
MIN_SHARE = 0.5
MAX_SECONDS = 10
MIN_FRAMES = 2

Problem = tuple[Kind, str, str]


def cut(
    moments: Moments, numbers: Sequence[int], dataset: LicensedDataset, frame_range: FrameRange
) -> tuple[list[int], Moments, list[Problem]]:
    """Choose the frames of a clip. Time and memory depend on the images there are, not on the numbers claimed.

    Args:
        moments: As annotated.
        numbers: Of the images in the clip's folder, in order.
        dataset: Whose clip it is.
        frame_range: Which frames belong to it.

    Returns:
        The images' numbers; the moments in these numbers, None where unknown or outside; and what is to be said.

    Raises:
        ClipError: If there is no clip.
    """
    moments, problems = _checked(moments, dataset, frame_range)
    onset, apex, offset = moments
    end = apex if frame_range == "onset_apex" else offset
    assert onset is not None and end is not None and offset is not None
    claimed = offset - onset + 1
    if not dataset.whole_recordings and len(numbers) == claimed and numbers[0] != onset:
        shift = Moments(*(None if each is None else numbers[each - onset] for each in moments))
        detail = f"{numbers[0]} to {numbers[-1]} instead of {onset} to {offset}"
        problems.append(("mended", "frames numbered otherwise, as many as annotated: taken in order", detail))
        moments, onset, end = shift, shift.onset, shift.apex if frame_range == "onset_apex" else shift.offset
        assert onset is not None and end is not None
    chosen = [number for number in numbers if onset <= number <= end]
    claimed = min(end - onset + 1, claimed)
    if len(chosen) < max(MIN_FRAMES, MIN_SHARE * claimed):
        raise ClipError("most of its frames are missing", f"{len(chosen)} of {claimed} from {onset} to {end}")
    if len(chosen) > MAX_SECONDS * dataset.fps:
        raise ClipError(f"longer than {MAX_SECONDS} s, which no micro-expression is", f"frames {onset} to {end}")
    if len(chosen) < claimed:
        missing = sorted(set(range(onset, end + 1)) - set(chosen))
        names = ", ".join(map(str, missing[:5])) + ", ..." * (len(missing) > 5)
        problems.append(("mended", "frames missing: made of the others", f"{len(missing)} of {claimed}: {names}"))
    return chosen, Moments(onset, moments.apex, None if frame_range == "onset_apex" else moments.offset), problems


def _checked(moments: Moments, dataset: LicensedDataset, frame_range: FrameRange) -> tuple[Moments, list[Problem]]:
    """The moments in order; an apex that is none is given up where it is not needed."""
    onset, apex, offset = moments
    shown = f"onset {_shown(onset)}, apex {_shown(apex)}, offset {_shown(offset)}"
    if onset is None or offset is None:
        raise ClipError("onset or offset is missing", shown)
    if onset >= offset:
        raise ClipError("onset is not before offset", shown)
    if apex is not None and onset <= apex <= offset:
        if frame_range == "onset_apex" and apex == onset:
            raise ClipError("apex is the onset: --range onset_apex leaves one frame", shown)
        return moments, []
    if frame_range == "onset_apex":
        raise ClipError("no apex between onset and offset, which --range onset_apex needs", shown)
    if apex is None:
        return moments, [("kept", "apex unknown", "")] if dataset.has_apex else []
    return Moments(onset, None, offset), [("mended", "apex not between onset and offset: taken as unknown", shown)]


def _shown(moment: int | None) -> str:
    return "missing" if moment is None else str(moment)

"""What of an interval of a spreadsheet can be an event among a recording's frames, and what is said of the others.

The published sheets write 0 for a moment that cannot be seen, as where an expression begins while another lasts
(SAMM Long Videos, CAS(ME)^2). HeyingGithub/Baseline-project-for-MEGC2020_spotting and genbing99/SoftNet-SpotME take the
apex as the offset then; here also as the onset, likewise (own choice). An apex elsewhere than between the two is
unknown. Nothing else is guessed: a row that still makes no sense is left out, and listed.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from hub.licensed.action_unit_codes import present_units
from hub.licensed.annotations import Moments
from hub.licensed.cutting import MIN_FRAMES, MIN_SHARE
from hub.licensed.known_mistakes import mend_moments
from hub.licensed.recordings.intervals import Interval, Problem
from hub.licensed.recordings.plans import Event
from hub.licensed.remarks import ClipError


def make_event(
    interval: Interval, numbers: Sequence[int], *, keep_uncertain: bool = False
) -> tuple[Event, list[Problem]]:
    """Check an interval against its recording.

    Args:
        interval: The row.
        numbers: Of the recording's frames, in order.
        keep_uncertain: Count action units of which the coder was not sure as present.

    Returns:
        The event, in numbers of frames; and what is to be said of it.

    Raises:
        ClipError: If it is none.
    """
    annotation, problems = interval.annotation, list(interval.problems)
    if interval.may_be_mended and interval.sheet.clips is not None:
        annotation, said = mend_moments(annotation, interval.sheet.clips, set(numbers))
        problems += [(remark.kind, remark.what, remark.detail) for remark in said]
    moments = _within(_seen(annotation.moments, numbers, problems), numbers, problems)
    codes = annotation.codes
    event = Event(
        row=annotation.row,
        kind=interval.kind,
        moments=moments,
        emotion=annotation.emotion,
        action_units=None if codes is None else tuple(present_units(codes, keep_uncertain=keep_uncertain)),
        au_codes=None if codes is None else tuple(map(str, codes)),
    )
    return event, problems


def _seen(moments: Moments, numbers: Sequence[int], problems: list[Problem]) -> Moments:
    """The moments in order, 0 being none unless a frame has that number."""
    shown = ", ".join(f"{name} {'missing' if m is None else m}" for name, m in moments._asdict().items())
    onset, apex, offset = (None if moment == 0 and numbers[0] > 0 else moment for moment in moments)
    for name, moment in (("onset", onset), ("offset", offset)):
        if moment is None and apex is not None:
            problems.append(("mended", f"no {name} to be seen: the apex was taken for it", shown))
    onset, offset = (apex if moment is None else moment for moment in (onset, offset))
    if onset is None or offset is None:
        raise ClipError("onset or offset is missing", shown)
    if onset >= offset:
        raise ClipError("onset is not before offset", shown)
    if apex is None:
        problems.append(("kept", "apex unknown", shown))
    elif not onset <= apex <= offset:
        problems.append(("mended", "apex not between onset and offset: taken as unknown", shown))
        apex = None
    return Moments(onset, apex, offset)


def enough_frames(moments: Moments, numbers: Sequence[int]) -> bool:
    """Whether enough of an event's frames are there to show it; its onset and offset are known.

    Args:
        moments: As numbers of frames.
        numbers: Of the frames that are there, in order.
    """
    onset, _, offset = moments
    assert onset is not None and offset is not None
    return _there(onset, offset, numbers) >= max(MIN_FRAMES, MIN_SHARE * (offset - onset + 1))


def _there(onset: int, offset: int, numbers: Sequence[int]) -> int:
    return bisect_right(numbers, offset) - bisect_left(numbers, onset)


def _within(moments: Moments, numbers: Sequence[int], problems: list[Problem]) -> Moments:
    """The moments within the recording's frames."""
    onset, apex, offset = moments
    assert onset is not None and offset is not None
    claimed, there = offset - onset + 1, _there(onset, offset, numbers)
    frames = f"{there} of {claimed} from {onset} to {offset}; the recording has {numbers[0]} to {numbers[-1]}"
    if not enough_frames(moments, numbers):
        raise ClipError("most of its frames are missing", frames)
    cut = Moments(max(onset, numbers[0]), apex, min(offset, numbers[-1]))
    if (cut.onset, cut.offset) != (onset, offset):
        problems.append(("mended", "reaches beyond the recording: cut there", frames))
        if apex is not None and not numbers[0] <= apex <= numbers[-1]:
            return cut._replace(apex=None)
    elif there < claimed:
        problems.append(("kept", "frames missing within it", frames))
    return cut

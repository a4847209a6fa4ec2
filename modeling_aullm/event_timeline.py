"""The timeline of a recording that is read for events: each unit's activity in windows, as if they had been read."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .event_reading import StretchReading
from .motion_stretch import STEP_SECONDS, MotionStretch
from .temporal_windows import WINDOW_SECONDS

_WINDOW = round(WINDOW_SECONDS / STEP_SECONDS)
_STRIDE = _WINDOW // 2


def iter_windows(
    reading: StretchReading,
    stretch: MotionStretch,
    events: Sequence[Mapping[str, Any]],
    codes: Sequence[str],
) -> Iterator[dict[str, Any]]:
    """Windows of half a second every quarter, from the first to the last frame of a stretch's own steps.

    Args:
        reading: What the model says of the stretch.
        stretch: The stretch.
        events: Those told, from `AULLMProcessor.post_process_events`.
        codes: The model's units in their order.

    Yields:
        `{"start_frame", "end_frame", "start_time", "end_time", "action_units"}`: a unit is active where an event that
        has it active goes on, and its probability is what the event says, elsewhere its highest activity.
    """
    first, behind = stretch.own
    starts = list(range(first, max(first + 1, behind - (_STRIDE if stretch.ends else 0)), _STRIDE))
    for start in starts:
        is_last = bool(stretch.ends) and start == starts[-1]
        end = len(stretch.times) if is_last else min(start + _WINDOW, len(stretch.times))
        begin = stretch.begins if start == starts[0] and stretch.begins else _at(stretch, start)
        finish = stretch.ends if is_last and stretch.ends else _at(stretch, end - 1)
        highest = dict(zip(codes, reading.activity[start:end].max(axis=0).tolist(), strict=True))
        under_way = [e for e in events if e["onset_time"] <= finish[1] and e["offset_time"] >= begin[1]]
        units = {
            code: _of_unit([e["action_units"][code] for e in under_way if code in e["action_units"]], highest[code])
            for code in codes
        }
        yield {
            "start_frame": begin[0], "end_frame": finish[0], "start_time": begin[1], "end_time": finish[1],
            "action_units": units,
        }  # fmt: skip


def _of_unit(told: Sequence[Mapping[str, Any]], activity: float) -> dict[str, Any]:
    probability = max((unit["probability"] for unit in told), default=activity)
    return {"probability": probability, "active": any(unit["active"] for unit in told)}


def _at(stretch: MotionStretch, step: int) -> tuple[int, float]:
    return int(stretch.frames[step]), float(stretch.times[step])

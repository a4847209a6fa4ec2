"""Spotting of facial movements in recordings as a metric of the library `evaluate`; it needs this folder alone.

`scores.py` holds the figures; in the project's tree it is a link to `training/scoring/spotting.py`, on the Hub a file.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import datasets
import evaluate

from .scores import Event, Recording, score_recordings

_DESCRIPTION = """
How well events (facial movements with onset, apex, offset and action units) are found in whole recordings: spotting
precision, recall and F1 one to one at an IoU of 0.5, F1 of unit events, STRS, errors of time in ms, and false alarms a
minute in recordings without any event, with an exact Poisson interval. Counts are pooled over recordings. A figure that
is undefined is None.
"""

_KWARGS_DESCRIPTION = """
Args:
    predictions: A list a recording of the events found in it, each a dictionary with `onset` and `offset` in seconds
        and, if known, `apex` in seconds, `units` such as ["AU12"] and `kind`, "micro" (default) or "longer".
    references: The same of the true events. A recording without any is a quiet one: all found in it is false.
    minutes: Length of each recording.
    iou: Least intersection over union of a found and a true event. Default: 0.5.

Returns:
    spotting: true, found, matched, precision, recall and f1 of events, whatever their units and kinds.
    kinds: The same of micro and of longer ones by themselves.
    unit_events, units: The same of unit events (same unit), pooled over units (micro F1), and by unit.
    analysis_f1, strs: Macro F1 of the units of events that were rightly spotted, and its product with the spotting F1.
    error_ms: median and p90 of the absolute error of onset, apex and offset of matched events.
    quiet: recordings, minutes, and count, per_minute, low and high (95 %) of false events and false unit_events.
    recordings, minutes, iou: What was scored.

Examples:
    >>> spotting = evaluate.load("hub/metrics/spotting")
    >>> result = spotting.compute(
    ...     predictions=[[{"onset": 1.0, "offset": 1.4, "units": ["AU12"]}], [{"onset": 3.0, "offset": 3.5}]],
    ...     references=[[{"onset": 1.1, "offset": 1.4, "units": ["AU12"]}], []],
    ...     minutes=[0.5, 0.5],
    ... )
    >>> round(result["spotting"]["f1"], 3), result["unit_events"]["f1"], result["quiet"]["events"]["per_minute"]
    (0.667, 1.0, 2.0)
"""

_CITATION = ""


def _rows(events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Events of one recording with all that may be said of them: what is not is NaN, no unit, micro.

    Raises:
        ValueError: If one lacks its ends, or says what no event has.
    """
    for event in events:
        if not {"onset", "offset"} <= set(event) <= {"onset", "apex", "offset", "units", "kind"}:
            raise ValueError(
                "an event is a dictionary with onset and offset in seconds, and apex, units and kind if known; got "
                f"{', '.join(map(str, event)) or 'an empty one'}"
            )
        if isinstance(event.get("units"), str):
            raise ValueError(f"an event's units are a list of codes such as ['AU12'], got {event['units']!r}")
    return [
        {
            "onset": event["onset"],
            "apex": float("nan") if event.get("apex") is None else event["apex"],
            "offset": event["offset"],
            "units": list(event.get("units") or ()),
            "kind": event.get("kind") or "micro",
        }
        for event in events
    ]


def _events(rows: Sequence[Mapping[str, Any]]) -> list[Event]:
    return [Event(r["onset"], r["apex"], r["offset"], frozenset(r["units"]), r["kind"]) for r in rows]


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _KWARGS_DESCRIPTION)
class Spotting(evaluate.Metric):
    """Spotting of facial movements in recordings."""

    def _info(self) -> evaluate.MetricInfo:
        """What `evaluate` asks of a metric."""
        time = datasets.Value("float64")
        text = datasets.Value("string")
        events = datasets.List(
            {"onset": time, "apex": time, "offset": time, "units": datasets.List(text), "kind": text}
        )
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_KWARGS_DESCRIPTION,
            features=datasets.Features({"predictions": events, "references": events, "minutes": time}),
        )

    def add_batch(self, *, predictions: Any = None, references: Any = None, **kwargs: Any) -> None:
        """Add recordings; `evaluate` itself has no keys that may be left out."""
        rows = ([_rows(events) for events in recordings] for recordings in (predictions, references))
        super().add_batch(**dict(zip(("predictions", "references"), rows, strict=True)), **kwargs)

    def add(self, *, prediction: Any = None, reference: Any = None, **kwargs: Any) -> None:
        """Add one recording."""
        batch = {name: [value] for name, value in kwargs.items()}
        self.add_batch(predictions=[prediction], references=[reference], **batch)

    def _compute(self, predictions: Any, references: Any, minutes: Any, iou: float = 0.5) -> dict[str, Any]:
        """See the metric's description."""
        recordings = [
            Recording(_events(true), _events(found), length, is_quiet=not true)
            for found, true, length in zip(predictions, references, minutes, strict=True)
        ]
        return score_recordings(recordings, iou)

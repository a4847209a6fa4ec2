"""From scores to probabilities and thresholds, on validation recordings alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize

from modeling_aullm.event_reading import StretchReading, clip_of, propose
from modeling_aullm.stretch_reading import score_stretch
from training.errors import InputError
from training.events.finding import in_full, to_events
from training.events.motion_records import MotionRecord
from training.scoring.spotting import Event, Recording, count_unit_events, match_events

# Own choice: false alarms a minute, over validation recordings with and without events, that each sensitivity may make.
FALSE_ALARMS = {"high": 2.0, "normal": 0.5, "low": 0.1}
_TRIED = np.round(np.arange(0.02, 0.99, 0.01), 2)
_UNIT_TRIED = np.round(np.arange(0.2, 0.81, 0.05), 2)


@torch.inference_mode()
def calibrate(
    model: Any, records: Sequence[MotionRecord], action_units: Sequence[str], fewest: int = 1
) -> dict[str, Any]:
    """Make the temporal head's scores probabilities, and mix its say on units with that of AULLM++.

    Platt's logistic curve of the middle's logit is written into the last layer; the mixture of the two readers into
    `TemporalHead.mixture`, fitted to the units of the events that were found.

    Args:
        model: Its temporal head is changed.
        records: Validation recordings, with crops.
        action_units: The model's units in their order.
        fewest: Events with known units that must be found for it.

    Returns:
        What was fitted: `curve` (slope, offset), `mixture`, and numbers of proposals and of those that are true.

    Raises:
        InputError: If fewer were found; nothing is changed then.
    """
    certain: list[float] = []
    is_true: list[bool] = []
    own, read, shown = [], [], []
    for record in records:
        stretch = in_full(record)
        found = propose(score_stretch(model, stretch), stretch)
        events = [Event(p.onset, min(max(p.apex, p.onset), p.offset), p.offset) for p, _ in found]
        matched = dict((second, first) for first, second in match_events(record.events, events))
        certain += [proposal.probability for proposal, _ in found]
        is_true += [number in matched for number in range(len(found))]
        matched = {number: first for number, first in matched.items() if record.events[first] not in record.unnamed}
        if matched:
            clips = np.stack([clip_of(stretch, found[number][0], model.config.num_frames) for number in matched])
            read.append(model(pixel_values=torch.from_numpy(clips)).logits.double().numpy())
            own.append(np.stack([found[number][1] for number in matched]))
            shown += [[code in record.events[first].units for code in action_units] for first in matched.values()]
    if len(shown) < fewest:
        count = len(shown) or "no"
        raise InputError(
            f"{count} event of the validation recordings was found: train on more recordings, for more steps"
        )
    logits = np.log(np.clip(certain, 1e-6, 1 - 1e-6)) - np.log1p(-np.clip(certain, 1e-6, 1 - 1e-6))
    curve = _logistic(logits[:, None], np.array(is_true, float))
    features = np.stack([np.concatenate(logits).astype(float).ravel() for logits in (own, read)], axis=1)
    mixture = _logistic(features, np.array(shown, float).ravel())
    head = model.temporal_head
    head.scores.weight[0] *= curve[0]
    head.scores.bias[0] = head.scores.bias[0] * curve[0] + curve[1]
    head.mixture.copy_(torch.tensor(mixture))
    return {
        "curve": curve.tolist(), "mixture": mixture.tolist(), "proposals": len(certain), "true": int(sum(is_true)),
    }  # fmt: skip


def _logistic(features: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Slopes, none below 0, and offset of a logistic regression, with a touch of ridge."""

    def loss(weights: np.ndarray) -> float:
        logits = features @ weights[:-1] + weights[-1]
        return float(np.mean(np.logaddexp(0, logits) - truth * logits) + 1e-4 * np.square(weights).sum())

    number = features.shape[1]
    start = np.concatenate([np.full(number, 1 / number), [0.0]])
    return minimize(loss, start, bounds=[(0, None)] * number + [(None, None)]).x


def choose_sensitivities(
    processor: Any, records: Sequence[MotionRecord], readings: Sequence[StretchReading]
) -> dict[str, dict[str, float]]:
    """Thresholds of each sensitivity, by the false alarms that it may make on validation recordings.

    A false alarm is an event that is found and matches none, in recordings with and without events; of the thresholds
    that keep to the limit the lowest is taken. The units' own threshold is the one of the best unit-event F1.

    Args:
        processor: Turns readings into events.
        records: Validation recordings.
        readings: What the calibrated model says of each.

    Returns:
        By name, as `AULLMProcessor.sensitivities`.
    """
    minutes = sum(record.minutes for record in records)
    unit_probability = max(_UNIT_TRIED, key=lambda limit: _unit_f1(processor, records, readings, 0.4, limit))
    chosen: dict[str, dict[str, float]] = {}
    for name, most in FALSE_ALARMS.items():
        for probability in _TRIED:
            alarms = _false_alarms(processor, records, readings, probability, unit_probability)
            if alarms / minutes <= most:
                break
        chosen[name] = {
            "probability": float(probability),
            "unit_probability": float(unit_probability),
            "false_alarms_per_minute": round(alarms / minutes, 3),
        }
    return chosen


def found_at(
    processor: Any, record: MotionRecord, reading: StretchReading, probability: float, unit_probability: float
) -> list[Event]:
    """Events at any thresholds."""
    processor.sensitivities["tried"] = {"probability": probability, "unit_probability": unit_probability}
    events = to_events(processor.post_process_events(reading, record.stretch, "tried"))
    del processor.sensitivities["tried"]
    return events


def _unit_f1(
    processor: Any, records: Sequence[MotionRecord], readings: Sequence[StretchReading], probability: float, unit: float
) -> float:
    recordings = [
        Recording(record.events, found_at(processor, record, reading, probability, unit), record.minutes, False)
        for record, reading in zip(records, readings, strict=True)
    ]
    counts = count_unit_events(recordings).values()
    true, found, matched = (sum(column) for column in zip(*counts, (0, 0, 0), strict=True))
    return 2 * matched / max(1, true + found)


def _false_alarms(
    processor: Any, records: Sequence[MotionRecord], readings: Sequence[StretchReading], probability: float, unit: float
) -> int:
    alarms = 0
    for record, reading in zip(records, readings, strict=True):
        found = found_at(processor, record, reading, probability, unit)
        alarms += len(found) - len(match_events(record.events, found))
    return alarms

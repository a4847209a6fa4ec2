"""The written account of a moment: sentences put together from what the model computed, and from nothing else."""

from collections.abc import Mapping
from html import escape
from typing import Any

from . import detector
from .examples import Example
from .facs import RELATIONS, emotion_hints, full_name
from .moments import Analysis, Moment

EXPERTS = ("fine detail", "wider detail", "whole face", "edges")  # of MGE-EFP, in the order of its gate


def describe(analysis: Analysis, moment: Moment, example: Example | None, *, with_emotion: bool) -> str:
    """The account as HTML.

    Args:
        analysis: The whole video.
        moment: The moment shown.
        example: The example it is, if it is one.
        with_emotion: Whether to add the hint by EMFACS.
    """
    sentences = [_where(analysis, moment), _what(moment)]
    sentences += [_truth(example)] if example else []
    sentences += [_emotion(moment)] if with_emotion else []
    return f'<div class="account">{"".join(f"<p>{sentence}</p>" for sentence in sentences)}</div>'


def _where(analysis: Analysis, moment: Moment) -> str:
    segment = moment.segment
    if moment.event is not None:
        return _expression(analysis, moment, moment.event)
    span = f"From {segment.start_time:.2f} to {segment.end_time:.2f} s of {escape(analysis.request.path.name)}"
    if len(analysis.moments) == 1:
        return f"{span}:"
    return f"{span} (moment {analysis.moments.index(moment) + 1} of {len(analysis.moments)}):"


def _expression(analysis: Analysis, moment: Moment, event: Mapping[str, Any]) -> str:
    number = f"{analysis.moments.index(moment) + 1} of {len(analysis.moments)}"
    times = ", ".join(f"{name} {event[f'{name}_time']:.2f} s" for name in ("onset", "apex", "offset"))
    kind = f"{event['kind']}, {event['offset_time'] - event['onset_time']:.2f} s long"
    return (
        f"<strong>Expression {number}</strong> in {escape(analysis.request.path.name)}: {times}; {kind}. "
        f"The probability that it is one is {event['probability']:.2f}."
    )


def _values(moment: Moment, code: str) -> str:
    return f"{moment.action_units[code]['probability']:.2f}, threshold {moment.thresholds[code]:.2f}"


def _what(moment: Moment) -> str:
    if not moment.active:
        code = max(moment.action_units, key=lambda unit: moment.action_units[unit]["probability"])
        return f"<strong>No unit is active.</strong> The most probable is {full_name(code)} ({_values(moment, code)})."
    listed = ", ".join(f"{full_name(code)} ({_values(moment, code)})" for code in moment.active)
    return f"<strong>{len(moment.active)} of {len(moment.action_units)} units active: {listed}.</strong>"


def _truth(example: Example) -> str:
    return f"Put into this example: <strong>{', '.join(example.action_units)}</strong>. {escape(example.source)}."


def _emotion(moment: Moment) -> str:
    hints = emotion_hints(set(moment.active))
    found = f"the active units include those of <strong>{' and '.join(hints)}</strong>" if hints else "none fits"
    return (
        f'<span class="hint">Hint by EMFACS combinations, not computed by the model: {found}. A movement of the face '
        "is no proof of a feeling.</span>"
    )


def describe_reasons(moment: Moment) -> str:
    """Two sentences on gate and graph, as HTML."""
    sentences = []
    if moment.gate_weights is not None:
        first = int(moment.gate_weights.argmax())
        sentences.append(
            f"Of the four views of the movement, <strong>{EXPERTS[first]}</strong> had the most weight "
            f"({moment.gate_weights[first]:.2f} of 1)."
        )
    if moment.relation_strengths is not None:
        first_unit, second, kind = detector.config.relations[int(moment.relation_strengths.argmax())]
        sentences.append(
            f"The strongest of {len(moment.relation_strengths)} relations in this clip is {full_name(first_unit)} "
            f"{RELATIONS[kind]} {full_name(second)} ({moment.relation_strengths.max():.2f} of 1)."
        )
    return f"<p>{' '.join(sentences)}</p>"

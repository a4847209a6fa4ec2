"""What can be said of findings: true of them, each sentence once, and nothing else."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeling_aullm.facs import ACTION_UNITS, AU_SETS
from modeling_aullm.findings import MARGIN, Findings, of_events, of_units
from modeling_aullm.statements import statements

UNITS = AU_SETS["cd6me"]
NUMBERS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
unit = st.fixed_dictionaries({
    "probability": st.floats(0, 1), "side": st.sampled_from(["left", "right", "both", None]),
    "intensity": st.sampled_from([*"ABCDE", None]),
})  # fmt: skip
units = st.fixed_dictionaries(dict.fromkeys(UNITS, unit))
thresholds = st.fixed_dictionaries(dict.fromkeys(UNITS, st.floats(0.2, 0.8)))


def by_kind(findings):
    return {(each.kind, each.about): each for each in statements(findings)}


@settings(max_examples=30, deadline=None)
@given(units, thresholds)
def test_no_sentence_about_a_unit_contradicts_its_probability_or_its_side(found, limits):
    said = by_kind(Findings([of_units(found, limits)], False, list(UNITS)))
    for code, values in found.items():
        distance = values["probability"] - limits[code]
        moved = None if abs(distance) < MARGIN else distance >= 0
        sentence = said["moved", (code,)]
        assert sentence.value is moved and said["rested", (code,)].value is (None if moved is None else not moved)
        assert (") moved." in sentence.said) == (moved is True)
        assert ("did not move" in sentence.said) == (moved is False)
        assert (code in re.findall(r"AU\d+", said["units", ()].said.partition(".")[0])) == (moved is True)
        if len(ACTION_UNITS[code].sites) == 1:
            assert ("moved_on", (code, "left")) not in said
            continue
        for side, other in (("left", "right"), ("right", "left")):
            value = said["moved_on", (code, side)].value
            if moved and values["side"]:
                assert value == (values["side"] != other)
            else:
                assert value is (False if moved is False else None)
    active = [code for code, values in found.items() if values["probability"] - limits[code] >= MARGIN]
    assert set(said["units", ()].value) == set(active)
    assert said["number", ()].said == f"The number of action units: {NUMBERS[len(active)]}."


def event(onset, offset, **probabilities):
    action_units = {code: {"probability": probabilities.get(code, 0.0)} for code in UNITS}
    times = {"onset_time": onset, "apex_time": (onset + offset) / 2, "offset_time": offset}
    return times | {"action_units": action_units}


def test_times_counts_and_kinds_are_those_of_the_events():
    limits = dict.fromkeys(UNITS, 0.5)
    said = by_kind(of_events([event(1.0, 1.4, AU12=0.9), event(3.0, 4.5, AU4=0.8, AU12=0.7)], limits))
    assert said["count", ()].value == 2 and said["count_micro", ()].value == 1 and said["count_longer", ()].value == 1
    assert said["time", (2,)].said == "The time of expression 2: 3.00 to 4.50 s, its apex at 3.75 s."
    assert said["type", (1,)].value == "micro-expression" and said["type", (2,)].value == "longer"
    assert said["when_unit", ("AU12",)].value == [1, 2] and said["when_unit", ("AU4",)].value == [2]
    assert said["time", ("last",)].value == said["time", (2,)].value and said["units", ("last",)].value == [
        "AU4",
        "AU12",
    ]
    assert said["units", (1,)].value == ["AU12"] and said["units", (2,)].value == ["AU4", "AU12"]
    assert said["time", (3,)].value is None and "there is none, two in all" in said["time", (3,)].said


def test_nothing_found_is_said_to_be_nothing():
    said = by_kind(of_events([], dict.fromkeys(UNITS, 0.5)))
    assert said["still", ()].text == "Yes. A face at rest: it did not move."
    assert said["type", ("last",)].said == "The type of the last expression: there is none."
    assert said["any", ()].text == "No. An expression: there was none." and said["units", ()].value == []
    assert all(said["moved", (code,)].value is False for code in UNITS)


def test_a_recording_that_cannot_show_it_rules_nothing_out():
    found = [event(1.0, 1.4, AU12=0.9)]
    limits = dict.fromkeys(UNITS, 0.5)
    said = by_kind(of_events(found, limits, "its compression hides small movements", is_readable=False))
    assert said["moved", ("AU12",)].value is True
    assert said["moved", ("AU4",)].value is None and "its compression" in said["moved", ("AU4",)].said
    assert said["region", ("chin",)].value is None
    assert said["sure", ("AU4",)].value == 0 and said["rested", ("AU4",)].value is None
    nothing = by_kind(of_events([], limits, "its compression hides small movements", is_readable=False))
    for kind, about in (("moved", ("AU4",)), ("any", ()), ("still", ()), ("sure", ("AU4",))):
        assert nothing[kind, about].value is None, nothing[kind, about].text
    assert "whether there were more" in nothing["count", ()].said and "compression" in nothing["count", ()].said


@pytest.mark.parametrize("count", [0, 1, 4])
def test_each_sentence_and_each_thing_to_say_stands_there_once(count):
    rng = np.random.default_rng(count)
    events = [event(2 * k, 2 * k + 0.4, **{code: rng.random() for code in UNITS}) for k in range(count)]
    said = statements(of_events(events, dict.fromkeys(UNITS, 0.5)))
    assert len({each.said for each in said}) == len(said) == len({(each.kind, each.about) for each in said})
    assert all(each.said[0].isupper() and each.said[-1] in ".:" for each in said)


def test_units_that_a_model_does_not_look_for_are_not_denied():
    said = by_kind(Findings([of_units({"AU12": {"probability": 0.9}}, {"AU12": 0.5})], False, ["AU12"]))
    assert said["moved", ("AU4",)].text == "AU4 (brow lowerer): this model does not look for it."
    assert said["moved", ("AU25",)].value is None

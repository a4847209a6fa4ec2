"""The temporal head, and the proposals that are made of its scores."""

import numpy as np
import pytest
import torch
from conftest import tiny_model
from hypothesis import given
from hypothesis import strategies as st

from modeling_aullm import AULLMForAUDetection, AULLMProcessor
from modeling_aullm.event_reading import Proposal, StretchReading, clip_of, propose
from modeling_aullm.motion_stretch import STEP_SECONDS, MotionStretch
from modeling_aullm.motion_stretches import AROUND_STEPS
from modeling_aullm.stretch_reading import read_stretch
from modeling_aullm.temporal_head import CONTEXT_STEPS, OTHERS, TemporalHead, TemporalScores

UNITS = 12


def stretch_of(steps, own=None, start=10.0, seed=0):
    random = np.random.default_rng(seed)
    return MotionStretch(
        face_id=1,
        times=start + STEP_SECONDS * np.arange(steps),
        frames=np.arange(steps) // 2 + 300,
        motion=random.normal(0, 0.1, (steps, 4, 16, 16)).astype(np.float32),
        head=random.normal(0, 0.1, (steps, 6)).astype(np.float32),
        crops=np.repeat(np.arange(steps) % 256, 64 * 64).reshape(steps, 64, 64).astype(np.uint8),
        own=own or (0, steps),
        seen=(),
        begins=None,
        ends=None,
        fps=25.0,
        recording={},
    )


def scores_of(steps, middles):
    """Scores that say: events in the middle of these steps; `{step: (probability, back, on, share of the apex)}`."""
    middle, extent = torch.full((1, steps), -9.0), torch.zeros(1, steps, 3)
    units = torch.zeros(1, steps, UNITS)
    for step, (probability, back, on, share) in middles.items():
        near = slice(max(0, step - 1), step + 2)
        middle[0, near] = torch.logit(torch.tensor(probability)) - 0.5
        middle[0, step] = torch.logit(torch.tensor(probability))
        extent[0, near] = torch.tensor([np.log(back), np.log(on), share], dtype=torch.float32)
        units[0, near, step % UNITS] = 3.0
    return TemporalScores(middle, extent, units, torch.zeros(1, steps, UNITS), torch.zeros(1, steps, len(OTHERS)))


def test_an_event_is_proposed_where_and_as_long_as_the_scores_say():
    stretch = stretch_of(300)
    found = propose(scores_of(300, {100: (0.8, 0.2, 0.1, 0.25), 200: (0.3, 0.5, 1.0, 0.5)}), stretch)
    found = sorted(found, key=lambda entry: entry[0].onset)
    assert [proposal.probability for proposal, _ in found] == pytest.approx([0.8, 0.3], abs=1e-4)
    first, second = (proposal for proposal, _ in found)
    assert (first.onset, first.apex, first.offset) == pytest.approx((11.8, 11.875, 12.1), abs=0.003)
    assert (second.onset, second.apex, second.offset) == pytest.approx((13.5, 14.25, 15.0), abs=0.003)
    assert first.is_micro and not second.is_micro
    assert [int(units.argmax()) for _, units in found] == [100 % UNITS, 200 % UNITS]


def test_what_is_hardly_likely_or_lies_in_the_surroundings_is_not_proposed():
    scores = scores_of(300, {50: (0.9, 0.1, 0.1, 0.5), 150: (0.9, 0.1, 0.1, 0.5), 180: (0.01, 0.1, 0.1, 0.5)})
    assert len(propose(scores, stretch_of(300))) == 2
    assert [round(p.onset, 2) for p, _ in propose(scores, stretch_of(300, own=(100, 250)))] == [12.9]
    assert propose(scores_of(300, {}), stretch_of(300)) == []


@given(st.integers(1, 400), st.integers(60, 140), st.data())
def test_each_middle_is_told_by_one_stretch_of_those_that_see_it(middle, own, data):
    """A recording cut into stretches with surroundings tells what it tells in one piece."""
    steps = 420
    scores = scores_of(steps, {middle: (0.7, 0.2, 0.2, 0.5)})
    whole = [p.probability for p, _ in propose(scores, stretch_of(steps))]
    around = data.draw(st.integers(5, 60))
    found = []
    for first in range(0, steps, own):
        low, high = max(0, first - around), min(steps, first + own + around)
        part = TemporalScores(*(value[:, low:high] for value in vars(scores).values()))
        mine = (first - low, min(first + own, steps) - low)
        found += [p.probability for p, _ in propose(part, stretch_of(high - low, mine))]
    assert found == pytest.approx(whole) and len(whole) == 1


def test_two_that_overlap_are_one_the_more_probable():
    both = scores_of(300, {100: (0.5, 0.2, 0.2, 0.5), 110: (0.9, 0.2, 0.2, 0.5)})
    assert [p.probability for p, _ in propose(both, stretch_of(300))] == pytest.approx([0.9], abs=1e-4)
    apart = scores_of(300, {100: (0.5, 0.1, 0.1, 0.5), 110: (0.9, 0.1, 0.1, 0.5)})
    assert len(propose(apart, stretch_of(300))) == 2


@given(st.floats(-20, 20), st.floats(-20, 20), st.floats(-5, 5), st.integers(0, 79))
def test_whatever_the_scores_say_a_proposal_lies_in_order_within_its_stretch(back, on, share, step):
    scores = scores_of(80, {step: (0.9, 1.0, 1.0, 0.5)})
    scores.extent[...] = torch.tensor([back, on, share])
    for proposal, _ in propose(scores, stretch_of(80)):
        assert 10.0 <= proposal.onset <= proposal.apex <= proposal.offset <= 10.0 + 79 * STEP_SECONDS


@pytest.mark.parametrize(("offset", "end"), [(10.4, 10.4), (11.4, 10.8)])
def test_the_clip_goes_to_the_offset_and_of_a_longer_event_to_the_apex(offset, end):
    stretch = stretch_of(100)
    clip = clip_of(stretch, Proposal(10.2, (10.2 + offset) / 2, offset, 0.9), 6)
    expected = np.rint((np.linspace(10.2, end, 6) - 10.0) / STEP_SECONDS)
    assert clip.shape == (6, 64, 64) and clip.dtype == np.float32
    np.testing.assert_allclose(255 * clip[:, 5, 7], expected, atol=1e-3)


@pytest.fixture(scope="module")
def head():
    torch.manual_seed(1)
    return TemporalHead(UNITS).eval()


@torch.inference_mode()
def test_shapes_and_how_far_a_score_sees(head):
    steps, at = 2 * CONTEXT_STEPS + 41, CONTEXT_STEPS + 20
    motion, moves = torch.randn(1, steps, 4, 16, 16), torch.randn(1, steps, 6)
    scores = head(motion, moves)
    shapes = {name: tuple(value.shape) for name, value in vars(scores).items()}
    one = (1, steps)
    assert shapes == {"middle": one, "extent": (*one, 3), "units": (*one, UNITS), "activity": (*one, UNITS),
                      "others": (*one, len(OTHERS))}  # fmt: skip
    others = torch.ones(steps, dtype=torch.bool)
    others[at - CONTEXT_STEPS : at + CONTEXT_STEPS + 1] = False
    changed, changed_moves = motion.clone(), moves.clone()
    changed[:, others] += torch.randn(1, int(others.sum()), 4, 16, 16)
    changed_moves[:, others] -= 5
    for name, value in vars(head(changed, changed_moves)).items():
        torch.testing.assert_close(value[:, at], getattr(scores, name)[:, at], rtol=0, atol=1e-5)
        assert not torch.allclose(value[:, 0], getattr(scores, name)[:, 0], atol=1e-3)
    near = motion.clone()
    near[:, at + 3] += 1
    assert not torch.allclose(head(near, moves).middle[:, at], scores.middle[:, at], atol=1e-6)


def test_the_middle_of_a_stretch_scores_as_in_the_whole_recording(head):
    assert AROUND_STEPS >= CONTEXT_STEPS
    whole = stretch_of(3 * AROUND_STEPS + 60)
    part = slice(AROUND_STEPS, 2 * AROUND_STEPS + 60)
    with torch.inference_mode():
        motion, moves = (torch.from_numpy(each)[None] for each in (whole.motion, whole.head))
        long = head(motion, moves).middle[0, part]
        wide = slice(part.start - AROUND_STEPS, part.stop + AROUND_STEPS)
        short = head(motion[:, wide], moves[:, wide]).middle[0, AROUND_STEPS:-AROUND_STEPS]
    torch.testing.assert_close(short, long, rtol=0, atol=1e-5)


@pytest.fixture(scope="module")
def finder():
    """A tiny model with a temporal head that believes in events."""
    model = tiny_model(temporal_head=True)
    with torch.no_grad():
        model.temporal_head.scores.bias[0] = 2.0
        model.temporal_head.mixture.copy_(torch.tensor([0.5, 0.4, -0.2]))
    return model


def test_saving_and_loading_keeps_it(finder, tmp_path):
    finder.save_pretrained(tmp_path)
    again = AULLMForAUDetection.from_pretrained(tmp_path).eval()
    assert again.config.temporal_head and set(again.state_dict()) == set(finder.state_dict())
    for name, value in finder.temporal_head.state_dict().items():
        torch.testing.assert_close(again.temporal_head.state_dict()[name], value, rtol=0, atol=0)
    stretch = stretch_of(200)
    first, second = finder.read_stretch(stretch), again.read_stretch(stretch)
    np.testing.assert_array_equal(first.activity, second.activity)
    assert [vars(p)["onset"] for p in first.proposals] == [vars(p)["onset"] for p in second.proposals] != []


def test_a_model_of_clips_alone_says_that_it_finds_no_events():
    with pytest.raises(ValueError, match="no temporal head"):
        read_stretch(tiny_model(), stretch_of(50))


def test_units_are_read_from_both_who_have_seen_the_clip(finder):
    reading = finder.read_stretch(stretch_of(200))
    assert reading.activity.shape == (200, UNITS) and 0 <= reading.activity.min() <= reading.activity.max() <= 1
    assert [p.onset for p in reading.proposals] == sorted(p.onset for p in reading.proposals)
    for proposal in reading.proposals:
        assert proposal.units.shape == (UNITS,) and proposal.pixel_values.shape == (6, 64, 64)
    clips = torch.from_numpy(np.stack([p.pixel_values for p in reading.proposals]))
    with torch.inference_mode():
        read = finder(pixel_values=clips).logits
    said = torch.logit(torch.from_numpy(np.stack([p.units for p in reading.proposals])))
    own = (said - 0.4 * read + 0.2) / 0.5  # what is left must be the head's own say, which knows no clip
    scores = finder.temporal_head(*(torch.from_numpy(x)[None] for x in (stretch_of(200).motion, stretch_of(200).head)))
    assert own.min() > scores.units.min() - 0.1 and own.max() < scores.units.max() + 0.1


def made_up(probability, units):
    return Proposal(10.2, 10.3, 10.5, probability, np.array(units, np.float32), np.zeros((6, 64, 64), np.float32))


def test_events_are_told_by_sensitivity_and_threshold():
    processor = AULLMProcessor(action_units=["AU4", "AU12"])
    processor.sensitivities = {
        name: {"probability": value, "unit_probability": 0.5, "false_alarms_per_minute": None}
        for name, value in (("high", 0.2), ("low", 0.7))
    }
    proposals = [made_up(0.3, [0.1, 0.9]), made_up(0.8, [0.6, 0.2]), made_up(0.9, [0.4, 0.4])]
    reading = StretchReading(proposals, np.zeros((100, 2)))
    stretch = stretch_of(100)

    def told(sensitivity, thresholds=None):
        found = processor.post_process_events(reading, stretch, sensitivity, thresholds)
        return [
            (round(event["probability"], 2), [code for code, unit in event["action_units"].items() if unit["active"]])
            for event in found
        ]

    assert told("high") == [(0.3, ["AU12"]), (0.8, ["AU4"])] and told("low") == [(0.8, ["AU4"])]
    assert told("low", {"AU12": 0.3}) == [(0.9, ["AU12"])]
    assert [p for p, _ in told("high", {"AU4": 0.0})] == [0.3, 0.8, 0.9] and told("high", {"AU4": 1.0}) == []
    event = processor.post_process_events(reading, stretch, "low")[0]
    assert (event["onset_frame"], event["apex_frame"], event["offset_frame"]) == (305, 307, 312)  # two steps a frame
    assert event["kind"] == "micro"
    with pytest.raises(ValueError, match=r"one of high, low, got 'normal'"):
        processor.post_process_events(reading, stretch)

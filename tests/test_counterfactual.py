import numpy as np
import pytest
import torch
from conftest import tiny_model

from modeling_aullm.flips import Flips
from training.learning.counterfactual import consistency_loss, donors_of, draw_flipped_units, relations_of
from training.learning.models import WithoutLLM


def flip(batch, count, *indices):
    mask = torch.zeros(batch, count, dtype=torch.bool)
    for clip, index in indices:
        mask[clip, index] = True
    return mask


def test_one_pass_gives_both_answers_and_the_factual_one_is_untouched(model, clips):
    plain = model(clips)
    both = model(clips, flipped_units=flip(3, 12, (0, 4), (2, 1)))
    torch.testing.assert_close(both.logits, plain.logits, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(both.instruction_token, plain.instruction_token)
    assert plain.counterfactual_logits is None
    torch.testing.assert_close(both.counterfactual_logits[1], plain.logits[1], atol=1e-5, rtol=1e-4)  # nothing flipped
    for clip in (0, 2):
        assert (both.counterfactual_logits[clip] - plain.logits[clip]).abs().max() > 1e-3


def test_the_counterfactual_answer_is_that_of_a_model_with_the_rule_turned_by_hand(model, clips):
    given = model(clips, flipped_units=flip(3, 12, (0, 4), (1, 4), (2, 4))).counterfactual_logits
    nodes = model.structure.nodes
    hook = nodes.register_forward_hook(
        lambda _module, _inputs, out: torch.cat([out[:, :4], -out[:, 4:5], out[:, 5:]], 1)
    )
    by_hand = model(clips).logits
    hook.remove()
    torch.testing.assert_close(given, by_hand, atol=1e-5, rtol=1e-4)


def test_a_donors_node_takes_the_place_of_a_flipped_units(model, clips):
    flipped = {"flipped_units": flip(3, 12, (0, 4), (1, 4)), "donors": torch.tensor([2, 0, 1])}
    given = model(clips, **flipped)
    nodes = model.structure.nodes
    hook = nodes.register_forward_hook(
        lambda _module, _inputs, out: torch.cat([out[:, :4], out[[2, 0, 2], 4:5], out[:, 5:]], 1)
    )
    by_hand = model(clips).logits
    hook.remove()
    torch.testing.assert_close(given.counterfactual_logits, by_hand, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(given.logits, model(clips).logits, atol=1e-5, rtol=1e-4)
    reader = WithoutLLM(model)
    torch.testing.assert_close(
        reader(clips, **flipped).counterfactual_logits - reader(clips).logits,
        reader.reader(given.content_token, *_structure_with(model, clips, flipped)) - reader(clips).logits,
    )


def _structure_with(model, clips, flipped):
    """Counterfactual token and nodes, by `Flips` made by hand."""
    relations = torch.zeros(3, len(model.config.relations), dtype=torch.bool)
    token, nodes, _ = model.structure(
        *model.motion_encoder(clips), Flips(flipped["flipped_units"], relations, flipped["donors"])
    )
    return token[3:], nodes[3:]


def test_donors_are_neighbours_however_a_batch_is_shared_out():
    assert donors_of(6).tolist() == [1, 0, 3, 2, 5, 4] and donors_of(3).tolist() == [1, 0, 2]
    assert [2 + own for own in donors_of(4).tolist()] == donors_of(6).tolist()[2:]


def test_a_flipped_relation_is_as_weak_as_it_was_strong(model, clips):
    layer = model.structure.reasoning[-1]
    count = len(model.config.relations)
    seen = []
    hook = layer.register_forward_hook(lambda _module, _inputs, out: seen.append(out[1]))
    for later in model.structure.reasoning[:-1]:  # the last layer's own nodes would differ otherwise
        later.register_forward_hook(lambda _module, inputs, out: (inputs[0], out[1]))
    model(clips, flipped_relations=flip(3, count, (0, 2)))
    hook.remove()
    factual, counterfactual = seen[0][:3], seen[0][3:]
    torch.testing.assert_close(counterfactual[0, 2], 1 - factual[0, 2])
    factual[0, 2] = counterfactual[0, 2] = 0
    torch.testing.assert_close(counterfactual, factual)


def test_evidence_does_not_change_with_the_rules(clips):
    model = tiny_model()
    seen = []
    model.prompt_reader.read, read = (
        lambda llm, config, content, *rest, **k: seen.append(content) or read(llm, config, content, *rest, **k),
        model.prompt_reader.read,
    )  # fmt: skip
    model(clips, flipped_units=flip(3, 12, (0, 0)))
    torch.testing.assert_close(seen[0][:3], seen[0][3:])


def test_wrong_flips_are_refused(model, clips):
    with pytest.raises(ValueError, match=r"flipped_units must be bool of shape \(3, 12\), got torch.bool \(3, 11\)"):
        model(clips, flipped_units=flip(3, 11))
    with pytest.raises(ValueError, match=r"donors must be long of shape \(3,\), got torch.int64 \(2,\)"):
        model(clips, flipped_units=flip(3, 12), donors=torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="no structure"):
        tiny_model(structure="none", prompt="{content}", prompt_token_ids=[5, -1])(clips, flipped_units=flip(3, 12))


def test_every_clip_gets_a_flip_and_most_rules_stand():
    rng = np.random.default_rng(0)
    flipped = np.stack([draw_flipped_units(12, rng) for _ in range(2000)])
    assert flipped.dtype == bool and flipped.shape == (2000, 12)
    assert flipped.any(1).all()
    assert 0.15 < flipped.mean() < 0.30
    assert flipped.mean(0).std() < 0.03  # no unit is preferred


def test_relations_of_a_flipped_unit_are_those_it_stands_in():
    pairs = torch.tensor([[0, 1, 2], [1, 3, 3]])
    assert relations_of(flip(2, 4, (0, 1), (1, 2)), pairs).tolist() == [[True, True, False], [False, False, True]]


def test_consistency_equals_a_plain_loop():
    torch.manual_seed(0)
    a, b, flipped = torch.randn(4, 5), torch.randn(4, 5), torch.rand(4, 5) > 0.6
    flipped[3] = True  # a clip in which nothing must hold counts as one that did not move
    of_clips = []
    for i in range(4):
        terms, weights = [], []
        for j in range(5):
            if not flipped[i, j]:
                p, q = torch.distributions.Bernoulli(logits=a[i, j]), torch.distributions.Bernoulli(logits=b[i, j])
                kl = torch.distributions.kl_divergence
                terms.append(kl(p, q) + kl(q, p))
                weights.append(abs(p.probs - (1 - p.probs)))
        of_clips.append(sum(w * t for w, t in zip(weights, terms, strict=True)) / max(sum(weights), 1e-3))
    loss = consistency_loss(a, b, flipped)
    torch.testing.assert_close(loss, torch.tensor(of_clips).mean())
    halves = [consistency_loss(a[part], b[part], flipped[part]) for part in (slice(0, 2), slice(2, 4))]
    torch.testing.assert_close(loss, torch.stack(halves).mean())  # shared out over two processes


def test_what_is_in_doubt_may_lean_on_its_partners_and_sureness_is_no_way_out():
    """A doubtful answer that moves costs next to nothing beside a sure one; nothing is learned about being sure."""
    still = torch.tensor([[4.0, 0.0]], requires_grad=True)
    flipped = torch.zeros(1, 2, dtype=torch.bool)
    sure, doubtful = torch.tensor([[3.0, 0.0]]), torch.tensor([[4.0, -1.0]])
    assert consistency_loss(still, sure, flipped) > 0
    assert consistency_loss(still, doubtful, flipped).item() == 0.0
    (gradient,) = torch.autograd.grad(consistency_loss(still, torch.tensor([[4.0, 0.0]]), flipped), still)
    assert gradient.abs().max().item() == 0.0
    assert consistency_loss(still, sure, ~flipped).item() == 0.0

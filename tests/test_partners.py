"""What a unit's partners do to it, against nodes exchanged by hand and correlations of another library."""

import numpy as np
import pytest
import scipy.stats
import torch
from conftest import tiny_model

from training.scoring.partners import compare_with_rules, label_correlations, partner_effects


def test_an_effect_is_that_of_nodes_exchanged_by_hand(clips):
    model = tiny_model()
    labels = np.zeros((3, 12))
    labels[0, 4] = labels[:, 7] = 1  # clip 0 alone shows the fifth unit; all show the eighth
    labels[1:, 2] = 1
    effects = partner_effects(model, clips, labels, seed=5)
    assert np.isnan(np.diag(effects)).all() and np.isnan(effects[[0, 7]]).all()
    draws = np.random.default_rng(5)
    draws.choice([1, 2], 3), draws.choice([0], 3)  # of the third unit
    draws.choice([0], 3)
    absent = draws.choice([1, 2], 3)

    def exchanged(source):
        hook = model.structure.nodes.register_forward_hook(
            lambda _module, _inputs, out: torch.cat([out[:, :4], out[source, 4:5], out[:, 5:]], 1)
        )
        with torch.no_grad():
            logits = model(clips).logits
        hook.remove()
        return logits

    by_hand = (exchanged([0, 0, 0]) - exchanged(absent.tolist())).mean(0).numpy()
    others = np.arange(12) != 4
    np.testing.assert_allclose(effects[4, others], by_hand[others], atol=1e-5)


def test_agreement_is_a_correlation_over_pairs_and_undefined_where_nothing_moves():
    rng = np.random.default_rng(0)
    labels = (rng.random((200, 5)) < 0.4).astype(float)
    labels[:, 1] = np.where(rng.random(200) < 0.8, labels[:, 0], labels[:, 1])
    labels[:, 4] = 0  # never shown: no rule is known of it
    rules = label_correlations(labels)
    assert rules[0, 1] == pytest.approx(scipy.stats.pearsonr(labels[:, 0], labels[:, 1]).statistic)
    effects = 0.5 * rules + rng.normal(0, 0.01, (5, 5))
    np.fill_diagonal(effects, np.nan)
    pairs = [(a, b) for a in range(4) for b in range(4) if a != b]
    wanted = scipy.stats.pearsonr([effects[pair] for pair in pairs], [rules[pair] for pair in pairs]).statistic
    found = compare_with_rules(effects, rules)
    assert found.agreement == pytest.approx(wanted) and found.agreement > 0.9
    assert found.size == pytest.approx(np.mean([abs(effects[pair]) for pair in pairs]))
    assert compare_with_rules(np.where(np.isnan(effects), np.nan, 0.0), rules) == (0.0, None)
    assert compare_with_rules(np.full((5, 5), np.nan), rules) == (0.0, None)

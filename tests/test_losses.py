import math

import pytest
import torch

from training.learning.losses import asymmetric_loss, au_llm_loss, positive_weights, weighted_bce

LOGITS = torch.tensor([[2.0, -1.0, 0.3], [-4.0, 0.0, 5.0]])
LABELS = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def by_hand(weigh):
    """A plain loop over clips and units; `weigh(p)` is the weight of a negative and the probability it is judged by."""
    total = 0.0
    for logit, label in zip(LOGITS.flatten().tolist(), LABELS.flatten().tolist()):
        p = 1 / (1 + math.exp(-logit))
        shifted = max(p - 0.05, 0)
        total -= math.log(p) if label else weigh(shifted) * math.log(1 - shifted)
    return total / LOGITS.numel()


def test_the_published_asymmetric_loss_spares_easy_negatives():
    assert asymmetric_loss(LOGITS, LABELS, None).item() == pytest.approx(by_hand(lambda p: p**4), rel=1e-5)
    easy = asymmetric_loss(torch.tensor([[-6.0]]), torch.zeros(1, 1), None)
    assert easy.item() == 0.0


def test_au_llms_variant_weighs_negatives_the_other_way_round():
    assert au_llm_loss(LOGITS, LABELS, None).item() == pytest.approx(by_hand(lambda p: (1 - p) ** 4), rel=1e-5)


def test_weighted_bce_counts_a_positive_as_often_as_its_weight():
    weight = torch.tensor([3.0, 1.0, 2.0])
    tripled = torch.nn.functional.binary_cross_entropy_with_logits(LOGITS, LABELS, reduction="none")
    tripled = torch.where(LABELS == 1, tripled * weight, tripled)
    torch.testing.assert_close(weighted_bce(LOGITS, LABELS, weight), tripled.mean())


@pytest.mark.parametrize("loss", [weighted_bce, asymmetric_loss, au_llm_loss])
def test_extreme_logits_give_finite_gradients(loss):
    logits = torch.tensor([[80.0, -80.0, 0.0], [-80.0, 80.0, 40.0]], requires_grad=True)
    loss(logits, LABELS, torch.ones(3)).backward()
    assert logits.grad.isfinite().all()


def test_positive_weight_is_the_root_of_the_ratio():
    labels = torch.tensor([[1.0, 0], [0, 0], [0, 1], [0, 1]])
    torch.testing.assert_close(positive_weights(labels), torch.tensor([3.0, 1.0]).sqrt())
    assert positive_weights(torch.zeros(400, 1)).item() == 5.0

import torch
from conftest import tiny_model
from torch import nn

from modeling_aullm import AULLMConfig
from modeling_aullm.evidence import EXPERTS, EnhancedFusionProjection, Laplacian, MultiGranularityEvidence


def x_att():
    return torch.rand(2, 64, 4, 18, 18, generator=torch.Generator().manual_seed(0))


def test_laplacian_is_the_four_neighbour_one():
    module = Laplacian()
    x = x_att()
    padded = nn.functional.pad(x.flatten(0, 1), (1, 1, 1, 1), "replicate").view(2, 64, 4, 20, 20)
    expected = padded[..., :-2, 1:-1] + padded[..., 2:, 1:-1] + padded[..., 1:-1, :-2] + padded[..., 1:-1, 2:] - 4 * x
    torch.testing.assert_close(module(x), expected)
    assert module(torch.ones(1, 2, 3, 5, 5)).abs().max() == 0


def test_gate_weights_are_a_mixture_that_depends_on_the_clip():
    evidence = tiny_model().evidence
    token, gate = evidence(torch.cat([x_att(), 3 * x_att()]))
    assert token.shape == (4, 32) and gate.shape == (4, len(EXPERTS))
    torch.testing.assert_close(gate.sum(-1), torch.ones(4))
    assert not torch.allclose(gate[0], gate[2])


def test_an_expert_the_gate_shuts_out_changes_nothing():
    evidence = tiny_model().evidence
    evidence.gate.weight.data.zero_()
    evidence.gate.bias.data = torch.tensor([0.0, 0.0, 0.0, -1e9])
    before, _ = evidence(x_att())
    nn.init.normal_(evidence.branches["laplacian"][0].weight)
    torch.testing.assert_close(evidence(x_att())[0], before)
    nn.init.normal_(evidence.branches["global_context"].convolution.weight)
    assert not torch.allclose(evidence(x_att())[0], before)


def test_content_token_starts_on_the_scale_of_the_embeddings():
    token, _ = tiny_model(token_rms=0.25).evidence(x_att())
    torch.testing.assert_close(token.square().mean(-1).sqrt(), torch.full((2,), 0.25), rtol=1e-3, atol=1e-4)


def test_efp_has_the_published_widths_and_mge_efp_is_an_order_smaller():
    efp = EnhancedFusionProjection(AULLMConfig.au_llm(), 896)
    assert efp.high_level[0].in_features == 10368 and efp.high_level[0].out_features == 256
    assert efp.projection[0].in_features == 10624 and efp.projection[0].out_features == (10624 + 896) // 2
    count = sum(p.numel() for p in efp.parameters())
    ours = sum(p.numel() for p in MultiGranularityEvidence(AULLMConfig(), 896).parameters())
    assert 60e6 < count < 70e6 and ours < count / 10


def test_efp_equals_its_formula():
    evidence = tiny_model(evidence="efp").evidence
    x = x_att()
    mid = nn.functional.max_pool3d(x, 2).flatten(1)
    high = torch.relu(evidence.high_level[0](mid))
    expected = evidence.projection[3](torch.relu(evidence.projection[0](torch.cat([mid, high], -1))))
    token, gate = evidence(x)
    torch.testing.assert_close(token, expected)
    assert gate is None

import pytest
import torch
from conftest import tiny_config, tiny_model

from modeling_aullm import AULLMConfig, AULLMForAUDetection
from modeling_aullm.evidence import EXPERTS


def test_output_says_everything(model, clips):
    out = model(clips)
    assert out.logits.shape == (3, 12) and out.loss is None
    assert out.content_token.shape == out.instruction_token.shape == (3, 32)
    assert out.node_states.shape == (3, 12, 64)
    assert out.gate_weights.shape == (3, len(EXPERTS))
    assert out.relation_strengths.shape == (3, len(model.config.relations))
    assert out.motion_frames.shape == (3, 5, 64, 64)


def test_loss_is_binary_cross_entropy(model, clips):
    labels = (torch.rand(3, 12) > 0.5).long()
    out = model(clips, labels=labels)
    p = out.logits.sigmoid()
    expected = -(labels * p.log() + (1 - labels) * (1 - p).log()).mean()
    torch.testing.assert_close(out.loss, expected)
    assert model(clips, labels=labels, return_dict=False)[0] == out.loss


def test_au_llm_preset_has_no_structure(clips):
    settings = AULLMConfig.au_llm().to_dict()
    keep = {name: settings[name] for name in ("evidence", "structure", "prompt", "led_eps")}
    out = tiny_model(**keep, prompt_token_ids=[4, 5, -1])(clips)
    assert out.instruction_token is None and out.gate_weights is None and out.logits.shape == (3, 12)


def test_a_model_that_saw_no_tokenizer_reads_the_tokens_alone(clips):
    assert tiny_model(prompt_token_ids=None)(clips).logits.shape == (3, 12)


@pytest.mark.parametrize("shape", [(2, 5, 64, 64), (6, 64, 64), (2, 6, 32, 32), (2, 6, 1, 64, 64)])
def test_a_wrong_shape_is_answered_with_the_right_one(model, shape):
    with pytest.raises(ValueError, match=r"must have the shape \(batch, 6, 64, 64\), got"):
        model(torch.rand(shape))


def test_lora_starts_as_no_change_and_sits_where_the_config_says():
    torch.manual_seed(0)
    model = AULLMForAUDetection(tiny_config(lora_target_modules=["q_proj", "o_proj"]))
    lora = [(name, p) for name, p in model.named_parameters() if ".lora_" in name]
    assert {name.split(".")[4] for name, _ in lora} == {"q_proj", "o_proj"}
    assert all((p == 0).all() for name, p in lora if ".lora_B." in name)
    assert all((p != 0).any() for name, p in lora if ".lora_A." in name)


def test_unknown_lora_targets_are_refused():
    with pytest.raises(ValueError, match="has no module named nothing"):
        AULLMForAUDetection(tiny_config(lora_target_modules=["nothing"]))


def test_without_lora_there_is_none():
    assert not [n for n, _ in tiny_model(lora_rank=0).named_parameters() if ".lora_" in n]


def test_every_weight_is_initialised():
    torch.manual_seed(0)
    first = AULLMForAUDetection(tiny_config())
    for name, tensor in first.state_dict().items():
        assert torch.isfinite(tensor).all(), name
        assert not tensor.is_floating_point() or tensor.abs().max() < 100, name
    torch.manual_seed(0)
    for name, tensor in AULLMForAUDetection(tiny_config()).state_dict().items():
        torch.testing.assert_close(tensor, first.state_dict()[name], msg=name)


def test_half_precision_stays_near_single(clips):
    model = tiny_model()
    exact = model(clips).logits.sigmoid()
    half = model.to(torch.bfloat16)(clips).logits.float().sigmoid()
    assert half.sub(exact).abs().max() < 0.1


def test_it_learns_where_something_moves():
    """A few steps separate clips that move above from clips that move below: gradients reach every trained part."""
    torch.manual_seed(0)
    model = tiny_model(action_units=["AU1", "AU17"], relations=[], dropout=0.0, lora_dropout=0.0)
    base = torch.rand(16, 1, 64, 64)
    frames = base.repeat(1, 6, 1, 1)
    labels = torch.zeros(16, 2)
    labels[:8, 0], labels[8:, 1] = 1, 1
    for t in range(6):
        frames[:8, t, 10:20] = torch.roll(base[:8, 0, 10:20], t % 4, -1)
        frames[8:, t, 50:60] = torch.roll(base[8:, 0, 50:60], t % 4, -1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(25):
        out = model(frames, labels=labels)
        losses.append(out.loss.item())
        optimizer.zero_grad()
        out.loss.backward()
        optimizer.step()
    assert losses[-1] < 0.2 < losses[0]

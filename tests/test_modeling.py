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


HALVES = {
    "to": lambda model: model.to(torch.bfloat16),
    "to by keyword": lambda model: model.to(dtype=torch.float16),
    "half": lambda model: model.half(),
    "bfloat16": lambda model: model.bfloat16(),
}


@pytest.mark.parametrize("way", HALVES)
def test_only_the_llm_goes_to_half_precision(way, clips):
    model = tiny_model()
    exact, weights = model(clips), {name: p.clone() for name, p in model.named_parameters()}
    half = HALVES[way](model)
    for name, parameter in half.named_parameters():
        own = name.startswith("llm.")
        assert parameter.dtype in (torch.float16, torch.bfloat16) if own else torch.equal(parameter, weights[name]), (
            name
        )
    out = half(clips)
    assert out.logits.dtype == torch.float32 and half.dtype == torch.float32
    torch.testing.assert_close(out.content_token, exact.content_token)
    torch.testing.assert_close(out.instruction_token, exact.instruction_token)
    assert out.logits.sigmoid().sub(exact.logits.sigmoid()).abs().max() < 0.1
    assert {p.dtype for p in half.double().parameters()} == {torch.float64}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_frames_in_half_precision_are_refused(model, clips, dtype):
    with pytest.raises(ValueError, match="rounds the motion"):
        model(clips.to(dtype))


def test_hidden_states_and_attentions_of_the_llm(model, clips):
    """Of every position of the prompt, those of the last layer what the head reads; by argument or configuration."""
    positions = len(model.config.prompt_token_ids)
    read = []
    model.head.register_forward_pre_hook(lambda _module, args: read.append(args[0]))
    plain = model(clips)
    out = model(clips, output_hidden_states=True)
    assert plain.hidden_states is None and plain.attentions is None
    assert [tuple(state.shape) for state in out.hidden_states] == [(3, positions, 32)] * 4
    torch.testing.assert_close(out.hidden_states[-1][:, -1], read[-1])
    torch.testing.assert_close(out.logits, plain.logits, atol=1e-4, rtol=0)
    flips = torch.zeros(3, 12, dtype=torch.bool)
    assert model(clips, flipped_units=flips, output_hidden_states=True).hidden_states[0].shape[0] == 3
    model.config.output_hidden_states = True
    assert model(clips).hidden_states is not None and model(clips, output_hidden_states=False).hidden_states is None
    with pytest.raises(ValueError, match="attn_implementation='eager'"):
        model(clips, output_attentions=True)
    model.set_attn_implementation("eager")
    attentions = model(clips, output_attentions=True).attentions
    assert [tuple(weight.shape) for weight in attentions] == [(3, 4, positions, positions)] * 3
    torch.testing.assert_close(attentions[0].sum(-1), torch.ones(3, 4, positions))


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

import pytest
import torch
from conftest import TEXT_CONFIGS, tiny_model

from modeling_aullm import AULLMForAUDetection
from modeling_aullm.prompt import case_file_prompt, split_prompt, tokenize_prompt


@pytest.mark.parametrize("llm", TEXT_CONFIGS)
def test_sharing_the_prefix_changes_no_logit(llm, clips):
    model = tiny_model(llm)
    with torch.no_grad():
        shared, plain = model(clips).logits, model(clips, share_prefix=False).logits
        again = model(clips).logits
    assert shared.std() > 0.01
    torch.testing.assert_close(shared, plain, atol=1e-4, rtol=0)
    torch.testing.assert_close(shared, again)


@pytest.mark.parametrize("llm", TEXT_CONFIGS)
def test_sharing_the_prefix_changes_no_gradient(llm, clips):
    model = tiny_model(llm)
    gradients = []
    for share in (True, False):
        model.zero_grad()
        model(clips, share_prefix=share).logits.square().sum().backward()
        gradients.append({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})
    assert any(".lora_A." in name for name in gradients[0])
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], atol=1e-3, rtol=1e-3, msg=name)


def test_a_token_is_added_to_the_word_at_its_place(clips):
    model = tiny_model(prompt_token_ids=[5, 6, -2, 7, -1], anchor_token_ids=[8, 9])
    read = []
    model.llm.register_forward_pre_hook(
        lambda _module, _args, kwargs: read.append(kwargs["inputs_embeds"]), with_kwargs=True
    )
    with torch.no_grad():
        output = model(clips, share_prefix=False)
        words = model.get_input_embeddings()(torch.tensor([5, 6, 9, 7, 8]))
    expected = words.repeat(len(clips), 1, 1)
    expected[:, 2] += output.instruction_token
    expected[:, 4] += output.content_token
    torch.testing.assert_close(read[0], expected)


def test_figure_order_shares_nothing_and_works(clips):
    model = tiny_model(prompt_token_ids=[-1, -2, 5, 6, 7])
    with torch.no_grad():
        torch.testing.assert_close(model(clips).logits, model(clips, share_prefix=False).logits)
    assert model.prompt_reader._kept is None


def count_prefix_readings(model, clips, between):
    """How often the LLM reads the prefix in two calls with something done in between."""
    lengths = []
    handle = model.llm.register_forward_pre_hook(
        lambda module, args, kwargs: lengths.append(kwargs["inputs_embeds"].shape[1]), with_kwargs=True
    )
    with torch.no_grad():
        model(clips)
        between()
        after = model(clips).logits
        handle.remove()
        plain = model(clips, share_prefix=False).logits
    torch.testing.assert_close(after, plain, atol=1e-4, rtol=0)
    return lengths.count(8)


def test_the_prefix_is_kept_between_calls(model, clips):
    assert count_prefix_readings(model, clips, lambda: None) == 1


def test_the_prefix_is_dropped_when_a_weight_changes_in_place(model, clips):
    weight = next(p for name, p in model.llm.named_parameters() if ".lora_B." in name)
    assert count_prefix_readings(model, clips, lambda: weight.add_(0.1)) == 2


def test_the_prefix_is_dropped_when_a_state_dict_is_loaded(model, clips):
    other = {name: weight + 0.01 for name, weight in model.state_dict().items() if name.startswith("llm.layers")}
    assert count_prefix_readings(model, clips, lambda: model.load_state_dict(other, strict=False)) == 2


def test_the_prefix_is_dropped_when_the_prompt_changes(model, clips):
    def another_prompt():
        model.config.prompt_token_ids = [9, 8, 7, 6, 5, 4, 3, 2, -2, -1]

    assert count_prefix_readings(model, clips, another_prompt) == 2


def test_the_prefix_is_not_kept_in_training(model, clips):
    model.train()
    model(clips).logits.sum().backward()
    assert model.prompt_reader._kept is None


def test_the_prefix_is_dropped_by_a_step_of_a_fused_optimizer_under_checkpointing(model, clips):
    def step():  # the fused step leaves no trace in the weights' versions
        lora = [weight for name, weight in model.llm.named_parameters() if ".lora_" in name]
        model.train().activation_checkpointing_enable()
        with torch.enable_grad():
            model(clips).logits.sum().backward()
        torch.optim.AdamW(lora, lr=0.1, fused=True).step()
        model.eval()

    assert count_prefix_readings(model, clips, step) == 2


def test_gradient_checkpointing_gives_the_same_gradients(clips):
    model = tiny_model(described_share=0.0)
    for module in model.modules():
        if isinstance(module, (torch.nn.Dropout, torch.nn.Dropout3d)):
            module.p = 0.0
    model.train()
    gradients = []
    for checkpointing in (False, True):
        if checkpointing:
            model.activation_checkpointing_enable()
        model.zero_grad()
        model(clips).logits.square().sum().backward()
        gradients.append(model.evidence.gate.weight.grad.clone())
    torch.testing.assert_close(*gradients, atol=1e-3, rtol=1e-3)


def test_both_tokens_reach_the_logits(model, clips):
    out = model(clips)
    out.content_token.retain_grad()
    out = model(clips)
    for token in (out.content_token, out.instruction_token):
        assert torch.autograd.grad(out.logits.sum(), token, retain_graph=True)[0].abs().sum() > 0


class WordTokenizer:
    bos_token_id = 1

    def __call__(self, text, add_special_tokens):
        assert not add_special_tokens
        return {"input_ids": [len(word) + 10 for word in text.split()]}


def test_prompt_is_split_and_tokenised_around_its_placeholders():
    assert split_prompt("a {content} b{instruction}") == ["a ", "{content}", " b", "{instruction}"]
    assert tokenize_prompt("case of {content} and {instruction}", WordTokenizer()) == [1, 14, 12, -1, 13, -2]


def test_set_prompt_takes_effect_and_refuses_a_bad_one(model, clips):
    before = model(clips).logits
    model.set_prompt("another case {instruction} {content}", WordTokenizer())
    assert model.config.prompt_token_ids == [1, 17, 14, -2, -1]
    assert not torch.allclose(model(clips).logits, before)
    with pytest.raises(ValueError, match="must hold {instruction} once"):
        model.set_prompt("no rules {content}", WordTokenizer())


def test_the_case_file_names_units_relations_and_task():
    text = case_file_prompt(["AU6", "AU12"], [["AU6", "AU12", "co-occurring"]], structure=True)
    assert "AU6 cheek raiser, AU12 lip corner puller" in text and "Often together: 6+12." in text
    assert text.endswith("{instruction}{content}")


@pytest.mark.parametrize("llm", TEXT_CONFIGS)
@pytest.mark.parametrize("clips_in_a_row", [1, 2])
def test_rows_of_any_length_give_the_same_logits(llm, clips_in_a_row, clips, monkeypatch):
    """One clip a row is what flash attention needs; two leave a row of three clips half empty."""
    model = tiny_model(llm)
    with torch.no_grad():
        expected = model(clips).logits
        monkeypatch.setattr("modeling_aullm.deduction.CLIPS_IN_A_ROW", clips_in_a_row)
        monkeypatch.setattr("modeling_aullm.deduction._takes_masks", lambda llm: clips_in_a_row > 1)
        torch.testing.assert_close(model(clips).logits, expected, atol=1e-4, rtol=0)


def test_eager_attention_gives_the_same_logits(clips, tmp_path):
    model = tiny_model()
    model.save_pretrained(tmp_path)
    eager = AULLMForAUDetection.from_pretrained(tmp_path, attn_implementation="eager")
    assert eager.llm.config._attn_implementation == "eager"
    with torch.no_grad():
        torch.testing.assert_close(eager(clips).logits, model(clips).logits, atol=1e-4, rtol=0)


@pytest.mark.parametrize("llm", TEXT_CONFIGS)
def test_the_llm_is_asked_without_a_warning(llm, clips, recwarn):
    """The cache's argument has another name from transformers 5.24 on; the old one warns, and goes."""
    with torch.no_grad():
        tiny_model(llm)(clips)
    of_transformers = [str(warning) for warning in recwarn if issubclass(warning.category, FutureWarning)]
    assert not [text for text in of_transformers if "deprecated" in text]

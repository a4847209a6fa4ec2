"""In other hands: a plain Trainer, PEFT, accelerate's offloading, exporters; each must get the model's own answers."""

import contextlib

import numpy as np
import pytest
import torch
from accelerate import cpu_offload, disk_offload
from conftest import save_small_llm, tiny_config, tiny_model
from peft import LoraConfig, inject_adapter_in_model
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import BitsAndBytesConfig, Trainer, TrainingArguments
from transformers.quantizers.quantizers_utils import should_convert_module

from modeling_aullm import AULLMConfig, AULLMForAUDetection, AULLMProcessor
from modeling_aullm.lean_checkpoint import of_the_llm_alone


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    tiny_model().save_pretrained(folder)
    AULLMProcessor().save_pretrained(folder)
    return folder


def logits(model, clips, **options):
    with torch.no_grad():
        return model(clips, **options).logits


def scale_lora(model):
    for module in model.llm.modules():
        if isinstance(getattr(module, "scaling", None), dict):
            module.set_scale("default", 3)


def adapters(model, change):
    for module in model.llm.modules():
        if isinstance(getattr(module, "scaling", None), dict):
            change(module)


def second_adapter(model):
    with pytest.warns(UserWarning, match="adapter"), torch.random.fork_rng():
        inject_adapter_in_model(
            LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False), model.llm, adapter_name="other"
        )
    adapters(model, lambda module: module.set_adapter("other"))


CHANGES = {
    "adapter off": lambda model: adapters(model, lambda module: module.enable_adapters(False)),
    "adapter's scale": lambda model: adapters(model, lambda module: module.set_scale("default", 3)),
    "another adapter": second_adapter,
    "write through data": lambda model: model.llm.layers[1].mlp.up_proj.weight.data.mul_(1.5),
    "write in place": lambda model: nn.init.normal_(model.llm.layers[0].self_attn.k_proj.weight),
    "weight replaced": lambda model: setattr(model.llm.norm, "weight", nn.Parameter(torch.rand(32))),
    "buffer": lambda model: model.llm.rotary_emb.inv_freq.mul_(0.5),
    "hook": lambda model: model.llm.layers[0].register_forward_hook(lambda module, given, out: out * 1.5),
    "hook before": lambda model: model.llm.layers[1].register_forward_pre_hook(lambda module, given: (given[0] * 2,)),
    "another embedding table": lambda model: model.set_input_embeddings(nn.Embedding(300, 32)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_the_llm_drops_what_was_kept_of_it(change, clips):
    model = tiny_model()
    before = logits(model, clips)
    with torch.no_grad():
        CHANGES[change](model)
    plain = logits(model, clips, share_prefix=False)
    assert not torch.allclose(plain, before, atol=1e-4)
    torch.testing.assert_close(logits(model, clips), plain, atol=2e-5, rtol=1e-4)


def test_autocast_has_a_prefix_of_its_own(clips):
    model = tiny_model()
    exact = logits(model, clips)
    with torch.autocast("cpu", torch.bfloat16):
        logits(model, clips)
    torch.testing.assert_close(logits(model, clips), exact)


def test_a_plain_trainer_loses_nothing(saved, tmp_path, clips):
    model = AULLMForAUDetection.from_pretrained(saved)
    batch = [{"pixel_values": clip, "labels": torch.ones(12)} for clip in clips]
    arguments = TrainingArguments(
        output_dir=tmp_path / "run", max_steps=3, learning_rate=1e-2, use_cpu=True, report_to=[], disable_tqdm=True
    )
    trainer = Trainer(model=model, args=arguments, train_dataset=batch, processing_class=AULLMProcessor())
    trainer.train()
    trainer.save_model(str(tmp_path / "trained"))
    predictions = trainer.predict(batch).predictions
    assert predictions.shape == (3, 12)
    again = AULLMForAUDetection.from_pretrained(tmp_path / "trained")
    np.testing.assert_allclose(logits(again, clips), predictions, atol=1e-5)
    assert not np.allclose(logits(AULLMForAUDetection.from_pretrained(saved), clips), predictions, atol=1e-2)
    AULLMProcessor.from_pretrained(tmp_path / "trained")


def test_noise_on_the_embeddings_as_a_trainer_puts_it_there(tmp_path, clips):
    batch = [{"pixel_values": clip, "labels": torch.ones(12)} for clip in clips]
    arguments = TrainingArguments(
        output_dir=tmp_path, max_steps=1, neftune_noise_alpha=5.0, use_cpu=True, report_to=[], disable_tqdm=True
    )
    Trainer(model=tiny_model(), args=arguments, train_dataset=batch).train()


@pytest.mark.parametrize("where", ["cpu", "disk"])
def test_offloaded_weights_give_the_same_answers(where, tmp_path, clips):
    model, exact = tiny_model(), logits(tiny_model(), clips)
    if where == "cpu":
        cpu_offload(model, execution_device="cpu")
    else:
        disk_offload(model, tmp_path, execution_device="cpu")
    torch.testing.assert_close(logits(model, clips), exact)


def test_an_exported_graph_takes_any_batch():
    model, some = tiny_model(), torch.rand(4, 6, 64, 64)
    many = {0: torch.export.Dim("clips", min=2, max=512)}
    with torch.no_grad():
        graph = torch.export.export(model, (some,), dynamic_shapes=(many,)).module()
    for clips in (2, 7, 70):
        batch = torch.rand(clips, 6, 64, 64)
        torch.testing.assert_close(graph(batch).logits, logits(model, batch), atol=1e-5, rtol=1e-4)


def test_a_full_graph_is_compiled(clips):
    model = tiny_model()
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(logits(compiled, clips), logits(model, clips), atol=1e-5, rtol=1e-4)


def test_inference_mode_from_loading_on(saved, clips):
    exact = logits(AULLMForAUDetection.from_pretrained(saved), clips)
    with torch.inference_mode():
        model = AULLMForAUDetection.from_pretrained(saved)
        torch.testing.assert_close(model(clips).logits, exact)
        torch.testing.assert_close(model(clips).logits, exact)


@pytest.mark.parametrize(
    "override, said",
    [
        ({"num_labels": 3}, "number of action_units, 12, got 3"),
        ({"image_size": 7}, "image_size must be between 32 and 512, got 7"),
        ({"dropout": 2.0}, "dropout must be between"),
        ({"action_units": ["AU1", "AU99"]}, "AU99"),
        ({"action_units": ["AU1", "AU2"]}, "asks for the weight"),
    ],
)
def test_overrides_are_checked(saved, override, said):
    with pytest.raises(ValueError, match=said):
        AULLMForAUDetection.from_pretrained(saved, **override)


def test_the_right_number_of_labels_is_no_error(saved):
    assert AULLMForAUDetection.from_pretrained(saved, num_labels=12).config.num_labels == 12
    with pytest.raises(ValueError, match="name the units"):
        AULLMConfig(action_units=["AU1"], num_labels=12)


def test_other_units_by_name_when_loading(tmp_path, clips):
    llm = save_small_llm(tmp_path / "llm")
    model = AULLMForAUDetection.from_backbones(tiny_config(prompt_token_ids=None), llm=str(llm))
    model.save_pretrained(tmp_path / "saved")
    units = ["AU12", "AU1", "AU45"]
    other = AULLMForAUDetection.from_pretrained(tmp_path / "saved", action_units=units, ignore_mismatched_sizes=True)
    assert other.config.action_units == list(other.config.label2id) == units
    assert "AU45 blink" in other.config.prompt and "AU2 " not in other.config.prompt
    assert len(other.config.unit_positions) == 3
    assert logits(other, clips).shape == (3, 3)
    torch.testing.assert_close(other.motion_encoder.low[0].weight, model.motion_encoder.low[0].weight)


def test_checkpoints_with_the_names_of_before(saved, tmp_path, clips):
    tiny_model().save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    before = {name.replace(".global_context.", ".global."): weight for name, weight in weights.items()}
    assert before.keys() != weights.keys()
    save_file(before, tmp_path / "model.safetensors", metadata={"format": "pt"})
    again = AULLMForAUDetection.from_pretrained(tmp_path)
    torch.testing.assert_close(logits(again, clips), logits(tiny_model(), clips))


@pytest.mark.parametrize("options", [{"max_shard_size": "100KB"}, {"variant": "fp16"}])
def test_shards_and_variants_load_again(tmp_path, clips, options):
    tiny_model().save_pretrained(tmp_path, **options)
    again = AULLMForAUDetection.from_pretrained(tmp_path, variant=options.get("variant"))
    torch.testing.assert_close(logits(again, clips), logits(tiny_model(), clips))


@pytest.mark.parametrize("clips", [torch.zeros(2, 6, 64, 64, dtype=torch.uint8), torch.zeros(2, 6, 64, 64).half()])
def test_frames_of_another_type_are_refused(clips):
    with pytest.raises(ValueError, match="float32"):
        tiny_model()(clips)


def test_an_empty_batch():
    model = tiny_model()
    assert logits(model, torch.zeros(0, 6, 64, 64)).shape == (0, 12)
    with pytest.raises(ValueError, match="the batch is empty"):
        model(torch.zeros(0, 6, 64, 64), labels=torch.zeros(0, 12))


def test_a_configuration_may_ask_for_tuples(saved, clips):
    model = AULLMForAUDetection.from_pretrained(saved, return_dict=False)
    assert isinstance(model(clips), tuple)
    assert model(clips, return_dict=True).logits.shape == (3, 12)
    with contextlib.suppress(KeyError):
        assert "logits" in model(clips, return_dict=True)


def test_quantisers_are_given_the_llm_alone():
    """No quantiser is installed here: what they are asked to leave out is all but the LLM's own layers."""
    model = tiny_model()
    given = BitsAndBytesConfig(load_in_8bit=True)
    left_out = of_the_llm_alone(given, model).llm_int8_skip_modules
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    taken = [name for name in linear if should_convert_module(name, left_out)]
    assert taken and all(name.startswith("llm.") and ".lora_" not in name for name in taken)
    assert len(taken) == 3 * 7  # three layers of an LLM: q, k, v, o, gate, up, down
    assert given.llm_int8_skip_modules is None
    own = BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=["head"])
    assert of_the_llm_alone(own, model).llm_int8_skip_modules == ["head"]

import json
import sys

import numpy as np
import pytest
import torch
from conftest import tiny_model
from datasets import Dataset
from safetensors.torch import load_file
from transformers import AutoModel, AutoProcessor

from modeling_aullm.head_stabilization import stabilize_crops
from training.data import Clip, ClipDataset, augment, clips_in_memory, jittered_range, load_data, split_by_subject
from training.train import main
from training.trainer import AULLMTrainer, TokenProbe, freeze_llm, positive_weights, training_arguments


def corpus(people=10):
    rows = [(f"d{k % 2}", f"s{k // 2 % (people // 2)}", k) for k in range(4 * people)]
    return Dataset.from_dict(
        {"dataset": [r[0] for r in rows], "subject": [r[1] for r in rows], "k": [r[2] for r in rows]}
    )


def test_no_subject_stands_on_two_sides_and_no_clip_is_lost():
    parts = split_by_subject(corpus(), {"train": 0.6, "validation": 0.2, "test": 0.2}, seed=3)
    people = [set(zip(part["dataset"], part["subject"])) for part in parts.values()]
    assert sum(map(len, people)) == len(set.union(*people)) == 10
    assert sorted(k for part in parts.values() for k in part["k"]) == list(range(40))
    again = split_by_subject(corpus(), {"train": 0.6, "validation": 0.2, "test": 0.2}, seed=3)
    assert again["test"]["k"] == parts["test"]["k"]


def test_the_same_subject_name_in_two_datasets_is_two_people():
    data = Dataset.from_dict({"dataset": ["a", "b"], "subject": ["1", "1"]})
    parts = split_by_subject(data, {"train": 0.5, "validation": 0.5}, seed=0)
    assert [len(part) for part in parts.values()] == [1, 1]


def test_too_few_subjects_are_refused():
    with pytest.raises(ValueError, match=r"1 subject\(s\) cannot be split into train, test"):
        split_by_subject(Dataset.from_dict({"dataset": ["a"], "subject": ["1"]}), {"train": 0.5, "test": 0.5}, 0)


def test_missing_columns_are_named(tmp_path):
    Dataset.from_dict({"subject": ["1"]}).save_to_disk(tmp_path / "data")
    with pytest.raises(ValueError, match="lacks the columns dataset, frames, action_units"):
        load_data(str(tmp_path / "data"), subjects=1, clips_per_subject=1, seed=0)


def test_synthetic_clips_reach_the_model_as_they_are():
    data = load_data("synthetic:A", subjects=2, clips_per_subject=2, seed=0)
    (first, *_) = clips_in_memory(data, ["AU1", "AU12"], 64)
    assert first.frames.dtype == np.uint8
    frames = np.array(data[0]["frames"], np.uint8)
    indices = np.round(np.linspace(0, len(frames) - 1, 6)).astype(int)
    item = ClipDataset([first], 6)[0]
    sampled = (frames[indices] / 255).astype(np.float32)
    np.testing.assert_allclose(item["pixel_values"], stabilize_crops(sampled), atol=1e-6)
    np.testing.assert_allclose(item["pixel_values"][0], sampled[0], atol=1e-6)
    assert item["labels"].tolist() == [
        float("AU1" in data[0]["action_units"]),
        float("AU12" in data[0]["action_units"]),
    ]


def test_jitter_always_keeps_the_rise_to_the_apex():
    clip = Clip(np.zeros((20, 4, 4), np.uint8), np.ones(1), onset=4, apex=9)
    ranges = {jittered_range(clip, np.random.default_rng(seed)) for seed in range(200)}
    assert len(ranges) > 20
    assert all(first <= 4 and last >= 10 for first, last in ranges)


def test_augmentation_is_one_transform_for_all_frames():
    still = np.repeat(np.random.default_rng(0).random((1, 32, 32), dtype=np.float32), 6, 0)
    for seed in range(20):
        out = augment(still, np.random.default_rng(seed))
        assert out.shape == still.shape and out.dtype == np.float32 and out.min() >= 0 and out.max() <= 1
        assert np.abs(out - out[0]).max() < 0.1  # sensor noise, no motion
    assert not np.allclose(augment(still, np.random.default_rng(1)), still, atol=0.05)


def test_only_lora_learns_in_the_llm():
    model = tiny_model()
    freeze_llm(model)
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad == (not name.startswith("llm.") or ".lora_" in name), name


def test_positive_weight_is_the_root_of_the_ratio():
    labels = torch.tensor([[1.0, 0], [0, 0], [0, 1], [0, 1]])
    torch.testing.assert_close(positive_weights(labels), torch.tensor([3.0, 1.0]).sqrt())


def trainer(model, tmp_path, **settings):
    clips = [
        Clip(np.random.default_rng(k).integers(0, 255, (8, 64, 64), np.uint8), np.ones(12, np.float32), 0, 4)
        for k in range(8)
    ]
    options = {"max_steps": 2, "per_device_train_batch_size": 4, "learning_rate": 1e-3, "use_cpu": True} | settings
    return AULLMTrainer(
        model=model,
        args=training_arguments(output_dir=str(tmp_path), disable_tqdm=True, **options),
        train_dataset=ClipDataset(clips, 6, training=True),
        positive_weight=torch.ones(12),
        led_learning_rate=0.5,
        lora_learning_rate=0.25,
    )


def test_parameter_groups_have_their_own_rates(tmp_path):
    model = tiny_model()
    freeze_llm(model)
    made = trainer(model, tmp_path, weight_decay=0.1)
    names = {id(p): name for name, p in model.named_parameters()}
    rates = {}
    for group in made.create_optimizer().param_groups:
        for parameter in group["params"]:
            rates[names.pop(id(parameter))] = (group["lr"], group["weight_decay"])
    assert rates["motion_encoder.led.log_alpha"] == (0.5, 0.0)
    assert {rates[name][0] for name in rates if ".lora_" in name} == {0.25}
    assert rates["head.weight"] == (1e-3, 0.1) and rates["head.bias"] == (1e-3, 0.0)
    assert all(name.startswith("llm.") for name in names.values())


def test_training_changes_what_learns_and_nothing_else(tmp_path):
    model = tiny_model()
    freeze_llm(model)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    trainer(model, tmp_path).train()
    for name, parameter in model.named_parameters():
        changed = not torch.equal(parameter, before[name])
        assert changed == parameter.requires_grad or "relation_logits" in name, name


def test_the_probe_trains_evidence_and_structure_of_the_model_itself(tmp_path):
    model = tiny_model()
    before = model.evidence.gate.weight.detach().clone()
    probe = TokenProbe(model)
    assert probe(torch.rand(2, 6, 64, 64)).logits.shape == (2, 12)
    trainer(probe, tmp_path).train()
    assert not torch.equal(model.evidence.gate.weight, before)


def test_the_command_trains_scores_and_leaves_a_checkpoint(tmp_path, monkeypatch, clips):
    torch.manual_seed(0)
    tiny_model().save_pretrained(tmp_path / "start", whole=True)
    small = "--subjects 4 --clips_per_subject 3 --test_subjects 2 --evidence_steps 1 --max_steps 2 --batch_size 4"
    monkeypatch.setattr(
        sys, "argv", ["train", "--output", str(tmp_path / "run"), "--model", str(tmp_path / "start"), *small.split()]
    )
    main()
    record = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert set(record["scores"]) == {"validation", "unseen_subjects", "other_domain"}
    assert record["clips"]["other_domain"] == 6 and record["options"]["seed"] == 1
    model = AutoModel.from_pretrained(tmp_path / "run" / "checkpoint")
    processor = AutoProcessor.from_pretrained(tmp_path / "run" / "checkpoint")
    assert processor.thresholds == list(record["thresholds"].values())
    start = load_file(tmp_path / "start" / "model.safetensors")["evidence.gate.weight"]
    assert not torch.equal(model.evidence.gate.weight, start)
    assert model(clips).logits.shape == (3, 12)
    readme = (tmp_path / "run" / "checkpoint" / "README.md").read_text()
    assert record["command"] in readme and "AU12 lip corner puller" in readme and "binary F1 at 0.5" in readme

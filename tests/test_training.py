"""The trainer, and training on one fold, with a tiny random LLM."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import tiny_config, tiny_model
from safetensors.torch import load_file
from torch import nn
from transformers import AutoModel, AutoProcessor, TrainingArguments

from modeling_aullm import AULLMConfig
from training.data.clips import Clip
from training.data.folds import Fold
from training.errors import InputError
from training.learning import fit as fit_module
from training.learning.augmentation import ClipDataset
from training.learning.fit import fit
from training.learning.models import WithoutLLM, align_head, build_model, frozen_llm
from training.learning.trainer import AULLMTrainer
from training.options import DataOptions, Recipe, parse_options
from training.report.card import card, note_data, scores_table
from training.train import main

UNITS = list(AULLMConfig().action_units)


def make_clips(subject, count=6):
    """Clips whose units show: a bright patch appears in the region of the unit."""
    rng = np.random.default_rng(int(subject))
    clips = []
    for k in range(count):
        labels = np.zeros(12, np.float32)
        labels[[k % 12, (k + 5) % 12]] = 1
        frames = rng.integers(90, 110, (8, 64, 64)).astype(np.uint8)
        for unit in np.flatnonzero(labels):
            frames[4:, 5 * unit : 5 * unit + 5, 10:50] += 60
        clips.append(Clip(frames, labels, 0, 4, "toy", subject, f"{subject}_{k}", f"{subject}_{k}"))
    return clips


@pytest.fixture
def fold():
    train = [clip for k in range(3) for clip in make_clips(str(k))]
    return Fold("toy", train, make_clips("8"), {"test": make_clips("9", 5)})


@pytest.fixture
def start(tmp_path):
    tiny_model().save_pretrained(tmp_path / "start", whole=True)
    return str(tmp_path / "start")


def tiny_recipe(start, **settings):
    settings = {"evidence_steps": 2, "max_steps": 4, "batch_size": 6, "eval_steps": 2, "workers": 0} | settings
    return Recipe(model=start, **settings)


def trainer(model, tmp_path, recipe, **settings):
    options = {"max_steps": 2, "per_device_train_batch_size": 6, "learning_rate": 1e-3, "logging_steps": 1} | settings
    arguments = TrainingArguments(
        output_dir=str(tmp_path), use_cpu=True, label_names=["labels"], remove_unused_columns=False,
        report_to=[], save_strategy="no", disable_tqdm=True, **options,
    )  # fmt: skip
    return AULLMTrainer(
        model=model,
        args=arguments,
        recipe=recipe,
        positive_weight=torch.ones(12),
        train_dataset=ClipDataset(make_clips("0", 12), 6, augment=True),
    )


def test_parameter_groups_have_their_own_rates(tmp_path):
    model = tiny_model()
    recipe = Recipe(led_learning_rate=0.5, lora_learning_rate=0.25)
    with frozen_llm(model, torch.float32):
        made = trainer(model, tmp_path, recipe, weight_decay=0.1).create_optimizer()
    names = {id(p): name for name, p in model.named_parameters()}
    rates = {}
    for group in made.param_groups:
        for parameter in group["params"]:
            rates[names.pop(id(parameter))] = (group["lr"], group["weight_decay"])
    assert rates["motion_encoder.led.log_alpha"] == (0.5, 0.0)
    assert {rates[name][0] for name in rates if ".lora_" in name} == {0.25}
    assert rates["head.case.weight"] == (1e-3, 0.1) and rates["head.case.bias"] == (1e-3, 0.0)
    assert all(name.startswith("llm.") and ".lora_" not in name for name in names.values())


@pytest.mark.parametrize("ccr_flip", ["donors", "nodes", "relations"])
def test_training_changes_what_learns_and_nothing_else(tmp_path, ccr_flip):
    model = tiny_model()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    with frozen_llm(model, torch.bfloat16):
        assert model.llm.layers[0].mlp.up_proj.weight.dtype == torch.bfloat16
        trainer(model, tmp_path, Recipe(ccr_flip=ccr_flip), bf16=True).train()
    for name, parameter in model.named_parameters():
        learns = not name.startswith("llm.") or ".lora_" in name
        assert parameter.dtype == torch.float32
        if "relation_logits" not in name:  # two steps may leave the last layer's at rest
            assert torch.equal(parameter, before[name]) != learns, name


def test_the_total_loss_is_its_two_logged_parts(tmp_path):
    model = tiny_model()
    made = trainer(model, tmp_path, Recipe(ccr_weight=3.0))
    with frozen_llm(model, torch.float32):
        made.train()
    steps = [entry for entry in made.state.log_history if "loss_cf" in entry]
    assert len(steps) == 2
    for entry in steps:
        assert entry["loss_cf"] > 0
        assert entry["loss"] == pytest.approx(entry["loss_main"] + 3 * entry["loss_cf"], abs=2e-3)


def test_accumulated_steps_have_the_gradient_of_one_large_step(tmp_path):
    gradients = []
    for parts in (1, 3):
        model = tiny_model(dropout=0.0, lora_dropout=0.0, described_share=0.0).train()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm3d):
                module.eval()  # its statistics are those of what goes through at once
        made = trainer(
            model, tmp_path, Recipe(ccr_weight=0.0), max_steps=1, max_grad_norm=1e9,
            per_device_train_batch_size=12 // parts, gradient_accumulation_steps=parts,
        )  # fmt: skip
        made.train_dataset.augment = False
        model.train = lambda mode=True, model=model: model
        made.train()
        gradients.append(next(entry["grad_norm"] for entry in made.state.log_history if "grad_norm" in entry))
    assert gradients[0] == pytest.approx(gradients[1], rel=1e-3)


def test_the_reader_trains_evidence_and_structure_of_the_model_itself(tmp_path):
    model = tiny_model()
    before = model.evidence.gate.weight.detach().clone()
    reader = WithoutLLM(model)
    assert reader(torch.rand(2, 6, 64, 64)).logits.shape == (2, 12)
    trainer(reader, tmp_path, Recipe()).train()
    assert not torch.equal(model.evidence.gate.weight, before)


def test_a_fold_gives_the_same_figures_again_whatever_ran_before(fold, start, tmp_path):
    first = fit(tiny_recipe(start), fold, UNITS, seed=3, work=tmp_path / "a")
    torch.rand(7)
    second = fit(tiny_recipe(start), fold, UNITS, seed=3, work=tmp_path / "b")
    other = fit(tiny_recipe(start), fold, UNITS, seed=4, work=tmp_path / "c")
    assert {name: found.shape for name, found in first.probabilities.items()} == {
        "validation": (6, 12),
        "test": (5, 12),
    }
    for part, found in first.probabilities.items():
        np.testing.assert_array_equal(found, second.probabilities[part])
        assert np.abs(found - other.probabilities[part]).max() > 1e-4


@pytest.mark.parametrize(("part", "step"), [("evidence", 3), ("llm", 3)])
def test_a_killed_training_goes_on_from_its_last_save_to_the_same_figures(
    fold, start, tmp_path, monkeypatch, part, step
):
    recipe = tiny_recipe(start, evidence_steps=4, max_steps=4)
    whole = fit(recipe, fold, UNITS, seed=3, work=tmp_path / "whole")

    class Killed(Exception):
        pass

    def kill(self, args, state, control, **kwargs):
        if args.output_dir.endswith(part) and state.global_step == step:
            raise Killed
        original(self, args, state, control, **kwargs)

    original = fit_module.ValidateAtTheEnd.on_step_end
    monkeypatch.setattr(fit_module.ValidateAtTheEnd, "on_step_end", kill)
    with pytest.raises(Killed):
        fit(recipe, fold, UNITS, seed=3, work=tmp_path / "killed")
    monkeypatch.undo()
    assert (tmp_path / "killed" / part / "checkpoint-2").is_dir()
    went_on = fit(recipe, fold, UNITS, seed=3, work=tmp_path / "killed")
    steps = [entry["step"] for entry in went_on.history if "eval_loss" in entry]
    assert steps.count(4) >= 1
    np.testing.assert_allclose(went_on.probabilities["test"], whole.probabilities["test"], atol=1e-6)


def test_it_stops_early_when_validation_gains_nothing(fold, start, tmp_path):
    still = {"learning_rate": 0.0, "lora_learning_rate": 0.0, "led_learning_rate": 0.0}
    recipe = tiny_recipe(start, evidence_steps=0, max_steps=40, eval_steps=1, patience=2, **still)
    fitted = fit(recipe, fold, UNITS, seed=0, work=tmp_path / "work")
    assert max(entry["step"] for entry in fitted.history) < 20


def test_the_best_step_on_validation_is_kept_not_the_last(fold, start, tmp_path):
    recipe = tiny_recipe(start, evidence_steps=0, max_steps=6, eval_steps=1, learning_rate=0.03, dropout=0.0)
    fitted = fit(recipe, fold, UNITS, seed=0, work=tmp_path / "work")
    values = [entry["eval_average_precision"] for entry in fitted.history if "eval_average_precision" in entry]
    found, labels = fitted.probabilities["validation"], np.stack([clip.labels for clip in fold.validation])
    from sklearn.metrics import average_precision_score

    defined = [k for k in range(12) if 0 < labels[:, k].sum() < len(labels)]
    kept = np.mean([average_precision_score(labels[:, k], found[:, k]) for k in defined])
    assert kept == pytest.approx(max(values), abs=1e-4)


@pytest.mark.parametrize("method", ["led_head", "flow_sssnet", "all_negative", "prior"])
def test_every_baseline_goes_through_the_same_harness(fold, tmp_path, method):
    recipe = Recipe(method=method, evidence_steps=1, max_steps=1, batch_size=6, workers=0)
    found = fit(recipe, fold, UNITS, seed=1, work=tmp_path / "work").probabilities
    assert found["test"].shape == (5, 12) and found["validation"].shape == (6, 12)
    if method == "prior":
        np.testing.assert_allclose(found["test"][0], np.mean([clip.labels for clip in fold.train], 0))
    if method == "all_negative":
        assert (found["test"] < 0.5).all()


def test_a_checkpoint_of_other_units_is_refused(start):
    with pytest.raises(InputError, match="detects AU1, .* pass --action_units AU1"):
        build_model(Recipe(model=start), ["AU12"])


def test_a_batch_that_cannot_be_cut_is_refused(fold, start, tmp_path):
    with pytest.raises(InputError, match="batch_size 6 cannot be cut into 4"):
        tiny_recipe(start, gradient_accumulation_steps=4)


def test_options_come_from_yaml_and_the_command_line_wins(tmp_path):
    (tmp_path / "small.yaml").write_text("max_steps: 7\nlearning_rate: 1e-5\nloss: asymmetric\nmax_subjects: 3\n")
    arguments = ["--config", str(tmp_path / "small.yaml"), "--max_steps", "9"]
    data, recipe = parse_options(DataOptions, Recipe, description="", arguments=arguments)
    assert (data.max_subjects, recipe.max_steps, recipe.learning_rate, recipe.loss) == (3, 9, 1e-5, "asymmetric")


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("max_step: 3", "unknown option max_step; known are"),
        ("loss: hinge", "must be one of bce, asymmetric, au_llm, focal, got 'hinge'"),
        ("max_steps: many", "must be a number, got 'many'"),
        ("bf16: 'yes please'", "must be true or false"),
        ("- 1", "must hold options by name"),
        ("batch_size: 0", "batch_size must be at least 1, got 0"),
        ("action_units: [AU99]", "AU99"),
    ],
)
def test_a_wrong_option_is_named(tmp_path, yaml, message):
    (tmp_path / "wrong.yaml").write_text(yaml)
    with pytest.raises(InputError, match=message):
        parse_options(DataOptions, Recipe, description="", arguments=["--config", str(tmp_path / "wrong.yaml")])


def run_main(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["train", *map(str, arguments)])
    main()


def test_the_command_trains_scores_and_leaves_a_checkpoint(tmp_path, monkeypatch, clips, start):
    small = "--data synthetic:A --test synthetic:B --max_subjects 4 --clips_per_subject 3 --workers 0"
    small += " --evidence_steps 1 --max_steps 2 --batch_size 4 --unseen_share 0.25"
    run = tmp_path / "run"
    run_main(monkeypatch, "--output", run, "--model", start, *small.split())
    record = json.loads((run / "checkpoint" / "metrics.json").read_text())
    assert record["clips"] == {"train": 6, "validation": 3, "unseen_subjects": 3, "other_domain": 12}
    assert set(record["scores"]) == {"validation", "unseen_subjects", "other_domain"}
    assert not (run / "trainer").exists()
    model, processor = (kind.from_pretrained(run / "checkpoint") for kind in (AutoModel, AutoProcessor))
    assert processor.thresholds == list(record["thresholds"].values())
    assert model.config.trained_on == [f"whatever the checkpoint {Path(start).name} had seen", "synthetic:A, seed 0"]
    before = load_file(f"{start}/model.safetensors")["evidence.gate.weight"]
    assert not torch.equal(model.evidence.gate.weight, before)
    assert model(clips).logits.shape == (3, 12)
    readme = (run / "checkpoint" / "README.md").read_text()
    assert record["command"] in readme and "AU12 lip corner puller" in readme and "binary F1 at 0.5" in readme
    files = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}
    run_main(monkeypatch, "--output", run, "--model", start, *small.split())  # again: nothing to do
    with pytest.raises(InputError, match="folder of another run: max_steps is 2 there and 3 here"):
        run_main(monkeypatch, "--output", run, "--model", start, *small.replace("max_steps 2", "max_steps 3").split())
    files.pop(run / "metrics.json")  # pooled anew from the folds each time
    assert {path: path.stat().st_mtime_ns for path in files} == files


def test_the_card_of_a_checkpoint_names_every_test_set(tmp_path, monkeypatch, start):
    small = "--data synthetic:A --test synthetic:B synthetic:B/weak --max_subjects 3 --max_test_subjects 1 --workers 0"
    small += " --clips_per_subject 4 --evidence_steps 0 --max_steps 1 --batch_size 4 --unseen_share 0"
    run = tmp_path / "run"
    run_main(monkeypatch, "--output", run, "--model", start, *small.split())
    record = json.loads((run / "checkpoint" / "metrics.json").read_text())
    assert record["clips"] == {"train": 8, "validation": 4, "synthetic_B": 4, "synthetic_B-weak": 4}
    assert record["tests"] == {"synthetic_B": "synthetic:B", "synthetic_B-weak": "synthetic:B/weak"}
    readme = (run / "checkpoint" / "README.md").read_text()
    for part, name in record["tests"].items():
        assert f"## `{name}`, tested alone\n\n{scores_table(record['scores'][part])}" in readme
    record.pop("tests")  # as of older versions
    assert card(record).count("\n## ") == readme.count("\n## ") - 2


@pytest.mark.parametrize(
    ("before", "options", "datasets", "after"),
    [
        (None, {"data": "synthetic:A", "data_seed": 3}, ["synthetic_A"], ["synthetic:A, seed 3"]),
        (None, {"data": "/home/me/data", "data_seed": 0}, ["CASME II", "SAMM"], ["CASME II", "SAMM"]),
        (
            ["synthetic:A, seed 3"],
            {"data": "x", "data_seed": 0, "model": "m"},
            ["SAMM"],
            ["synthetic:A, seed 3", "SAMM"],
        ),
        (
            None,
            {"data": "x", "data_seed": 0, "model": "/a/m"},
            ["SAMM"],
            ["whatever the checkpoint m had seen", "SAMM"],
        ),
        (["SAMM"], {"data": "x", "data_seed": 0, "model": "m"}, ["SAMM"], ["SAMM"]),
    ],
)
def test_what_a_checkpoint_was_trained_on_is_kept_by_saving(tmp_path, before, options, datasets, after):
    tiny_config(trained_on=before).save_pretrained(tmp_path / "a")
    note_data(tmp_path / "a", {"options": options, "datasets": datasets})
    AULLMConfig.from_pretrained(tmp_path / "a").save_pretrained(tmp_path / "b")
    assert AULLMConfig.from_pretrained(tmp_path / "b").trained_on == after


def test_the_head_starts_from_what_the_reader_has_learned(tmp_path):
    """Against scikit-learn's ridge regression, and near the reader's own answers where the states can say them."""
    from sklearn.linear_model import Ridge

    torch.manual_seed(0)
    model = tiny_model(read_out="last_position")  # as AU-LLM has it: no reader of its own
    reader = WithoutLLM(model)
    clips = ClipDataset([clip for k in range(20) for clip in make_clips(str(k), 12)], 6)
    seen = []
    hook = model.head.register_forward_hook(lambda _m, inputs, _o: seen.append(inputs[0].detach()))
    align_head(model, reader, clips)
    hook.remove()
    states = torch.cat(seen).double()
    pixels = torch.stack([clip["pixel_values"] for clip in clips])
    with torch.no_grad():
        wanted, said = reader(pixels).logits.double(), model(pixels).logits.double()
    spread = states.std(0).clamp(min=1e-6)
    ridge = Ridge(alpha=1e-3 * len(states)).fit(((states - states.mean(0)) / spread).numpy(), wanted.numpy())
    expected = ridge.predict(((states - states.mean(0)) / spread).numpy())
    np.testing.assert_allclose(said, expected, atol=2e-3)
    assert np.corrcoef(said.flatten(), wanted.flatten())[0, 1] > 0.5

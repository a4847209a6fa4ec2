"""Two processes of Accelerate on a CPU against one: the same training, and nothing lost or doubled."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from conftest import tiny_model
from helpers_distributed import (
    ROOT,
    UNITS,
    batch_norm_case,
    fit_exactly,
    fit_with_ccr,
    launch,
    run_batch_norm,
    save_dataset,
)
from torch import nn

from training import loso, train
from training.learning import augmentation
from training.learning.synchronized_batch_norm import SynchronizedBatchNorm3d, synchronize_batch_norm
from training.options import DataOptions, Recipe, parse_options
from training.protocols.protocol import RunOptions


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """As each of two processes has on two cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """A checkpoint without dropout."""
    folder = tmp_path_factory.mktemp("start")
    tiny_model(dropout=0.0, lora_dropout=0.0, described_share=0.0).save_pretrained(folder, whole=True)
    return str(folder)


@pytest.fixture(scope="module")
def launched(start, tmp_path_factory):
    """Where two processes wrote what they found, and what they said."""
    folder = tmp_path_factory.mktemp("two")
    return folder, launch(ROOT / "tests/helpers_distributed.py", start, folder)


@pytest.fixture(scope="module")
def processes(launched):
    """What each of two processes found: a dictionary by name."""
    folder, _ = launched
    arrays = [{path.stem[:-1]: dict(np.load(path)) for path in folder.glob(f"*{rank}.npz")} for rank in (0, 1)]
    for rank, own in enumerate(arrays):
        own["history"] = {path.stem[:-1]: json.loads(path.read_text()) for path in folder.glob(f"*{rank}.json")}
    return arrays


def test_no_pass_looks_for_parameters_without_a_part_in_it(launched):
    assert "find_unused_parameters" not in launched[1]


def logged(history, name):
    return [entry[name] for entry in history if name in entry]


@pytest.mark.parametrize("pictures", [False, True])
def test_batch_norm_is_that_of_the_joined_batch(processes, pictures):
    clips, weight = batch_norm_case()
    norm, case = (
        (nn.BatchNorm3d(2), (clips, weight)) if not pictures else (nn.BatchNorm2d(2), (clips[:, :, 0], weight[:, :, 0]))
    )
    expected = run_batch_norm(norm, *case)
    first, second = (own["picture_norm" if pictures else "norm"] for own in processes)
    for name in ("output", "clips_gradient", "eval"):
        joined = np.concatenate([first[name], second[name]])
        np.testing.assert_allclose(joined, expected[name], atol=2e-4, err_msg=name)
    for name in ("running_mean", "running_var", "batches"):
        np.testing.assert_array_equal(first[name], second[name])
        np.testing.assert_allclose(first[name], expected[name], rtol=1e-5, err_msg=name)
    for name in ("weight_gradient", "bias_gradient"):  # of each process's own clips; DDP joins them
        np.testing.assert_allclose(first[name] + second[name], expected[name], atol=2e-4, err_msg=name)


def test_in_one_process_and_in_eval_mode_it_is_torchs_own():
    norm, own = nn.BatchNorm3d(2), SynchronizedBatchNorm3d(2)
    for name, expected in run_batch_norm(norm, *batch_norm_case()).items():
        np.testing.assert_array_equal(run_batch_norm(SynchronizedBatchNorm3d(2), *batch_norm_case())[name], expected)
    own.load_state_dict(norm.state_dict())


def test_batch_norm_is_replaced_with_its_weights_statistics_and_mode():
    model = tiny_model()
    before = model.state_dict()
    synchronize_batch_norm(model)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm3d)]
    assert len(norms) == 2 and all(type(norm) is SynchronizedBatchNorm3d and not norm.training for norm in norms)
    after = model.state_dict()
    assert list(after) == list(before) and all(after[name].data_ptr() == w.data_ptr() for name, w in before.items())


@pytest.fixture(scope="module")
def one_process(start, tmp_path_factory):
    return fit_exactly(start, tmp_path_factory.mktemp("one") / "work")


@pytest.mark.parametrize("kind", ["exact", "fsdp"])
def test_the_loss_curve_and_the_predictions_are_those_of_one_process(processes, one_process, kind):
    history, arrays = one_process
    assert {name: found.shape for name, found in arrays.items()} == {
        "validation": (7, 12), "test": (5, 12), "many": (131, 12),
    }  # fmt: skip
    for own in processes:
        for name, tolerance in (("loss", 2e-3), ("eval_loss", 2e-3), ("grad_norm", 1e-2)):
            found = logged(own["history"][kind], name)
            assert len(found) == 3
            np.testing.assert_allclose(found, logged(history, name), rtol=tolerance, err_msg=name)
        for name, expected in arrays.items():
            np.testing.assert_allclose(own[kind][name], expected, atol=6e-3, err_msg=name)
    assert np.abs(arrays["many"][:64] - arrays["many"][64:128]).max() > 0.01  # an exchange would show


def test_under_fsdp_each_process_held_half_of_the_layers(processes):
    for own in processes:
        (share,) = own["fsdp"]["shares"]
        assert 0.4 < share < 0.6


def test_with_ccr_the_loss_curve_and_the_weights_are_those_of_one_process(processes, start, tmp_path, monkeypatch):
    history, arrays = fit_with_ccr(start, tmp_path / "one")
    monkeypatch.setattr(augmentation, "FLIPS", 2)
    others, moved = fit_with_ccr(start, tmp_path / "others")

    def apart(moved):
        return np.linalg.norm(moved - arrays["moved"]) / np.linalg.norm(arrays["moved"])

    for own in processes:
        found = own["history"]["ccr"]
        for name in ("loss", "loss_main", "loss_cf", "eval_loss"):
            assert len(logged(found, name)) == 3
            np.testing.assert_allclose(logged(found, name), logged(history, name), rtol=1e-3, atol=1e-4, err_msg=name)
        for part in ("validation", "test"):
            np.testing.assert_allclose(own["ccr"][part], arrays[part], atol=5e-3, err_msg=part)
        assert apart(own["ccr"]["moved"]) < 0.03  # as weights do that begin a millionth apart: 0.005
    assert abs(logged(others, "loss")[0] / logged(history, "loss")[0] - 1) > 0.02  # flips of their own would show
    assert apart(moved["moved"]) > 0.3


def read_run(run):
    tables = [pd.read_parquet(path) for path in sorted(run.glob("folds/*/predictions.parquet"))]
    abouts = [json.loads(path.read_text()) for path in sorted(run.glob("folds/*/provenance.json"))]
    return pd.concat(tables, ignore_index=True), [(about["fold"], about["processes"]) for about in abouts]


def test_a_loso_run_gives_the_folds_and_predictions_of_one_process(start, tmp_path, monkeypatch):
    save_dataset(tmp_path / "data", counts=(5, 3, 3, 5))  # odd, and any two of them even: one validates, one is tested
    small = "--evidence_steps 0 --max_steps 2 --batch_size 2 --eval_steps 2 --workers 0 --ccr_weight 0 --dropout 0"
    arguments = ["--data", tmp_path / "data", "--model", start, "--lora_dropout", 0, *small.split()]
    launch("-m", "training.loso", *arguments, "--output", tmp_path / "two")
    monkeypatch.setattr(sys, "argv", ["loso", *map(str, arguments), "--output", str(tmp_path / "one")])
    loso.main()
    (table, about), (expected, one) = read_run(tmp_path / "two"), read_run(tmp_path / "one")
    assert about == [(f"toy-{k}", 2) for k in range(4)] and one == [(f"toy-{k}", 1) for k in range(4)]
    exact = [name for name in expected if not name.startswith("probability_")]
    pd.testing.assert_frame_equal(table[exact], expected[exact])
    assert table[table["part"] == "test"]["clip_id"].is_unique and (table["part"] == "test").sum() == 16
    for unit in UNITS:
        np.testing.assert_allclose(table[f"probability_{unit}"], expected[f"probability_{unit}"], atol=1e-3)
    assert (tmp_path / "two" / "metrics.json").is_file()


COMMANDS = {
    "training.loso": (loso.LosoOptions, RunOptions, DataOptions, Recipe),
    "training.train": (train.TrainOptions, DataOptions, Recipe),
}


@pytest.mark.parametrize("name", ["two_cpu_processes", "several_gpus", "fsdp"])
def test_accelerate_takes_each_configuration_and_the_command_at_its_top(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    file = f"training/accelerate/{name}.yaml"
    config = load_config_from_file(file)  # refuses keys it does not know, but not within fsdp_config
    assert set(config.fsdp_config) <= set(vars(launch_command_parser().parse_args(["-m", "training.loso"])))
    comment = "".join(line[1:] for line in Path(file).read_text().splitlines() if line.startswith("#  "))
    words = comment.replace("\\", " ").split()
    assert words[:4] == ["accelerate", "launch", "--config_file", file]
    launched, _, _ = _validate_launch_command(launch_command_parser().parse_args(words[2:]))
    assert launched.num_processes == 2 and launched.mixed_precision == "no"
    assert launched.multi_gpu or launched.use_fsdp  # else one process alone would be started, whatever num_processes is
    options = parse_options(
        *COMMANDS[launched.training_script], description="", arguments=launched.training_script_args
    )
    assert options[0].data == "DATA" and options[-1].gradient_checkpointing == (name == "fsdp")

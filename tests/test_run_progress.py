"""What one sees of a training: one bar for the whole run on a terminal, nothing at all in a log file."""

import io
import re
import shutil
import sys

import numpy as np
import pytest
from conftest import tiny_model
from transformers.utils import logging

from modeling_aullm import AULLMConfig
from training.data.clips import Clip
from training.data.folds import Fold
from training.options import Recipe
from training.protocols.protocol import run_folds
from training.protocols.run_folder import describe_run

UNITS = list(AULLMConfig().action_units)
SMALL = {"batch_size": 6, "eval_steps": 2, "workers": 0, "ccr_weight": 0.0}
RUNS = {  # settings of the recipe, and the steps of a fold
    "two parts": ({"evidence_steps": 2, "max_steps": 3}, 5),
    "stopped early": (
        {"evidence_steps": 0, "max_steps": 6, "eval_steps": 1, "patience": 1, "learning_rate": 0.0}
        | {"lora_learning_rate": 0.0, "led_learning_rate": 0.0},
        6,
    ),
    "a baseline": ({"method": "led_head", "evidence_steps": 1, "max_steps": 2}, 3),
    "nothing to train": ({"method": "prior"}, 1),
}


class Terminal(io.StringIO):
    def isatty(self):
        return True


def clips(subject):
    rng = np.random.default_rng(int(subject))
    frames = rng.integers(0, 255, (6, 8, 64, 64)).astype(np.uint8)
    labels = (rng.random((6, 12)) < 0.4).astype(np.float32)
    return [
        Clip(frames[k], labels[k], 0, 4, "toy", subject, f"{subject}_{k}", f"{subject}_{k}") for k in range(len(frames))
    ]


@pytest.fixture
def train(tmp_path, monkeypatch):
    tiny_model().save_pretrained(tmp_path / "start", whole=True)
    if not logging.is_progress_bar_enabled():  # as the command leaves it, in whose process this may run
        logging.enable_progress_bar()

    def train(stream, **settings):
        """Two folds; what was written on stderr."""
        if settings.get("method", "aullm++") == "aullm++":
            settings |= {"model": str(tmp_path / "start")}
        recipe = Recipe(**SMALL | settings)
        parts = clips("0") + clips("1"), clips("8"), {"test": clips("9")}
        folds = {1: [Fold(name, *parts) for name in ("one", "two")]}
        record = describe_run("loso", [recipe], action_units=UNITS, folds=folds, data={"toy": "f"})
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", stream)
            run_folds(folds, recipe, run=tmp_path / "run", record=record)
        return stream.getvalue()

    return train


def counts(shown):
    """Steps done, of how many, each time that a bar was drawn."""
    return [tuple(map(int, pair)) for pair in re.findall(r"(\d+)/(\d+) \[", shown)]


def check_one_bar(shown, begin, end):
    drawn = counts(shown)
    assert {total for _, total in drawn} == {end}
    done = [step for step, _ in drawn]
    assert (done[0], done[-1]) == (begin, end) and done == sorted(done)
    assert "\x1b[A" not in shown and shown.count("\n") == 1 and shown.endswith("\n")  # no second line, ever


@pytest.mark.parametrize("kind", RUNS)
def test_a_run_has_one_bar_that_knows_its_end_and_reaches_it(train, kind, tmp_path):
    settings, steps = RUNS[kind]
    shown = train(Terminal(), **settings)
    check_one_bar(shown, 0, 2 * steps)
    assert "fold 1/2, one, seed 1" in shown and "fold 2/2, two, seed 1" in shown
    assert logging.is_progress_bar_enabled()  # whoever loads a model afterwards sees how far it is
    shutil.rmtree(tmp_path / "run/folds/two-seed1")
    check_one_bar(train(Terminal(), **settings), steps, 2 * steps)  # a run that goes on, from where it stands


def test_a_log_file_holds_no_bar(train):
    assert train(io.StringIO(), **RUNS["two parts"][0]) == ""

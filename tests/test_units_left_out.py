"""Units that training never labelled: each is read by a model that was taught the others."""

import json

import numpy as np
import pandas as pd
import pytest
from conftest import save_small_llm
from transformers import AutoTokenizer

from training import cross_domain, train
from training.errors import InputError
from training.learning import units_left_out
from training.learning.fit import predict_clips
from training.options import Recipe
from training.scoring.metrics import roc_auc

UNITS = ["AU1", "AU4", "AU12"]
OPTIONS = (
    "--train synthetic:A --test synthetic:B --max_subjects 6 --clips_per_subject 3 --unseen_share 0.25 --workers 0"
)
OPTIONS += " --batch_size 4 --evidence_steps 1 --max_steps 2 --eval_steps 2 --ignore_other_units True"
OPTIONS += f" --leave_units_out True --action_units {' '.join(UNITS)}"


@pytest.fixture(scope="module")
def tiny_llm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("llm")
    return save_small_llm(folder)


def run(monkeypatch, folder, llm, module=cross_domain, options=OPTIONS):
    monkeypatch.setattr("sys.argv", [module.__name__, *options.split(), "--output", str(folder), "--llm", str(llm)])
    module.main()
    table = pd.read_parquet(next(folder.glob("folds/*/predictions.parquet")))
    return table, json.loads((folder / "metrics.json").read_text(encoding="utf-8"))


def test_no_model_is_taught_the_unit_it_is_asked_for_and_a_killed_run_goes_on(tmp_path, monkeypatch, tiny_llm):
    taught, real = [], units_left_out.fit

    def seen(recipe, fold, units, **place):
        fitted = real(recipe, fold, units, **place)
        taught.append((list(units), fold, fitted.model))
        return fitted

    monkeypatch.setattr(units_left_out, "fit", seen)
    whole, metrics = run(monkeypatch, tmp_path / "whole", tiny_llm)
    assert [units for units, *_ in taught] == [["AU4", "AU12"], ["AU1", "AU12"], ["AU1", "AU4"]]
    other = whole[whole["part"] == "other_domain"]
    for (units, fold, model), unit in zip(taught, UNITS, strict=True):
        clips = fold.test["other_domain"]
        labels = np.stack([clip.labels for clip in clips])
        assert labels.shape[1] == 2 and (labels == other[[f"label_{own}" for own in units]].to_numpy()).all()
        tokenizer = AutoTokenizer.from_pretrained(tiny_llm)
        asked, padded = (
            model.for_action_units([unit, *units], tokenizer),
            [c._replace(labels=np.zeros(3)) for c in clips],
        )
        alone = predict_clips(asked, padded, tmp_path / "work", show=False)
        np.testing.assert_allclose(alone[:, 0], other[f"probability_{unit}"], atol=1e-5)
        area = roc_auc(other[f"label_{unit}"].to_numpy(), other[f"probability_{unit}"].to_numpy())
        assert metrics["parts"]["other_domain"]["scores"][unit]["roc_auc"]["mean"] == (area and pytest.approx(area))
    history = pd.read_parquet(next((tmp_path / "whole").glob("folds/*/history.parquet")))
    assert {"evidence, AU1 left out", "llm, AU12 left out"} <= set(history["phase"])

    def killed(*given, **place):
        if len(taught) == 4:
            raise KeyboardInterrupt
        return seen(*given, **place)

    monkeypatch.setattr(units_left_out, "fit", killed)
    with pytest.raises(KeyboardInterrupt):
        run(monkeypatch, tmp_path / "killed", tiny_llm)
    monkeypatch.setattr(units_left_out, "fit", seen)
    again, _ = run(monkeypatch, tmp_path / "killed", tiny_llm)
    assert [units for units, *_ in taught[4:]] == [["AU1", "AU12"], ["AU1", "AU4"]]
    pd.testing.assert_frame_equal(again, whole, atol=1e-5)


def test_what_cannot_be_asked_by_name_is_refused_before_the_work(tmp_path, monkeypatch, tiny_llm):
    for settings in ({"read_out": "correction"}, {"method": "led_head"}, {"language_model": "none"}, {"model": "x"}):
        with pytest.raises(InputError, match="leave_units_out asks for units by name"):
            Recipe(leave_units_out=True, **settings)
    options = OPTIONS.replace("--train", "--data")
    with pytest.raises(InputError, match="keeps no model"):
        run(monkeypatch, tmp_path / "run", tiny_llm, train, options)

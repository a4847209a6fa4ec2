"""The metric of answers from a folder that holds it alone, as on the Hub, without a network."""

import shutil
from pathlib import Path

import evaluate
import pytest

FOLDER = Path(__file__).parents[1] / "hub" / "metrics" / "au_answers"
SAID = ["What moved: AU6 and AU12.", "Yes. AU4 (brow lowerer) moved.", "cheek raiser, dimpler", "It cannot be told."]
TRUE = ["what moved: AU12 and  AU6", "No. AU4 (brow lowerer) did not move.", "dimpler, cheek raiser", "left"]
BLIND = ["What moved: nothing.", "No. AU4 did not move.", "dimpler", "left"]


@pytest.fixture(scope="module")
def metric(tmp_path_factory):
    folder = tmp_path_factory.mktemp("metric")
    shutil.copytree(FOLDER, folder / "au_answers", ignore=shutil.ignore_patterns("__pycache__"))
    return evaluate.load(str(folder / "au_answers"), cache_dir=str(folder / "cache"))


def test_figures_are_those_counted_by_hand(metric):
    found = metric.compute(predictions=SAID, references=TRUE, kinds=["units", "moved", "names", "side"], blind=BLIND)
    assert found["accuracy"] == 0.0 and found["set_accuracy"] == 0.5 and found["cannot_tell"] == 0.25
    assert found["unit_f1"] == 1.0 and found["blind_accuracy"] == 0.5 and found["above_blind"] == 0.0
    kinds = found["by_kind"]
    assert [kinds[name]["set_accuracy"] for name in ("units", "moved", "names", "side")] == [1, 0, 1, 0]
    assert [kinds[name]["blind_accuracy"] for name in ("units", "moved", "names", "side")] == [0, 1, 0, 1]
    assert kinds["names"]["unit_f1"] is None and kinds["side"]["cannot_tell"] == 1


def test_units_missed_and_units_too_many_lower_the_f1(metric):
    found = metric.compute(predictions=["AU1, AU2 and AU4", "AU1"], references=["AU1", "AU1 and AU12"])
    assert found["unit_f1"] == pytest.approx((0.5 + 2 / 3) / 2) and found["set_accuracy"] == 0
    assert found["blind_accuracy"] is None and found["above_blind"] is None


def test_what_does_not_fit_is_told(metric):
    with pytest.raises(ValueError, match="kinds must be one for each of the 4"):
        metric.compute(predictions=SAID, references=TRUE, kinds=["units"])
    with pytest.raises(ValueError, match="blind must be one"):
        metric.compute(predictions=SAID, references=TRUE, blind=["a"])

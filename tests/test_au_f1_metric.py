import ast
import shutil
import sys
from pathlib import Path

import evaluate
import numpy as np
import pytest

from training.scoring.metrics import score

FOLDER = Path(__file__).parents[1] / "hub" / "metrics" / "au_f1"


@pytest.fixture(scope="module")
def au_f1(tmp_path_factory):
    """The metric from a folder that holds it alone, as on the Hub, without a network."""
    folder = tmp_path_factory.mktemp("metric")
    shutil.copytree(FOLDER, folder / "au_f1", ignore=shutil.ignore_patterns("__pycache__"))
    return evaluate.load(str(folder / "au_f1"), cache_dir=str(folder / "cache"))


def test_it_needs_no_package_but_those_it_names():
    tree = ast.parse((FOLDER / "au_f1.py").read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    roots = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).split(".")[0] for node in imports
    }
    required = {line.split(">")[0].strip() for line in (FOLDER / "requirements.txt").read_text().splitlines()}
    assert roots - set(sys.stdlib_module_names) == required


@pytest.mark.parametrize("seed", range(4))
def test_figures_equal_those_of_training(au_f1, seed):
    rng = np.random.default_rng(seed)
    units = ["AU1", "AU2", "AU4", "AU5", "AU6"]
    labels = (rng.random((40, 5)) < (0.1, 0.3, 0.7, 0.0, 1.0)).astype(int)  # the last two are undefined, wholly or half
    probabilities = np.round(rng.random((40, 5)), 1)  # some are equal to their thresholds
    thresholds = np.round(rng.random(5), 1).tolist()
    result = au_f1.compute(predictions=probabilities, references=labels, action_units=units, thresholds=thresholds)
    table = score(labels, probabilities, units, thresholds)
    for kind in ("binary_f1", "macro_f1"):
        expected = {unit: table[unit][f"{kind}_at_validation_threshold"] for unit in units}
        assert result[kind]["AU5"] is expected.pop("AU5") is None
        for unit, value in expected.items():
            assert result[kind][unit] == (None if value is None else pytest.approx(value))
        assert result[f"mean_{kind}"] == pytest.approx(table["mean"][f"{kind}_at_validation_threshold"])
    assert result["macro_f1"]["AU6"] is None and result["binary_f1"]["AU6"] is not None
    assert result["positives"] == {unit: table[unit]["positives"] for unit in units}


def test_decisions_and_batches_give_what_probabilities_at_half_give(au_f1):
    rng = np.random.default_rng(9)
    labels, probabilities = rng.integers(0, 2, (12, 3)), rng.random((12, 3))
    whole = au_f1.compute(predictions=probabilities, references=labels)
    assert list(whole["binary_f1"]) == ["0", "1", "2"]
    assert au_f1.compute(predictions=(probabilities >= 0.5).astype(int), references=labels) == whole
    for rows in (slice(0, 5), slice(5, 12)):
        au_f1.add_batch(predictions=probabilities[rows].tolist(), references=labels[rows].tolist())
    assert au_f1.compute() == whole


def test_nothing_defined_is_none(au_f1):
    result = au_f1.compute(predictions=[[0.1], [0.9]], references=[[0], [0]])
    assert result["mean_binary_f1"] is result["mean_macro_f1"] is None


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"predictions": [[0.1, 0.2], [0.3]]}, r"same units, got \[1, 2\] values"),
        ({"predictions": [[0.1], [0.3]]}, r"same units, got \[1, 2\] values"),
        ({"predictions": [[2.5, 0.1], [0.3, 0.1]]}, "probabilities within 0..1"),
        ({"predictions": [[float("nan"), 0.1], [0.3, 0.1]]}, "probabilities within 0..1"),
        ({"references": [[1, 2], [0, 0]]}, "references must be 0 or 1"),
        ({"action_units": ["AU1"]}, "action_units must be 2 different names"),
        ({"thresholds": [0.1, 0.2, 0.3]}, r"thresholds must be one number, or 2"),
    ],
)
def test_bad_input_is_named(au_f1, arguments, message):
    good = {"predictions": [[0.1, 0.2], [0.3, 0.4]], "references": [[1, 0], [0, 0]]}
    with pytest.raises(ValueError, match=message):
        au_f1.compute(**good | arguments)


def test_the_card_shows_what_the_metric_gives(au_f1):
    text = (FOLDER / "README.md").read_text()
    call, shown = (block.split("```")[0] for block in text.split("```python\n")[1:])
    arguments = call.split("au_f1.compute", 1)[1]
    assert eval(f"au_f1.compute{arguments}", {"au_f1": au_f1}) == ast.literal_eval(shown)

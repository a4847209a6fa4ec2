import ast
import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

import evaluate
import numpy as np
import pytest

from training.scoring.spotting import Event, Recording, score_recordings

FOLDER = Path(__file__).parents[1] / "hub" / "metrics" / "spotting"
FILES = ("spotting.py", "scores.py")


@pytest.fixture(scope="module")
def spotting(tmp_path_factory):
    """The metric from a folder that holds it alone, as on the Hub, without a network."""
    folder = tmp_path_factory.mktemp("metric")
    shutil.copytree(FOLDER, folder / "spotting", ignore=shutil.ignore_patterns("__pycache__"))
    assert not any(path.is_symlink() for path in (folder / "spotting").iterdir())
    return evaluate.load(str(folder / "spotting"), cache_dir=str(folder / "cache"))


def test_it_needs_no_package_but_those_it_names_and_no_file_but_its_own():
    trees = [ast.parse((FOLDER / name).read_text()) for name in FILES]
    imports = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    beside = {node.module for node in imports if isinstance(node, ast.ImportFrom) and node.level}
    names = {
        node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in imports
        if isinstance(node, ast.Import) or not node.level
    }
    required = {line.split(">")[0].strip() for line in (FOLDER / "requirements.txt").read_text().splitlines()}
    assert {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) == required
    assert beside == {"scores"}


def made_up(rng, events):
    starts = np.sort(rng.uniform(0, 20, events))
    units = [frozenset(rng.choice(["AU1", "AU4"], rng.integers(0, 3))) for _ in starts]
    kinds = rng.choice(["micro", "longer"], events).tolist()
    return [Event(start, start + 0.1, start + rng.uniform(0.2, 1), *of) for start, *of in zip(starts, units, kinds)]


def as_rows(events):
    return [asdict(event) | {"units": sorted(event.units)} for event in events]


@pytest.mark.parametrize("seed", range(3))
def test_figures_equal_those_of_training_at_once_in_batches_and_one_by_one(spotting, seed):
    rng = np.random.default_rng(seed)
    recordings = []
    for number in range(5):
        truth = [] if number in (0, 3) else made_up(rng, 6)
        found = [e for e in truth if rng.random() < 0.7] + made_up(rng, int(rng.integers(0, 3)))
        recordings.append(Recording(truth, found, float(rng.uniform(0.1, 2)), not truth))
    predictions, references = ([as_rows(getattr(r, name)) for r in recordings] for name in ("found", "truth"))
    minutes = [r.minutes for r in recordings]
    expected = score_recordings(recordings)
    assert spotting.compute(predictions=predictions, references=references, minutes=minutes) == expected
    for part in (slice(0, 1), slice(1, 5)):
        spotting.add_batch(predictions=predictions[part], references=references[part], minutes=minutes[part])
    assert spotting.compute() == expected
    for said, true, length in zip(predictions, references, minutes):
        spotting.add(prediction=said, reference=true, minutes=length)
    assert spotting.compute(iou=0.9) == score_recordings(recordings, 0.9)
    json.dumps(expected, allow_nan=False)


def test_what_is_not_said_is_unknown_and_not_zero(spotting):
    only_ends = [[{"onset": 1.0, "offset": 1.4}]]
    result = spotting.compute(predictions=only_ends, references=only_ends, minutes=[1.0])
    assert result["spotting"]["f1"] == result["kinds"]["micro"]["f1"] == 1
    assert result["error_ms"]["apex"]["median"] is result["strs"] is result["unit_events"]["f1"] is None
    nothing = spotting.compute(predictions=[[]], references=[[]], minutes=[1.0])
    assert nothing["spotting"]["f1"] is None and nothing["quiet"]["events"]["per_minute"] == 0


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"predictions": [[{"onset": 1.0}]]}, "an event is a dictionary with onset and offset in seconds.*got onset"),
        ({"predictions": [[{}]]}, "got an empty one"),
        ({"predictions": [[{"onset": 0, "offset": 1, "AU": 3}]]}, "got onset, offset, AU"),
        ({"predictions": [[{"onset": 2.0, "offset": 1.0}]]}, "onset <= apex <= offset"),
        ({"predictions": [[{"onset": 0, "offset": 1, "units": "AU12"}]]}, "units are a list of codes .*got 'AU12'"),
        ({"predictions": [[{"onset": 0, "offset": 1, "kind": "macro"}]]}, "micro or longer"),
        ({"minutes": [0.0]}, "above 0 minutes"),
        ({"references": [[], []]}, "Mismatch in the number"),
    ],
)
def test_bad_input_is_named_and_the_next_computation_is_right(spotting, arguments, message):
    good = {"predictions": [[]], "references": [[]], "minutes": [1.0]}
    with pytest.raises(ValueError, match=message):
        spotting.compute(**good | arguments)
    assert spotting.compute(**good)["recordings"] == 1


def test_the_card_shows_what_the_metric_gives(spotting):
    text = (FOLDER / "README.md").read_text()
    call, shown = (block.split("```")[0] for block in text.split("```python\n")[1:])
    arguments = call.split("spotting.compute", 1)[1]
    assert eval(f"spotting.compute{arguments}", {"spotting": spotting}) == ast.literal_eval(shown)

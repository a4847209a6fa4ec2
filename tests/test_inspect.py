import subprocess
import sys

import datasets
import numpy as np
import pytest
from fake_datasets import FakeClip, write_copy
from PIL import Image

from hub.inspect import main as inspect_command
from hub.inspection.inspection import inspect
from hub.licensed.plans import PrepareOptions
from hub.licensed.preparation import prepare
from hub.repos.prepared import load_prepared
from training.errors import InputError
from training.synthetic import synthetic_corpus


def altered(data, folder, **changes):
    """Copy a dataset, with other values in some rows: column to {row: value}."""
    rows = [dict(row) for row in data.with_format("numpy", columns=["frames"], output_all_columns=True, dtype=np.uint8)]
    for column, values in changes.items():
        for row, value in values.items():
            rows[row][column] = value
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    datasets.Dataset.from_dict(columns, features=data.features).save_to_disk(folder)
    return folder


@pytest.fixture(scope="module")
def corpus():
    return synthetic_corpus(num_subjects=2, clips_per_subject=2, max_frames=6)


def test_counts_and_the_table_of_units(tmp_path, corpus, capsys):
    units = {0: ["AU1", "AU12"], 1: [], 2: ["AU12"], 3: ["AU4"]}
    names = {row: "a" if row < 3 else "b" for row in range(4)}
    folder = altered(corpus, tmp_path / "data", action_units=units, dataset=names)
    inspect_command([str(folder)])
    lines = capsys.readouterr().out.splitlines()
    assert "a: 3 clips of 2 subjects" in lines and "b: 1 clips of 1 subjects" in lines
    assert "action units: coded for 4 of 4 clips" in lines
    table = [line.split() for line in lines if line.startswith(("  AU", "  unit"))]
    assert table == [
        ["unit", "clips", "share", "subjects", "a", "b"],
        ["AU1", "1", "25%", "1", "1", "0"],
        ["AU4", "1", "25%", "1", "0", "1"],
        ["AU12", "2", "50%", "2", "2", "0"],
    ]
    assert "faces: 4 not looked for (ready crops)" in lines
    assert (tmp_path / "data-contact-sheet.png").read_bytes()[:4] == b"\x89PNG"
    assert not list((tmp_path / "data").glob("*.png"))  # what lies in the folder may be pushed


def test_problems_are_found(tmp_path, corpus):
    frames = np.asarray(corpus.with_format("numpy", dtype=np.uint8)[0]["frames"])
    blank, still = np.zeros_like(frames), np.repeat(frames[:1], len(frames), axis=0)
    jump = np.concatenate([frames, 255 - frames])
    changes = {
        "frames": {1: blank, 2: still, 3: jump},
        "apex": {0: 99, 1: -1, 2: 0, 3: 0},
        "onset": dict.fromkeys(range(4), 0),
        "offset": dict.fromkeys(range(4), -1),
    }
    found = inspect(load_prepared(altered(corpus, tmp_path / "data", **changes)))
    names = [f"{row['dataset']}/{row['clip_id']}" for row in corpus]
    assert dict(found.problems) == {
        "onset, apex and offset out of order, or beyond the frames": [names[0]],
        "blank frames": [names[1]],
        "all frames are equal": [names[1], names[2]],
        "apex unknown": [names[1]],
        "a jump between two frames": [names[3]],
    }


def test_the_same_clip_twice(tmp_path, corpus):
    data = datasets.concatenate_datasets([corpus.select([0]), corpus.select([0, 1])])
    data.save_to_disk(tmp_path / "data")
    found = inspect(load_prepared(tmp_path / "data"))
    name = f"{corpus[0]['dataset']}/{corpus[0]['clip_id']}"
    assert found.problems["the same name twice"] == [name]
    assert found.problems["the same frames in several clips"] == [f"{name} = {name}"]


def test_faces_are_looked_for_in_raw_frames(tmp_path):
    clips = [FakeClip(k, k + 1, f"EP0{k}_01", 9, 11, 13, "4") for k in range(2)]
    write_copy("casme2", tmp_path / "copy", clips, rows=2)
    for path in (tmp_path / "copy/CASME2_RAW_selected/sub01/EP00_01").iterdir():
        Image.new("RGB", (160, 160), (90, 90, 90)).save(path)
    prepare("casme2", [tmp_path / "copy"], tmp_path / "data", PrepareOptions(frames="raw", faces="later"), num_proc=1)
    inspect_command([str(tmp_path / "data"), "--clips", "1"])
    found = inspect(load_prepared(tmp_path / "data"))
    assert dict(found.faces) == {"not found in the first frame": 1, "found": 1}
    assert found.sizes == {(160, 160): 2}


def test_what_is_no_prepared_dataset(tmp_path, corpus):
    with pytest.raises(InputError, match="is no folder, and no name of a dataset on the Hub"):
        load_prepared(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no dataset"):
        load_prepared(tmp_path / "empty")
    corpus.remove_columns("au_codes").save_to_disk(tmp_path / "short")
    with pytest.raises(InputError, match="lacks the columns au_codes"):
        load_prepared(tmp_path / "short")
    with pytest.raises(InputError, match="has no revisions"):
        load_prepared(tmp_path / "short", revision="main")


def test_the_splits_are_joined(tmp_path, corpus):
    datasets.DatasetDict({"a": corpus.select([0, 1]), "b": corpus.select([2])}).save_to_disk(tmp_path / "data")
    assert load_prepared(tmp_path / "data")["clip_id"][:] == corpus["clip_id"][:3]


def test_the_command_says_what_is_wrong(tmp_path):
    command = [sys.executable, "-m", "hub.inspect", str(tmp_path / "nothing")]
    done = subprocess.run(command, capture_output=True, text=True, env=None)
    assert done.returncode == 2 and done.stderr.splitlines()[-1].startswith("error: ")

"""A full disk, a folder that cannot be written to, Ctrl-C: one line is said, and no output is left half-written."""

import csv
import json
import os
from pathlib import Path

import pandas as pd
import pytest
from conftest import tiny_model
from fake_datasets import FakeClip, write_copy
from helpers_faults import Commands
from helpers_hub import write_data
from helpers_video import face_video, write_video
from PIL import Image

from hub.repos.prepared import load_prepared
from modeling_aullm.processing_aullm import AULLMProcessor
from modeling_aullm.video_reading import count_frames
from training.learning.fit import _last_whole_checkpoint
from training.protocols.run_folder import TEMPORARY

OUTPUTS = {"--json": "o.json", "--csv": "o.csv", "--plot": "o.png", "--overlay": "o.mp4"}
NUM_FRAMES = 10


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def commands(home):
    commands = Commands(home / "cache")
    yield commands
    commands.close()


@pytest.fixture(scope="module")
def tiny(home):
    model = tiny_model()
    model.save_pretrained(home / "tiny", whole=True)
    AULLMProcessor(action_units=list(model.config.action_units)).save_pretrained(home / "tiny")
    return home / "tiny"


@pytest.fixture(scope="module")
def data(home):
    return ["--data", write_data(home / "data", subjects=4, clips=4)]


@pytest.fixture(scope="module")
def predict(commands, tiny, home):
    clip = write_video(home / "clip.mp4", face_video(NUM_FRAMES))

    def run(folder, outputs=OUTPUTS, **how):
        paths = [text for option, name in outputs.items() for text in (option, folder / name)]
        return commands.run("aullm", "predict", clip, "--model", tiny, *paths, **how)

    return run


@pytest.fixture(scope="module")
def copy(home):
    clips = [FakeClip(k, k + 1, f"EP{k:02d}_01", 9, 11, 13, "4") for k in range(4)]
    write_copy("casme2", home / "copy", clips, rows=len(clips))
    return ["casme2", "--root", home / "copy", "--frames", "raw", "--faces", "later", "--num_proc", 1, "--out"]


def is_whole(path):
    """Whether an output of `predict` can be read to its end."""
    if path.suffix == ".json":
        return len(json.loads(path.read_text())[0]["segments"]) == 1
    if path.suffix == ".csv":
        return len(list(csv.reader(path.open()))) == 2
    if path.suffix == ".png":
        Image.open(path).load()
        return True
    return count_frames(path) == NUM_FRAMES


def one_line(done):
    """Check that a command said in one line what is wrong; returns it."""
    status, _, err, _ = done
    assert status == 2 and "Traceback" not in err, err
    (line,) = [line for line in err.splitlines() if line.startswith(("error: ", "aullm: "))]
    return line


@pytest.mark.parametrize("file_bytes", [0, 1_500, 20_000])
def test_outputs_that_fit_are_written_and_the_others_keep_the_old_file(predict, tmp_path, file_bytes):
    for name in OUTPUTS.values():
        (tmp_path / name).write_text("old")
    status, out, err, _ = predict(tmp_path, file_bytes=file_bytes)
    old = [name for name in OUTPUTS.values() if (tmp_path / name).read_bytes() == b"old"]
    assert status == 2 and "AU12" in out and sorted(os.listdir(tmp_path)) == sorted(OUTPUTS.values())
    assert [line.partition(": could not be written")[0] for line in err.splitlines()] == [
        f"aullm: {tmp_path / name}" for name in old
    ]
    assert len(old) == {0: 4, 1_500: 3, 20_000: 2}[file_bytes]
    assert all(is_whole(tmp_path / name) for name in OUTPUTS.values() if name not in old)


def test_the_files_are_written_although_standard_output_is_a_full_disk(predict, tmp_path):
    line = one_line(predict(tmp_path, {"--json": "o.json"}, stdout="/dev/full"))
    assert line == "aullm: standard output: could not be written (No space left on device)"
    assert is_whole(tmp_path / "o.json")


def test_control_c_at_any_moment_of_predict(predict, tmp_path):
    seconds = predict(tmp_path)[3]
    for share in (0.2, 0.6, 0.9):
        folder = tmp_path / str(share)
        folder.mkdir()
        status, _, err, _ = predict(folder, stop_after=share * seconds)
        # A library that is interrupted may make an error of its own of it: one line then.
        assert (status, err) in ((130, ""), (0, "")) or (status == 2 and len(err.splitlines()) == 1), err
        assert set(os.listdir(folder)) <= set(OUTPUTS.values()) and all(map(is_whole, folder.iterdir()))


@pytest.mark.parametrize("file_bytes", [0, 10_000])  # nothing at all; what is planned, but no results
def test_scoring_on_a_full_disk_goes_on_later(commands, tiny, tmp_path, file_bytes):
    clip = write_video(tmp_path / "clip.mp4", face_video(NUM_FRAMES))
    asked = ["hub.score", clip, "--model", tiny, "--readers", 1, "--out", tmp_path / "scored"]
    assert "File too large" in one_line(commands.run(*asked, file_bytes=file_bytes))
    left = [path.name for path in (tmp_path / "scored").rglob("*") if path.is_file()]
    assert {*left} <= {".lock", "manifest.json", "from-00000000.parquet"}
    status, out, err, _ = commands.run(*asked)
    assert status == 0 and out.endswith("1 scored, 0 refused\n"), err
    assert pd.read_parquet(tmp_path / "scored" / "parts" / "00000000" / "segments.parquet")["source"].tolist() == [
        str(clip)
    ]


@pytest.mark.parametrize("file_bytes", [0, 2_000, 40_000])  # no lock; no clip; clips, but not all in one file
def test_prepare_on_a_full_disk_goes_on_later(commands, copy, tmp_path, file_bytes):
    line = one_line(commands.run("hub.prepare", *copy, tmp_path / "data", file_bytes=file_bytes))
    assert "File too large" in line and set(os.listdir(tmp_path)) <= {"data.unfinished"}
    assert commands.run("hub.prepare", *copy, tmp_path / "data")[0] == 0
    assert os.listdir(tmp_path) == ["data"] and len(load_prepared(tmp_path / "data")) == 4


def test_control_c_at_any_moment_of_prepare(commands, copy, tmp_path):
    seconds = commands.run("hub.prepare", *copy, tmp_path / "whole")[3]
    for share in (0.2, 0.6, 0.9):
        status, _, err, _ = commands.run("hub.prepare", *copy, tmp_path / "data", stop_after=share * seconds)
        assert "Traceback" not in err and status == (0 if (tmp_path / "data").exists() else 130), err
    assert commands.run("hub.prepare", *copy, tmp_path / "data")[0] == 0
    assert sorted(os.listdir(tmp_path)) == ["data", "whole"] and len(load_prepared(tmp_path / "data")) == 4


def folds_of(run):
    return sorted(path.name for path in Path(run).glob("folds/*"))


ARGUMENTS = {
    "training.loso": "--method prior",
    "training.train": "--evidence_steps 2 --max_steps 2 --batch_size 4 --workers 0 --unseen_share 0.3 --model TINY",
    "hub.evaluate": "--model TINY",
}


@pytest.mark.parametrize("module", ARGUMENTS)
def test_a_run_on_a_full_disk_or_stopped_goes_on_later(commands, tiny, data, tmp_path, module):
    arguments = [*data, *ARGUMENTS[module].replace("TINY", str(tiny)).split()]
    whole = commands.run(module, *arguments, "--output", tmp_path / "whole")
    assert whole[0] == 0, whole[2]
    run = tmp_path / "run"
    for file_bytes in (100, 3_000):  # no run.json; no predictions
        line = one_line(commands.run(module, *arguments, "--output", run, file_bytes=file_bytes))
        assert "File too large" in line or "os error 27" in line or "PytorchStreamWriter" in line
        assert not folds_of(run) and not (run / "metrics.json").exists()
    for share in (0.3, 0.8):
        status, _, err, _ = commands.run(module, *arguments, "--output", run, stop_after=share * whole[3])
        assert status in (130, 0) and "Traceback" not in err, err
        begun = {name.removeprefix(TEMPORARY) for name in folds_of(run)}
        assert begun <= set(folds_of(tmp_path / "whole")), "finished, or hidden and to be gone on with"
        for predictions in run.glob("folds/*/predictions.parquet"):
            assert len(pd.read_parquet(predictions))
    done = commands.run(module, *arguments, "--output", run)
    assert done[0] == 0, done[2]
    names = [sorted(str(path.relative_to(top)) for path in top.rglob("*")) for top in (run, tmp_path / "whole")]
    assert names[0] == names[1]


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder that root, too, cannot write to")
def test_folders_that_cannot_be_written_to(commands, predict, copy, data):
    lines = [
        one_line(predict(Path("/sys"), {"--json": "o.json"})),
        one_line(commands.run("hub.prepare", *copy, "/sys/data")),
        one_line(commands.run("training.loso", *data, "--method", "prior", "--output", "/sys/run")),
    ]
    assert all("/sys" in line for line in lines), lines


def test_a_checkpoint_whose_last_file_is_cut_off_is_not_gone_on_from(tmp_path):
    for step, state in ((2, '{"global_step": 2}'), (4, '{"global_step": '), (6, "")):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(state)
    assert _last_whole_checkpoint(tmp_path) == str(tmp_path / "checkpoint-2")

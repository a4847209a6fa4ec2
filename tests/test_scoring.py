"""Many inputs scored: each once, the same whoever does it, and what cannot be used told by name."""

import json
import multiprocessing
import os
import pickle
import subprocess
import sys
from pathlib import Path

import datasets
import numpy as np
import pandas
import pyarrow
import pyarrow.parquet as pq
import pytest
from conftest import tiny_model
from filelock import FileLock
from helpers_hub import write_data
from helpers_video import face_video, write_video

from hub.score import main
from hub.scoring.inputs import Input
from hub.scoring.on_ray import Scoring
from hub.scoring.plan import Part
from hub.scoring.reading import PartReader, ReadingSettings, ReadPart
from modeling_aullm import AULLMProcessor, predict
from modeling_aullm.source_reading import Sampling
from training.errors import InputError

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "space" / "examples"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints") / "tiny"
    tiny_model(temporal_head=True).save_pretrained(folder)
    AULLMProcessor().save_pretrained(folder)
    return folder


@pytest.fixture
def videos(tmp_path):
    """Two clips that can be read, one of no video, and a recording."""
    folder = tmp_path / "videos"
    folder.mkdir()
    for number in (1, 2):
        write_video(folder / f"clip{number}.mp4", face_video(12))
    (folder / "broken.mp4").write_bytes(b"no video")
    (folder / "timeline.mp4").symlink_to(EXAMPLES / "timeline.mp4")
    return folder


def score(out, checkpoint, *sources, **options):
    more = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    main([*map(str, sources), "--out", str(out), "--model", str(checkpoint), *more])
    return {name: table(out, name) for name in ("segments", "events", "refused")}


def table(out, name):
    paths = sorted(out.glob(f"parts/*/{name}.parquet"))
    return pandas.concat([pq.read_table(path).to_pandas() for path in paths]) if paths else None


def files(out):
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*.parquet"))}


def test_the_rows_are_those_of_predict_and_what_is_refused_is_told(checkpoint, videos, tmp_path, capsys):
    found = score(tmp_path / "out", checkpoint, videos)
    assert capsys.readouterr().out.endswith(": 3 scored, 1 refused\n")
    assert found["refused"]["source"].tolist() == [str(videos / "broken.mp4")]
    assert found["refused"]["reason"].iloc[0].startswith(f"{videos / 'broken.mp4'}: ")
    with pytest.warns():
        wanted = predict(str(videos), model=checkpoint)
    for name, by in (("segments", "segment"), ("events", "event")):
        expected = wanted.to_dataframe(by)
        ours = found[name].reset_index(drop=True)
        pandas.testing.assert_frame_equal(ours, expected.astype(ours.dtypes.to_dict()), rtol=0, atol=1e-5)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["model"] == "tiny" and list(manifest["weights_sha256"]) == ["model.safetensors"]


def test_a_run_that_was_stopped_goes_on_and_new_sources_are_added(checkpoint, videos, tmp_path, capsys):
    out = tmp_path / "out"
    score(out, checkpoint, videos / "clip*.mp4")
    before = files(out)
    score(out, checkpoint, videos / "clip*.mp4")
    assert capsys.readouterr().out.endswith(": 0 scored, 0 refused\n") and files(out) == before
    for path in (out / "parts" / "00000000").iterdir():
        path.unlink()
    (out / "parts" / "00000000").rmdir()
    score(out, checkpoint, videos)
    after = files(out)
    assert {name: after[name] for name in before} == before, "the same inputs together, so the same to the last bit"
    assert set(table(out, "segments")["source"]) == {str(videos / f"{n}.mp4") for n in ("clip1", "clip2", "timeline")}
    assert len(list((out / "plan").iterdir())) == 2 and len(list((out / "parts").iterdir())) == 2


def test_clips_recordings_and_paths_of_parquet_files_are_scored(checkpoint, videos, tmp_path):
    write_data(tmp_path / "data")
    datasets.load_from_disk(tmp_path / "data").to_parquet(tmp_path / "clips.parquet", batch_size=4)
    names = {
        "dataset": ["lab"],
        "subject": ["s1"],
        "recording_id": ["r1"],
        "video": [(videos / "timeline.mp4").read_bytes()],
    }
    pq.write_table(pyarrow.table(names), tmp_path / "recordings.parquet")
    paths = ["videos/clip1.mp4", str(videos / "clip2.mp4"), f"file://{videos / 'clip1.mp4'}", "videos/none.mp4"]
    pq.write_table(pyarrow.table({"path": paths}), tmp_path / "paths.parquet")
    pq.write_table(pyarrow.table({"x": [1]}), tmp_path / "wrong.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    found = score(tmp_path / "out", checkpoint, tmp_path / "*.parquet")
    clips = found["segments"][found["segments"]["source"].str.startswith("casme2/")]
    assert sorted(clips["source"]) == [f"casme2/s{s}/c{c}" for s in range(2) for c in range(3)]
    rows = datasets.load_from_disk(tmp_path / "data")
    frames = np.stack([np.asarray(frame) for frame in rows[5]["frames"]])
    alone = predict(frames, model=checkpoint, face="cropped", fps=200.0).to_dataframe()
    assert clips.set_index("source")["AU12_p"]["casme2/s1/c2"] == pytest.approx(alone["AU12_p"][0], abs=1e-5)
    assert "lab/s1/r1" in set(found["segments"]["source"])
    assert f"file://{videos / 'clip1.mp4'}" in set(found["segments"]["source"])
    refused = dict(zip(found["refused"]["source"], found["refused"]["reason"]))
    assert {*refused} == {str(tmp_path / name) for name in ("videos/none.mp4", "wrong.parquet", "broken.parquet")}
    assert "must have a column `path`" in refused[str(tmp_path / "wrong.parquet")]
    assert "cannot be read as Parquet" in refused[str(tmp_path / "broken.parquet")]


def test_what_takes_for_ever_is_given_up_and_the_rest_is_done(checkpoint, videos, tmp_path):
    os.mkfifo(videos / "pipe.mp4")
    found = score(tmp_path / "out", checkpoint, videos / "clip1.mp4", videos / "pipe.mp4", time_limit=20)
    assert found["refused"]["reason"].tolist() == [f"{videos / 'pipe.mp4'}: not read within the limit of 20 s"]
    assert set(found["segments"]["source"]) == {str(videos / "clip1.mp4")}


class Falling(Input):
    """Takes the process down that reads it."""

    @property
    def address(self):
        return os._exit(3) if multiprocessing.parent_process() else "bad.mp4"

    @address.setter
    def address(self, value):
        pass


def test_what_takes_its_process_down_takes_nothing_else(videos):
    good = Input("good", str(videos / "clip1.mp4"))
    part = Part(0, (good, Falling("bad", "bad.mp4"), good))
    reader = PartReader(ReadingSettings(64, 6, "largest", True, Sampling(), False, 60), 1)
    try:
        begun = [reader.begin(part) for _ in range(2)]
        read, again = (reader.finish(part, futures) for futures in begun)
    finally:
        reader.close()
    assert [len(each.inputs) for each in (read, again)] == [2, 2] and read.refused == again.refused
    assert read.refused == {"bad": "bad: the process that read it fell down"}


def test_a_worker_of_a_cluster_that_cannot_go_on_says_so_once(checkpoint, tmp_path):
    settings, part = ReadingSettings(64, 6, "largest", True, Sampling(), False, 60), Part(0, (Input("a", "a.mp4"),))
    row = {"read": pickle.dumps(ReadPart(part, [], {"a": "a: no video"}))}
    (tmp_path / "parts").write_text("in the way")
    opened = {name: None for name in ("revision", "engine", "device", "action_units", "threshold")} | {
        "dtype": "float32"
    }
    for model, said in (
        (str(tmp_path / "nowhere"), "a machine of the cluster cannot open the model: "),
        (str(checkpoint), f"{tmp_path} cannot be written: "),
    ):
        assert Scoring(opened | {"model": model}, settings, str(tmp_path))(row)["failed"].startswith(said)


# Root may read everything, and CI is root: without these two capabilities (capabilities(7)) modes bind root, too.
BOUND_BY_MODES = """
import ctypes, os, sys
for capability in (1, 2):  # to override modes, and to search and read
    ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def test_what_may_not_be_read_is_told_and_the_rest_is_done(checkpoint, videos, tmp_path):
    closed = videos / "closed"
    closed.mkdir()
    (videos / "clip2.mp4").chmod(0)
    closed.chmod(0)
    command = ["-m", "hub.score", videos, "--model", checkpoint, "--readers", "1", "--out", tmp_path / "out"]
    done = subprocess.run([sys.executable, "-c", BOUND_BY_MODES, *command], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0 and done.stdout.endswith(": 2 scored, 3 refused\n"), done.stderr
    refused = dict(zip(*(table(tmp_path / "out", "refused")[name] for name in ("source", "reason"))))
    for path in (videos / "clip2.mp4", closed):
        assert refused[str(path)] == f"{path}: cannot be read (Permission denied)"


def test_a_folder_holds_the_results_of_one_model_and_one_run(checkpoint, videos, tmp_path):
    out = tmp_path / "out"
    score(out, checkpoint, videos / "clip1.mp4")
    with pytest.raises(InputError, match="holds results of another reading"):
        score(out, checkpoint, videos / "clip1.mp4", face="all")
    with FileLock(out / ".lock"), pytest.raises(InputError, match="another run is at work there"):
        score(out, checkpoint, videos / "clip1.mp4")


@pytest.mark.parametrize(
    "sources, options, said",
    [
        (["nowhere.mp4"], {}, "no such file"),
        (["nowhere://bucket"], {}, "cannot be looked into"),
        (["nothing/*.mp4"], {}, "nor any that fits"),
        (["clip.mp4"], {"readers": 0}, "--readers must be over 0"),
        (["clip.mp4"], {"face": "tallest"}, "--face must be"),
        (["clip.mp4"], {"sensitivity": "much"}, "sensitivity"),
    ],
)
def test_what_cannot_be_scored_costs_one_line(sources, options, said, checkpoint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=said):
        score(tmp_path / "out", checkpoint, *sources, **options)

"""A cluster of two nodes does what one process does, whoever is lost meanwhile."""

import json
import os
import signal
import threading
import time

import psutil
import pytest
from conftest import tiny_model
from helpers_video import face_video, write_video
from ray.cluster_utils import Cluster
from test_commands import SMALL, command, predictions
from test_scoring import checkpoint, files, score, table  # noqa: F401 - a fixture

from hub.scoring import plan
from training.errors import InputError


@pytest.fixture(scope="module")
def cluster():
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    yield cluster
    cluster.shutdown()


def lose(name, begun, lost):
    """Kill a process whose command has a text in it, once something has begun."""
    while not begun():
        time.sleep(0.05)
    while name not in lost:
        time.sleep(0.1)
        for process in psutil.process_iter(["cmdline"]):
            if name in " ".join(process.info["cmdline"] or ()) and name not in lost:
                os.kill(process.pid, signal.SIGKILL)
                lost.append(name)


def test_lost_workers_cost_no_input(checkpoint, cluster, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(plan, "MOST", 2)
    for number in range(8):
        write_video(tmp_path / f"clip{number}.mp4", face_video(12))
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    score(tmp_path / "one", checkpoint, tmp_path / "*.mp4")
    two, lost = tmp_path / "two", []
    for name in ("(Reading)", "(Scoring)"):
        args = name, lambda: any(two.glob("parts/0*")), lost
        threading.Thread(target=lose, args=args, daemon=True).start()
    options = {"engine": "ray", "address": cluster.address, "readers": 1}
    with pytest.raises(InputError, match="the cluster has 2 processors; 1 readers and 4 models need 5"):
        score(two, checkpoint, tmp_path / "*.mp4", models=4, **options)
    score(two, checkpoint, tmp_path / "*.mp4", models=1, **options)
    assert {*lost} == {"(Reading)", "(Scoring)"}
    assert files(two) == files(tmp_path / "one")
    assert len(set(table(two, "segments")["source"])) == 8


def test_a_lost_fold_is_trained_again_to_the_same_figures(cluster, tmp_path):
    tiny_model().save_pretrained(tmp_path / "tiny", whole=True)
    arguments = ["--data", "synthetic:A", "--model", tmp_path / "tiny", *SMALL, "--output"]
    assert command("training.loso", *arguments, tmp_path / "one").returncode == 0
    two, lost = tmp_path / "two", []
    threading.Thread(target=lose, args=("--engine this_process --shard", two.exists, lost), daemon=True).start()
    asked = command("training.loso", *arguments, two, "--engine", "ray", "--address", cluster.address)
    assert asked.returncode == 0, asked.stderr
    assert lost
    assert predictions(two).equals(predictions(tmp_path / "one"))
    assert json.loads((two / "metrics.json").read_text()) == json.loads((tmp_path / "one" / "metrics.json").read_text())

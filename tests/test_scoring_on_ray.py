"""A cluster of two nodes does what one process does, whoever is lost meanwhile."""

import os
import signal
import threading
import time

import psutil
import pytest
from helpers_video import face_video, write_video
from ray.cluster_utils import Cluster
from test_scoring import checkpoint, files, score, table  # noqa: F401 - a fixture

from hub.scoring import plan

import ray


@pytest.fixture
def cluster():
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def lose_a_worker(out, name, lost):
    """Kill a worker of a stage as soon as the first part is there."""
    while not list(out.glob("parts/0*")):
        time.sleep(0.05)
    while name not in lost:
        for process in psutil.process_iter(["cmdline"]):
            if f"({name})" in " ".join(process.info["cmdline"] or ()):
                os.kill(process.pid, signal.SIGKILL)
                lost.append(name)


def test_lost_workers_cost_nothing(checkpoint, cluster, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(plan, "MOST", 2)
    for number in range(8):
        write_video(tmp_path / f"clip{number}.mp4", face_video(12))
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    score(tmp_path / "one", checkpoint, tmp_path / "*.mp4")
    lost = []
    for name in ("Reading", "Scoring"):
        threading.Thread(target=lose_a_worker, args=(tmp_path / "two", name, lost), daemon=True).start()
    score(tmp_path / "two", checkpoint, tmp_path / "*.mp4", engine="ray", address=cluster.address, readers=1, models=1)
    assert {*lost} == {"Reading", "Scoring"}
    assert files(tmp_path / "two") == files(tmp_path / "one")
    assert len(set(table(tmp_path / "two", "segments")["source"])) == 8

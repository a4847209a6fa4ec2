"""Benchmarks run by hand on other machines: that they run at all."""

import json
import os
import subprocess
import sys


def test_the_gpu_benchmark_runs_small_on_a_cpu(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", "--small", "--out", tmp_path],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    tables = json.loads((tmp_path / "gpu.json").read_text())
    ways = {(row["LLM"], row["type"], row["way"]) for row in tables["inference"]}
    assert len(ways) == len(tables["inference"]) == 2 * 2 * 3
    assert all(row["clips / s"] > 0 for row in tables["inference"])
    assert all(row["steps / s"] > 0 for row in (*tables["training"], *tables["two processes"]))
    assert all(0 < row["mean difference"] < 0.05 for row in tables["decisions"])


def test_without_a_gpu_it_says_so(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", "--out", tmp_path],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and "there is no GPU here" in done.stderr

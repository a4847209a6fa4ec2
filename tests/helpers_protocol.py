"""Clips and a stand-in for training, for the tests of protocols; as a script, a job that may kill itself."""

import hashlib
import os
import signal
import sys
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from training.data.clips import Clip
from training.data.folds import leave_one_subject_out
from training.options import Recipe
from training.protocols.protocol import run_folds
from training.protocols.run_folder import describe_run

UNITS = ["AU1", "AU12"]


def clip(subject="s0", number=0, dataset="a", labels=(0, 1), digest=None):
    name = f"{dataset}-{subject}-{number}"
    digest = digest or hashlib.sha256(name.encode()).hexdigest()
    return Clip(np.zeros((8, 4, 4), np.uint8), np.array(labels, np.float32), 1, 4, dataset, subject, name, digest)


def corpus(subjects=5, clips=4, dataset="a", seed=0):
    rng = np.random.default_rng(seed)
    return [clip(f"s{s}", k, dataset, rng.integers(0, 2, 2)) for s in range(subjects) for k in range(clips)]


def fake_fit(recipe, fold, action_units, *, seed, work, progress=None):
    """Probabilities that depend on fold and seed alone, a little better than chance."""
    rng = np.random.default_rng([seed, zlib.crc32(fold.name.encode())])
    (work / "scratch").write_text("x")
    parts = {"validation": fold.validation, **fold.test}
    logged = [{"step": 2, "loss": 0.7, "phase": "llm"}, {"step": 2, "eval_average_precision": 0.4, "phase": "llm"}]
    return SimpleNamespace(
        history=logged,
        probabilities={
            part: (0.4 * np.stack([c.labels for c in clips]) + 0.6 * rng.random((len(clips), 2))).astype(np.float32)
            for part, clips in parts.items()
        },
    )


def loso(run, *, clips=None, seeds=(1, 2), shard="1/1", fit=fake_fit, **options):
    """Leave one subject out with the stand-in."""
    clips = corpus() if clips is None else clips
    recipe = Recipe(**options)
    folds = {seed: leave_one_subject_out(clips, 0.3, seed) for seed in seeds}
    fingerprint = hashlib.sha256(repr([(c.person, c.digest, c.labels.tolist()) for c in clips]).encode()).hexdigest()
    record = describe_run("loso", [recipe], action_units=UNITS, folds=folds, data={"clips": fingerprint})
    run_folds(folds, recipe, run=Path(run), record=record, shard=shard, fit=fit)


def files_of(folder):
    """Content and time of every file, by path."""
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


if __name__ == "__main__":
    calls = []

    def fit_and_die(*args, **kwargs):
        calls.append(1)
        if len(calls) == int(sys.argv[2]):
            (kwargs["work"] / "half").write_text("of a fold")
            os.kill(os.getpid(), signal.SIGKILL)
        return fake_fit(*args, **kwargs)

    loso(sys.argv[1], fit=fit_and_die)

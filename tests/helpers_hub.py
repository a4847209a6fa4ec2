"""What the tests of the Hub share: commands as processes on the stand-in, a small dataset, a clean environment."""

import json
import os
import subprocess
import sys
import sysconfig
from importlib.metadata import distribution, requires
from pathlib import Path

import cv2
import datasets
import numpy as np
from conftest import tiny_model
from helpers_process import run_python
from packaging.requirements import Requirement

from modeling_aullm import AULLMProcessor

ROOT = Path(__file__).parents[1]
# What the README of a pushed model asks of its user.
WANTED = ("torch", "transformers", "peft", "torch-geometric", "opencv-python-headless")


def run_module(hub, home, module, *arguments, token="hf_owner"):
    """`python -m MODULE ARGUMENTS`, as a client of the stand-in."""
    return run_python("-m", module, arguments, os.environ | hub.environment(home, token), ROOT)


def run_code(hub, home, code, *arguments, token="hf_owner", **environment):
    """A program as a client of the stand-in, in a folder where this package is not."""
    Path(home).mkdir(parents=True, exist_ok=True)
    return run_python("-c", code, arguments, os.environ | hub.environment(home, token) | environment, home)


def commit_of(done):
    """The commit that a push says it made."""
    assert done.returncode == 0, done.stderr
    return done.stdout.partition("commit ")[2][:40]


def encode(frame):
    """A frame as `datasets` keeps an image."""
    return {"bytes": cv2.imencode(".png", frame)[1].tobytes(), "path": None}


def write_data(folder, dataset="casme2", licensed=True, subjects=2, clips=3, seed=0):
    """A prepared dataset as the contract has it: images as bytes, with a card and a report beside it."""
    rng = np.random.default_rng(seed)
    rows = []
    for subject in range(subjects):
        for number in range(clips):
            units = ["AU12"] if number % 2 else []
            rows.append(
                {
                    "dataset": dataset, "subject": f"s{subject}", "clip_id": f"c{number}", "onset": 0, "apex": 4,
                    "offset": 7, "fps": 200.0, "emotion": "other", "action_units": units,
                    "au_codes": [f"R{unit[2:]}A" for unit in units],
                    "frames": [encode(frame) for frame in rng.integers(0, 255, (8, 64, 64), np.uint8)],
                }
            )  # fmt: skip
    strings = datasets.List(datasets.Value("string"))
    features = datasets.Features(
        {name: datasets.Value("string") for name in ("dataset", "subject", "clip_id", "emotion")}
        | {name: datasets.Value("int32") for name in ("onset", "apex", "offset")}
        | {"fps": datasets.Value("float32"), "action_units": strings, "au_codes": strings}
        | {"frames": datasets.List(datasets.Image())}
    )
    datasets.Dataset.from_list(rows, features=features).save_to_disk(folder)
    (folder / "README.md").write_text(f"---\nlicense: other\n---\n# {dataset}\n")
    (folder / "preparation.json").write_text(json.dumps({"licensed": licensed, "datasets": [dataset]}))
    (folder / "contact_sheet.png").write_bytes(b"a face")
    return folder


def write_checkpoint(folder, **settings):
    """A tiny whole checkpoint with its processor; returns the model."""
    model = tiny_model(**settings)
    model.save_pretrained(folder, whole=True)
    units = model.config.action_units
    AULLMProcessor(action_units=units, thresholds=[0.4] * len(units)).save_pretrained(folder)
    return model


def clean_environment(folder):
    """Python in a virtual environment of its own that has what a user needs, and nothing else of this machine's.

    The packages are links to those of this environment: the same as an installation, without its time.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    done = set()
    for name in WANTED:
        _link(name, site, done)
    assert "aullm" not in done and "av" not in done
    return python


def _link(name, site, done):
    """Link a package's files and those it requires."""
    if (name := name.lower().replace("_", "-")) in done:
        return
    found = distribution(name)
    done.add(name)
    for top in {file.parts[0] for file in found.files or [] if file.parts[0] != ".."}:
        target, link = Path(found.locate_file(top)), site / top
        if not link.exists() and not target.name.startswith("__pycache__"):
            link.symlink_to(target)
    for line in requires(name) or []:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            _link(requirement.name, site, done)

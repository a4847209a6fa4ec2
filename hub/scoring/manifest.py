"""What a run's results were made by; another model, or the same otherwise read, goes to another folder."""

import json
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hub.scoring.reading import ReadingSettings
from modeling_aullm.detector import Detector, package_version
from modeling_aullm.result_files import DECIMALS
from training.errors import InputError
from training.json_files import read_json, write_json

FILE = "manifest.json"
VERSIONS = ("torch", "transformers", "numpy", "opencv-python-headless", "av")


def manifest_of(detector: Detector, settings: ReadingSettings) -> dict[str, Any]:
    """The record of a run.

    Args:
        detector: The opened checkpoint.
        settings: How inputs are read.
    """
    made, model = detector.checkpoint, detector.model
    llm = json.loads(model.about["llm"]) if detector.engine == "onnx" else model.config.llm
    return {
        "model": made.name,
        "weights_sha256": made.weights_sha256,
        "trained_on": list(made.trained_on) if made.trained_on else None,
        "llm": llm,
        "thresholds": {code: round(value, DECIMALS) for code, value in detector.thresholds.items()},
        "engine": detector.engine,
        "dtype": detector.dtype,
        "reading": asdict(settings),
        "version": package_version(),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in VERSIONS},
    }


def keep_manifest(out: Path, manifest: dict[str, Any]) -> None:
    """Write a run's manifest, or see that it is the one that is there; other versions of packages are let be.

    Raises:
        InputError: If the folder holds the results of something else.
    """
    path = out / FILE
    if not path.exists():
        out.mkdir(parents=True, exist_ok=True)
        write_json(path, manifest)
        return
    there = read_json(path, "give a new --out")
    for name in set(manifest) - {"version", "versions"}:
        if there.get(name) != manifest[name]:
            raise InputError(
                f"--out {out} holds results of another {name}, {there.get(name)}, not {manifest[name]}; give a new one"
            )

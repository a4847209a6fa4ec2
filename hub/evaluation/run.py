"""The folder of an evaluation: as a run of training has it, with the commits of model and data in every file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from huggingface_hub import CommitOperationAdd, HfApi

from hub.cards.figures import eval_results, read_figures
from hub.repos.repository import hub_errors
from training.data.clips import Clip
from training.errors import InputError
from training.json_files import write_json
from training.protocols.provenance import command_line
from training.scoring.metrics import score
from training.scoring.run_results import read_predictions, read_run, summarize

FOLD, SEED, PART = "evaluation", 0, "test"  # one fold, and nothing random


def describe_evaluation(
    options: dict[str, Any],
    *,
    data: str,
    action_units: Sequence[str],
    fingerprint: str,
    unknown: Sequence[str],
    weights: str,
    trained_on_this_data: bool | None,
) -> dict[str, Any]:
    """What `run.json` holds.

    Args:
        options: By name, those that change figures; `model` and `revision`, `data_revision` among them.
        data: Name of the dataset, as it was given.
        action_units: Codes of the model's units.
        fingerprint: Of the clips.
        unknown: Names of the clips that were left out, for it is unknown which units they show.
        weights: SHA-256 of the checkpoint's safetensors files.
        trained_on_this_data: Whether the checkpoint's record names this data; `None` without a record.
    """
    return {
        "protocol": "evaluate",
        "options": options | {"weights_sha256": weights},
        "action_units": list(action_units),
        "seeds": [SEED],
        "folds": [FOLD],
        "data": {data: fingerprint},
        "unknown": {data: list(unknown)},
        "model": {"id": options["model"], "revision": options["revision"], "weights_sha256": weights},
        "data_revision": options["data_revision"],
        "trained_on_this_data": trained_on_this_data,
        "command": command_line("hub.evaluate"),
    }


def write_fold(
    folder: Path, clips: Sequence[Clip], probabilities: np.ndarray, thresholds: Sequence[float], record: dict[str, Any]
) -> None:
    """Write `predictions.parquet`, `thresholds.json` and, of labelled clips, `metrics.json` of the one fold.

    Args:
        folder: Of the fold, while it is not in its place yet.
        clips: In the order of the probabilities.
        probabilities: Shape (clips, units).
        thresholds: One a unit, the checkpoint's own.
        record: See `describe_evaluation`.
    """
    units, labels = record["action_units"], np.stack([clip.labels for clip in clips])
    columns: dict[str, Any] = {"fold": FOLD, "seed": SEED, "part": PART}
    columns |= {name: [getattr(clip, name) for clip in clips] for name in ("dataset", "subject", "clip_id")}
    if is_labelled(clips):
        columns |= {f"label_{unit}": labels[:, index].astype(np.int8) for index, unit in enumerate(units)}
        write_json(folder / "metrics.json", {PART: score(labels, probabilities, units, thresholds)})
    columns |= {f"probability_{unit}": probabilities[:, index].astype(np.float32) for index, unit in enumerate(units)}
    of = {"model": record["model"]["id"], "model_revision": record["model"]["revision"]}
    of |= {"data": next(iter(record["data"])), "data_revision": record["data_revision"]}
    columns |= {name: pd.Series([value] * len(clips), dtype="string") for name, value in of.items()}
    pd.DataFrame(columns).to_parquet(folder / "predictions.parquet", index=False)
    write_json(folder / "thresholds.json", dict(zip(units, thresholds, strict=True)))


def is_labelled(clips: Sequence[Clip]) -> bool:
    """Whether the clips have units coded, all or none of them."""
    return not any(np.isnan(clip.labels).any() for clip in clips)


def write_metrics(run: Path, record: dict[str, Any]) -> None:
    """Write the run's `metrics.json` whole: what was evaluated on what, and what its predictions sum up to.

    Args:
        run: Folder of the run, its fold finished.
        record: See `describe_evaluation`.
    """
    kept = ("protocol", "data", "data_revision", "model", "trained_on_this_data", "action_units")
    write_json(
        run / "metrics.json",
        {key: record[key] for key in kept} | summarize(read_predictions(run), record["action_units"]),
    )


def submit_results(run: Path) -> str | None:
    """Open a pull request with a run's figures on the repository of the model that it evaluated.

    Args:
        run: Folder of an evaluation of a model on the Hub.

    Returns:
        Address of the pull request, of the one that is open already if the same figures were submitted before; `None`
        if the repository holds them.

    Raises:
        InputError: If the model is not on the Hub, or the Hub refuses.
    """
    record = read_run(run)
    model, data = record.get("model", {}), next(iter(record["data"]))
    if not model.get("revision"):
        raise InputError(f"{run} evaluated a model that is not on the Hub, so its figures can be submitted nowhere")
    title = f"Figures of {model['revision'][:8]} on {data}"
    if record["data_revision"]:
        title += f" at {record['data_revision'][:8]}"
    notes = f"made by hub.evaluate with the model at {model['revision']} and its own thresholds"
    files = eval_results(read_figures(run, record["action_units"]), notes)
    api = HfApi()
    with hub_errors(model["id"]):
        me = api.whoami()["name"]
        for request in api.get_repo_discussions(model["id"], discussion_type="pull_request", discussion_status="open"):
            if request.title == title and request.author == me:
                return str(request.url)
        operations = [CommitOperationAdd(path, content) for path, content in files.items()]
        return api.create_commit(model["id"], operations, commit_message=title, create_pr=True).pr_url

"""The figures of a run as the Hub shows them: the card's table, `model-index`, and `.eval_results/*.yaml`."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from huggingface_hub import EvalResult, EvalResultEntry, eval_result_entries_to_yaml

from hub.repos.repository import is_repo_id
from training.data.folds import OTHER_DOMAIN
from training.errors import InputError
from training.scoring.run_results import fold_folders, read_predictions, read_run, summarize, tested_parts

# The figures that are shown: key, type on the Hub, and its full name. Two kinds of F1, and never one without its name.
SHOWN = (
    ("binary_f1_at_validation_threshold", "f1", "binary F1 (active class), thresholds from validation subjects"),
    ("macro_f1_at_validation_threshold", "f1", "macro F1 (both classes), thresholds from validation subjects"),
    ("roc_auc", "roc_auc", "ROC AUC"),
    ("average_precision", "average_precision", "average precision"),
)


class PartFigures(NamedTuple):
    """What a run found on one of its test parts.

    Attributes:
        part: Its name.
        data: Name of the dataset; its id, if it is on the Hub.
        revision: Of a dataset on the Hub, if it is on record.
        clips: Number of clips.
        subjects: Number of people.
        scores: By unit and `mean`: positives, and for each figure mean, sd, low and high.
    """

    part: str
    data: str
    revision: str | None
    clips: int
    subjects: int
    scores: dict[str, dict[str, Any]]


class RunFigures(NamedTuple):
    """A finished run: what it was, and its test parts."""

    protocol: str
    seeds: int
    parts: list[PartFigures]
    record: dict[str, Any]


def read_figures(run: Path, action_units: list[str]) -> RunFigures:
    """Read a run's folder, from its predictions.

    Args:
        run: Written by a command of `training`, or by `hub.evaluate`.
        action_units: Of the checkpoint that the figures are to stand beside.

    Raises:
        InputError: If it is not a finished run, or one of other units.
    """
    record, (_, missing) = read_run(run), fold_folders(run)
    if missing:
        raise InputError(f"{run} lacks {len(missing)} fold(s), first {missing[0].name}; give its command again")
    if record["action_units"] != action_units:
        raise InputError(
            f"{run} is about {', '.join(record['action_units'])}, and the checkpoint about {', '.join(action_units)}"
        )
    predictions = read_predictions(run)
    summary = summarize(predictions, action_units)["parts"]
    parts = []
    for part in tested_parts(predictions):
        names = sorted(set(predictions.loc[predictions["part"] == part, "dataset"]))
        data, revision = _source(part, names, record)
        counted = {key: summary[part][key] for key in ("clips", "subjects", "scores")}
        parts.append(PartFigures(part=part, data=data, revision=revision, **counted))
    return RunFigures(record["protocol"], len(record["seeds"]), parts, record)


def _source(part: str, names: list[str], record: dict[str, Any]) -> tuple[str, str | None]:
    """Hub id and revision of the data of a part, or the name that its rows carry."""
    options = record["options"]
    given = options.get("data") or options.get("train")
    if part == OTHER_DOMAIN or part in record.get("tests", {}):
        given = record["tests"].get(part) if "tests" in record else options.get("test")  # of an older version's run
    given = given if isinstance(given, str) else ""
    if is_repo_id(given) and not Path(given).is_dir():
        return given, options.get("data_revision")
    return " + ".join(names), None


def title(part: PartFigures, protocol: str) -> str:
    """Which protocol and part, and how much was tested, for people."""
    on = f"{part.clips} clips of {part.subjects} people"
    names = {"loso": "leave one subject out", "cross_domain": "across domains", "train": "one split"}
    return f"{part.data}, {names.get(protocol, protocol)}, {part.part.replace('_', ' ')}: {on}"


def model_index(figures: RunFigures) -> list[EvalResult]:
    """Entries for the card's metadata, one a test part and figure; a mean over the units where it is defined."""
    return [
        EvalResult(
            task_type="video-classification",
            task_name="facial action unit detection",
            dataset_type=part.data if is_repo_id(part.data) else slug(part.data),
            dataset_name=title(part, figures.protocol),
            dataset_revision=part.revision,
            metric_type=kind,
            metric_name=f"{name}, mean over units",
            metric_value=round(part.scores["mean"][key]["mean"], 4),
        )
        for part in figures.parts
        for key, kind, name in SHOWN
        if part.scores["mean"][key]["mean"] is not None
    ]


def eval_results(figures: RunFigures, notes: str = "") -> dict[str, bytes]:
    """Files `.eval_results/*.yaml`, one a test part.

    The Hub shows those of datasets that it lists as benchmarks; for others they are a record.

    Args:
        figures: Of a run.
        notes: How the figures came about.

    Returns:
        Content by path in the repository.
    """
    files = {}
    for part in figures.parts:
        entries = [
            EvalResultEntry(
                dataset_id=part.data,
                task_id=f"{figures.protocol}.{part.part}.{key}",
                value=round(part.scores["mean"][key]["mean"], 4),
                dataset_revision=part.revision,
                notes="; ".join(filter(None, [f"{name}, mean over units", title(part, figures.protocol), notes])),
            )
            for key, _, name in SHOWN
            if part.scores["mean"][key]["mean"] is not None
        ]
        text = yaml.safe_dump(eval_result_entries_to_yaml(entries), sort_keys=False, allow_unicode=True, width=1000)
        revision = f"-{part.revision[:8]}" if part.revision else ""
        files[f".eval_results/{slug(part.data)}-{figures.protocol}-{part.part}{revision}.yaml"] = text.encode()
    return files


def slug(name: str) -> str:
    """A name as part of a file's."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")

"""The README of a trained checkpoint, from the run's own figures."""

import json
from pathlib import Path
from typing import Any

from modeling_aullm.facs import ACTION_UNITS
from training.options import METHOD_NAMES
from training.report.tables import TITLES

PARTS = {
    "validation": "Validation subjects (thresholds and the best step were chosen here: its figures are too good)",
    "unseen_subjects": "Unseen subjects of the training data",
    "other_domain": "The other domain: other faces, camera, light and kernels of motion",
}
COLUMNS = {"positives": "positives"} | {name: title for name, title in TITLES.items() if "oracle" not in name}


def read_record(run: Path, fold: Path) -> dict[str, Any]:
    """What a checkpoint's README says, from the folders of its run and fold: see `card`."""
    provenance = json.loads((fold / "provenance.json").read_text(encoding="utf-8"))
    kept = ("command", "options", "device", "processes", "versions", "git_commit", "seed", "clips", "data", "datasets")
    return {key: provenance[key] for key in kept} | {
        "tests": provenance.get("tests", {}),  # not in a fold of an older version
        "minutes": round(provenance["wall_seconds"] / 60, 1),
        "thresholds": json.loads((fold / "thresholds.json").read_text(encoding="utf-8")),
        "scores": json.loads((fold / "metrics.json").read_text(encoding="utf-8")),
    }


def note_data(checkpoint: Path, record: dict[str, Any]) -> None:
    """Put the names of the data into a checkpoint's configuration, where saving and pushing keep them.

    Args:
        checkpoint: Its folder; what the checkpoint it was started from had seen stands in its configuration already.
        record: What `read_record` gives.
    """
    file, options = checkpoint / "config.json", record["options"]
    config = json.loads(file.read_text(encoding="utf-8"))
    before = config.get("trained_on") or []
    if options.get("model") and not before:
        before = [f"whatever the checkpoint {Path(options['model']).name} had seen"]
    data = options["data"]
    names = [f"{data}, seed {options['data_seed']}"] if data.startswith("synthetic:") else record["datasets"]
    config["trained_on"] = list(dict.fromkeys([*before, *names]))
    file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def scores_table(scores: dict[str, dict[str, Any]]) -> str:
    """Markdown, one row a unit and the mean last; `-` where a figure is undefined."""
    lines = ["| unit | " + " | ".join(COLUMNS.values()) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for code, row in scores.items():
        name = f"{code} {ACTION_UNITS[code].name.lower()}" if code in ACTION_UNITS else f"**{code}**"
        lines.append(f"| {name} | " + " | ".join(_cell(row[column]) for column in COLUMNS) + " |")
    return "\n".join(lines)


def _cell(value: float | int | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def card(record: dict[str, Any]) -> str:
    """The README of a checkpoint.

    Args:
        record: What `read_record` gives, and the checkpoint's `metrics.json` holds.
    """
    clips = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in record["clips"].items())
    thresholds = ", ".join(f"{code} {value:g}" for code, value in record["thresholds"].items())
    synthetic = any(name.startswith("synthetic:") for name in record["data"])
    method = record["options"].get("method", "aullm++")
    name, lean = METHOD_NAMES.get(method, method), method in ("aullm++", "au_llm", "deft_llm")
    base = "base_model: HuggingFaceTB/SmolLM2-135M-Instruct\n" if lean else ""
    sections = [
        f"---\nlicense: apache-2.0\nlibrary_name: transformers\n{base}"
        "tags: [action-units, micro-expressions, facs]\n---",
        f"# {name}, {'synthetic data, ' if synthetic else ''}{'lean ' if lean else ''}checkpoint\n\nMade by\n\n"
        f"    {record['command']}",
        f"Seed {record['seed']}; {record['minutes']} minutes from its last start (a killed run goes on) "
        f"on {record['device']}. Clips: {clips}. Data: "
        + ", ".join(f"`{name}`" for name in record["data"])
        + ("; `synthetic` is the generator of `training/synthetic`, no human face is in it" if synthetic else "")
        + ". F1 of the positive class is called binary, the mean of both classes' macro.",
        f"Thresholds, chosen on the validation subjects for the best binary F1: {thresholds}.",
    ]
    sections.append(
        "## Use\n\n```python\nfrom transformers import pipeline\n\n"
        'detect = pipeline("action-unit-detection", model=PATH_OR_ID, trust_remote_code=True)\n'
        'detect("clip.mp4")   # {"events": None, "timeline": [{"start_time": 0.0, ..., "action_units": {"AU12": ...}}]}'
        "\n```\n\n"
        "Not for decisions about people (hiring, policing, lie detection, emotion inference at school or work). What "
        "it is for, its limits and its sources stand in the project's MODEL_CARD.md."
    )
    titles = {part: f"`{name}`, tested alone" for part, name in record.get("tests", {}).items()} | PARTS
    sections += [
        f"## {title}\n\n{scores_table(record['scores'][part])}"
        for part, title in sorted(titles.items(), key=lambda item: item[0] not in PARTS)
        if part in record["scores"]
    ]
    return "\n\n".join(sections) + "\n"

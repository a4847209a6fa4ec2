"""The README of a model repository: MODEL_CARD.md, its marked passages filled in for one checkpoint.

A passage stands between `<!-- card:NAME -->` and `<!-- /card:NAME -->`; everything else is the same for all.
"""

import re
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCardData

from hub.cards.figures import SHOWN, PartFigures, RunFigures, model_index, title
from hub.repos.licence import licensed_among
from hub.repos.repository import is_repo_id
from modeling_aullm import AULLMConfig
from training.errors import InputError
from training.report.card import COLUMNS, PARTS, scores_table

TEMPLATE = Path(__file__).parents[2] / "MODEL_CARD.md"
TAGS = ["action-units", "micro-expressions", "facs"]


def model_card(
    name: str,
    config: AULLMConfig,
    *,
    record: dict[str, Any],
    seen: list[str] | None,
    base_model: str | None,
    figures: RunFigures | None = None,
    merged: bool = False,
) -> str:
    """A checkpoint's README with its metadata.

    Args:
        name: `ORG/NAME` of the repository.
        config: Of the checkpoint.
        record: Of its training, see `hub.repos.lineage.read_record`; may be empty.
        seen: Names of the data it was trained on; `None` if that is not known.
        base_model: Hub id of the LLM.
        figures: Of a run that scored it, or the method.
        merged: Whether LoRA has become part of the LLM's weights.
    """
    free = seen is not None and all(each.startswith("synthetic:") for each in seen)
    metadata = ModelCardData(
        license="apache-2.0" if free else "other",
        license_name=None if free else "terms-of-the-training-data",
        library_name="transformers",
        pipeline_tag="video-classification",
        base_model=base_model,
        datasets=[each for each in seen or [] if is_repo_id(each)] or None,
        metrics=["f1", "roc_auc"],
        tags=TAGS,
        model_name=name.partition("/")[2] if figures else None,
        eval_results=model_index(figures) if figures else None,
    )
    passages = {
        "title": _title(name, config, seen, base_model, merged=merged),
        "data": _data(seen, record, free=free),
        "training": _training(record),
        "results": _results(figures, record),
        "energy": _energy(record),
    }
    body = fill(TEMPLATE.read_text(encoding="utf-8"), passages).replace("PATH_OR_ID", f'"{name}"')
    return f"---\n{metadata.to_yaml()}\n---\n\n{body}"


def fill(template: str, passages: dict[str, str]) -> str:
    """The template without its metadata, each marked passage replaced.

    Args:
        template: Text of MODEL_CARD.md.
        passages: New text by name.

    Raises:
        ValueError: If the template's passages are not exactly these.
    """
    text = re.sub(r"\A---\n.*?\n---\n+", "", template, flags=re.DOTALL)
    pattern = re.compile(r"<!-- card:(\w+) -->\n.*?<!-- /card:\1 -->", re.DOTALL)
    if sorted(pattern.findall(text)) != sorted(passages):
        raise ValueError(f"the model card's passages are {pattern.findall(text)}, expected {sorted(passages)}")
    return pattern.sub(lambda match: passages[match[1]], text)


def _title(name: str, config: AULLMConfig, seen: list[str] | None, base_model: str | None, *, merged: bool) -> str:
    kind = {"lean": "holds what was trained, and records which LLM it stands on", "whole": "holds the LLM, too"}
    size = f"{kind[config.checkpoint]}{'; LoRA is merged into its weights' if merged else ''}"
    lines = [
        f"# {name.partition('/')[2]}: AULLM++ on {base_model or 'a language model of its own'}",
        f"Detects {', '.join(config.action_units or [])}. The checkpoint is {config.checkpoint}: it {size}.",
    ]
    if seen is not None and all(each.startswith("synthetic:") for each in seen):
        lines.append(
            "**This checkpoint has seen no human face.** It was trained on procedurally drawn faces that are moved by "
            "a FACS-driven generator. It is not a validated measuring instrument."
        )
    return "\n\n".join(lines)


def _data(seen: list[str] | None, record: dict[str, Any], *, free: bool) -> str:
    if seen is None:
        return "Which data this checkpoint was trained on is not on record. Take no figure on any dataset for honest."
    lines = ["This checkpoint was trained on:", "", *(f"- {each}" for each in seen)]
    if record.get("clips"):
        counts = (f"{count} {part.replace('_', ' ')}" for part, count in record["clips"].items())
        lines += ["", f"Clips: {', '.join(counts)}."]
    if licensed := licensed_among(seen):
        lines += [
            "",
            f"{', '.join(licensed)}: licensed for research; no clip of it is in this repository, and whoever wants the "
            "data must ask its owners.",
        ]
    if not free:
        lines += ["", "The code is Apache-2.0; what may be done with the weights depends on the data's terms."]
    return "\n".join(lines)


def _training(record: dict[str, Any]) -> str:
    if not record.get("command"):
        return "The command of the training is not on record.\n"
    seed = record.get("seed", (record.get("options") or {}).get("seed"))
    parts = [f"seed {seed}" if seed is not None else "", f"on {record.get('device', '?')}"]
    where = ", ".join(filter(None, parts))
    text = f"    {record['command']}\n\n{where[0].upper() + where[1:]}."
    if record.get("thresholds"):
        text += " Thresholds: " + ", ".join(f"{code} {value:g}" for code, value in record["thresholds"].items()) + "."
    return text + "\n"


def _energy(record: dict[str, Any]) -> str:
    if not record.get("minutes"):
        return "Neither the time nor the energy of the training is on record."
    return f"Trained in {record['minutes']:g} minutes on {record.get('device', '?')}; the energy was not metered."


def _results(figures: RunFigures | None, record: dict[str, Any]) -> str:
    if figures is not None:
        own = figures.protocol in ("train", "evaluate")
        whose = (
            "Figures of this checkpoint."
            if own
            else "Figures of the method: every fold trained a model of its own, with the same recipe. They are not "
            "this checkpoint's, which may have learned from these very clips."
        )
        return "\n\n".join([whose, *(_part(part, figures) for part in figures.parts)])
    scores = record.get("scores")
    if not scores:
        return "No figure is on record for this checkpoint."
    tables = [f"### {text}\n\n{_table(scores[part])}" for part, text in PARTS.items() if part in scores]
    return "\n\n".join(["Figures of the training's own split.", *tables])


def _part(part: PartFigures, figures: RunFigures) -> str:
    """A part's mean figures with their intervals, and its table by unit."""
    lines = [f"### {title(part, figures.protocol)}", ""]
    for key, _, name in SHOWN:
        mean = part.scores["mean"][key]
        if mean["mean"] is not None:
            interval = (
                "" if mean["low"] is None else f" (95 % interval over people {mean['low']:.3f} to {mean['high']:.3f})"
            )
            lines.append(f"- {name}, mean over units: {mean['mean']:.3f}{interval}")
    by_unit = {
        unit: {key: value["mean"] if isinstance(value, dict) else _whole(value) for key, value in row.items()}
        for unit, row in part.scores.items()
    }
    seeds = f" Means over {figures.seeds} seeds." if figures.seeds > 1 else ""
    return "\n".join([*lines, "", f"By unit, one row each.{seeds}", "", _table(by_unit)])


def _whole(count: float | None) -> float | None:
    """A number of clips without decimals where it has none; a mean over seeds keeps them."""
    return int(count) if count is not None and count == int(count) else count


def _table(scores: dict[str, dict[str, Any]]) -> str:
    """As in a checkpoint's own README; a figure that an older record lacks is left empty."""
    return scores_table({unit: {column: row.get(column) for column in COLUMNS} for unit, row in scores.items()})


def check_base_model(config: AULLMConfig, *, lean: bool) -> str | None:
    """Hub id of the LLM that a checkpoint stands on; `None` if it is on no record, or in no public place.

    Raises:
        InputError: If a lean checkpoint's LLM is a folder of this machine: nobody else could load it.
    """
    name = str((config.llm or {}).get("id", ""))
    if is_repo_id(name) and not Path(name).is_dir():
        return name
    if lean:
        what = f"the folder {Path(name).name} of this machine" if name else "on no record"
        raise InputError(f"the checkpoint's LLM is {what}, where nobody else can find it: push it by --whole")
    return None

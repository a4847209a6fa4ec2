"""Results of a run: its folds' predictions, pooled a seed and part, and summed up over seeds and subjects.

LOSO tests one person a fold, so figures are those of all folds' test clips together, each clip under its own fold's
thresholds; a mean of folds' figures would be undefined for most units. The ROC AUC and the average precision of pooled
clips ask that the folds' probabilities can be compared, which is more than within one fold: the prior predictor falls
below an AUC of 0.5, for whoever shows a unit often is missing from the share that is predicted for them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from training.errors import InputError
from training.json_files import read_json, write_json
from training.scoring.bootstrap import LEVEL, REPLICATES, SEED, Pool, intervals
from training.scoring.metrics import FIGURES, mean_defined, score

KEYS = ["seed", "part", "dataset", "subject", "clip_id", "fold"]
VALIDATION = "validation"  # chose thresholds and the best step, and is no result


def read_run(run: Path) -> dict[str, Any]:
    """The run's `run.json`.

    Raises:
        InputError: If the folder is not a run's.
    """
    if not (run / "run.json").is_file():
        raise InputError(f"{run} is not the folder of a run: it holds no run.json; give what was --output in training")
    record = read_json(run / "run.json")
    missing = [key for key in ("protocol", "options", "action_units", "seeds", "folds", "data") if key not in record]
    if missing:
        raise InputError(f"{run / 'run.json'} lacks {', '.join(missing)}; it is not a run of this version")
    return record


def fold_folders(run: Path) -> tuple[list[Path], list[Path]]:
    """The folders of folds that are finished, and of those that are not, in the order of seeds and folds."""
    record = read_run(run)
    folders = [run / "folds" / f"{fold}-seed{seed}" for seed in record["seeds"] for fold in record["folds"]]
    return [folder for folder in folders if folder.is_dir()], [folder for folder in folders if not folder.is_dir()]


def read_predictions(run: Path) -> pd.DataFrame:
    """The predictions of all folds that are finished, whatever order they ran in.

    Returns:
        A row a clip, sorted, with the columns of `predictions.parquet` and `threshold_<unit>` of the clip's own fold.

    Raises:
        InputError: If no fold is finished, or a file is missing or broken.
    """
    units, (finished, _) = read_run(run)["action_units"], fold_folders(run)
    if not finished:
        raise InputError(f"{run} has no finished fold yet; give its command again to go on with it")
    frames = [_read_fold(folder, units) for folder in finished]
    return pd.concat(frames, ignore_index=True).sort_values(KEYS, kind="stable", ignore_index=True)


def pools(predictions: pd.DataFrame, part: str, action_units: Sequence[str]) -> dict[int, Pool]:
    """The clips of one part, pooled over folds, of each seed that has any.

    Args:
        predictions: From `read_predictions`.
        part: Name of the part.
        action_units: Codes of the columns.
    """
    found = {}
    for seed, rows in predictions[predictions["part"] == part].groupby("seed"):
        people = (rows["dataset"] + "/" + rows["subject"]).to_numpy(str)
        columns = [rows[[f"{kind}_{u}" for u in action_units]] for kind in ("label", "probability", "threshold")]
        labels, probabilities, thresholds = (column.to_numpy(float) for column in columns)
        clips = np.array([f"{who}/{clip}" for who, clip in zip(people, rows["clip_id"], strict=True)])
        found[int(seed)] = Pool(clips, people, labels.astype(int), probabilities, thresholds)  # type: ignore[call-overload]
    return found


def tested_parts(predictions: pd.DataFrame) -> list[str]:
    """Names of the parts that are tested, sorted."""
    return sorted(set(predictions["part"]) - {VALIDATION})


def summarize(predictions: pd.DataFrame, action_units: Sequence[str]) -> dict[str, Any]:
    """Figures of every test part.

    Args:
        predictions: From `read_predictions`.
        action_units: Codes of the columns.

    Returns:
        `seeds`: for each seed and part the table of `metrics.score`. `parts`: for each part its numbers of clips and
        subjects (of all seeds together), its seeds, and under `scores`, for each unit and `mean`, the positives (mean
        over seeds) and for each figure `mean` and `sd` over seeds (sd: n - 1, `None` for one seed) and `low`, `high`:
        the interval over subjects of that mean.
    """
    seeds: dict[str, dict[str, Any]] = {}
    parts = {}
    for part in tested_parts(predictions):
        found = pools(predictions, part, action_units)
        tables = {seed: score(p.labels, p.probabilities, action_units, p.thresholds) for seed, p in found.items()}
        for seed, table in tables.items():
            seeds.setdefault(str(seed), {})[part] = table
        parts[part] = {
            "clips": len(np.unique(np.concatenate([pool.clips for pool in found.values()]))),
            "subjects": len(np.unique(np.concatenate([pool.people for pool in found.values()]))),
            "seeds": list(found),
            "scores": _over_seeds(list(tables.values()), intervals(list(found.values()))),
        }
    method = {"level": LEVEL, "replicates": REPLICATES, "resampled": "subjects", "seed": SEED}
    return {"parts": parts, "intervals": method, "seeds": dict(sorted(seeds.items(), key=lambda item: int(item[0])))}


def write_metrics(run: Path) -> None:
    """Write `metrics.json` of a finished run: protocol, data, units, and what `summarize` says. Whole or not at all.

    Raises:
        InputError: If folds are missing or broken.
    """
    record, (_, missing) = read_run(run), fold_folders(run)
    if missing:
        raise InputError(f"{run} lacks {len(missing)} fold(s), first {missing[0].name}; give its command again")
    content = {key: record[key] for key in ("protocol", "data", "action_units")}
    content |= summarize(read_predictions(run), record["action_units"])
    write_json(run / "metrics.json", content)


def _over_seeds(tables: list[dict], ends: dict[str, list[tuple[float, float] | None]]) -> dict[str, dict[str, Any]]:
    """Mean, sd and interval of every figure of every row."""
    scores: dict[str, dict[str, Any]] = {}
    for index, row in enumerate(tables[0]):
        scores[row] = {"positives": mean_defined([table[row]["positives"] for table in tables])}
        for figure in FIGURES:
            values = [table[row][figure] for table in tables if table[row][figure] is not None]
            low, high = ends[figure][index] or (None, None)
            spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
            scores[row][figure] = {"mean": mean_defined(values), "sd": spread, "low": low, "high": high}
    return scores


def _read_fold(folder: Path, units: Sequence[str]) -> pd.DataFrame:
    path = folder / "predictions.parquet"
    thresholds = read_json(folder / "thresholds.json")
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's errors are of these
        raise InputError(f"{path} cannot be read ({error}); {_again(folder)}") from error
    columns = [*KEYS, *(f"{kind}_{unit}" for kind in ("label", "probability") for unit in units)]
    missing = [column for column in columns if column not in frame] + [unit for unit in units if unit not in thresholds]
    if missing:
        raise InputError(f"{folder} lacks {missing[0]} in its predictions or thresholds; {_again(folder)}")
    probabilities = frame[[f"probability_{unit}" for unit in units]].to_numpy(float)
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise InputError(f"{path} holds values that are no probabilities; {_again(folder)}")
    frame = frame.astype({name: str for name in ("part", "dataset", "subject", "clip_id", "fold")})
    return frame.assign(**{f"threshold_{unit}": float(thresholds[unit]) for unit in units})


def _again(folder: Path) -> str:
    return f"remove the folder {folder.name} and give the run's command again, to have the fold made anew"

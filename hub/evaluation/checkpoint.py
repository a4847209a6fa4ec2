"""A checkpoint evaluated on a dataset, by all processes of Accelerate."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from accelerate import PartialState
from huggingface_hub import HfApi

from hub.evaluation.engines import Evaluated, open_evaluated
from hub.evaluation.run import (
    FOLD,
    PART,
    SEED,
    describe_evaluation,
    is_labelled,
    write_fold,
    write_metrics,
)
from hub.repos.fetch import MAX_GB, Fetched, fetch_commit, fetch_dataset, fetch_graph, fetch_model
from hub.repos.lineage import data_names
from hub.repos.repository import check_login, is_repo_id
from modeling_aullm import DEFAULT_CHECKPOINT
from training.data.clips import Clip, check_data, load_clips
from training.errors import InputError
from training.json_files import write_json
from training.learning.fit import NUM_FRAMES
from training.options import DataOptions, option
from training.protocols.inputs import say_unknown
from training.protocols.protocol import load_together, on_main_process
from training.protocols.provenance import environment, start_memory_count, usage
from training.protocols.run_folder import check_output, check_same_run, fold_folder, new_fold, open_run

FETCH_MODEL = {"torch": fetch_model, "onnx": fetch_graph}
SYNTHETIC_SEED = 1000  # people of the generator that no training by its defaults has seen


@dataclass
class EvaluateOptions:
    """What is evaluated on what."""

    data: str = field(metadata={"help": "Hub id or folder of a dataset; synthetic:A or synthetic:B for the generator."})
    output: str = field(metadata={"help": "Folder of the run."})
    model: str = option("", "Hub id or folder of a checkpoint. Default: the one shipped with the package.")
    revision: str = option("", "Commit, branch or tag of the model on the Hub. Default: main as it is now.")
    engine: Literal["torch", "onnx"] = option("torch", "onnx: the graph that hub.export_onnx makes, by ONNX Runtime.")
    data_revision: str = option("", "The same of the data.")
    submit: bool = option(False, "Open a pull request with the figures on the model's repository.")
    max_subjects: int | None = option(None, "Use at most so many subjects (synthetic: make so many; default 30).")
    clips_per_subject: int | None = option(None, "Use at most so many clips of each (synthetic: make; default 10).")
    ignore_other_units: bool = option(False, "Accept data with labels of further units, and leave those out.")
    data_seed: int = option(SYNTHETIC_SEED, "Seed of synthetic data.")
    max_gb: float = option(MAX_GB, "Most gigabytes to download of the model, and of the data.")

    def __post_init__(self) -> None:
        check_output(Path(self.output))
        for name, revision in ((self.model, self.revision), (self.data, self.data_revision)):
            if revision and not on_hub(name):
                raise InputError(f"{name or 'the shipped checkpoint'} is not on the Hub, so it has no revision")
        if self.submit and not on_hub(self.model):
            raise InputError("--submit needs a model on the Hub: --model ORG/NAME")

    def data_options(self) -> DataOptions:
        """The same for `training.data.clips.load_clips`."""
        names = ("max_subjects", "clips_per_subject", "ignore_other_units", "data_seed")
        return DataOptions(**{name: getattr(self, name) for name in names})


def on_hub(name: str) -> bool:
    """Whether a model or dataset is one of the Hub: it has such a name, and is no folder here."""
    return is_repo_id(name) and not Path(name).is_dir()


def evaluate_checkpoint(options: EvaluateOptions, *, num_proc: int = 1) -> Path:
    """Predict, score and write the run's folder. To be called in every process of Accelerate.

    Clips whose units are unknown are left out, and named on stderr, where others are coded.

    Args:
        options: Model, data and folder.
        num_proc: Processes that draw synthetic clips, see `training.data.clips.load_clips`.

    Returns:
        The run's folder. A run that is finished is not done again.

    Raises:
        InputError: If model or data are not to be had or do not fit each other, or the folder is another run's
            or being written by another job.
    """
    model_name = options.model or str(DEFAULT_CHECKPOINT)
    commits = on_main_process(lambda: _check(options, model_name))
    found = _find(model_name, commits["model"], FETCH_MODEL[options.engine], options.max_gb)
    evaluated = open_evaluated(found.path, options.engine)
    if evaluated.num_frames != NUM_FRAMES:
        raise InputError(f"{found.path} takes {evaluated.num_frames} frames a clip; evaluation gives {NUM_FRAMES}")
    units, size = evaluated.action_units, evaluated.image_size
    data = _find(options.data, commits["dataset"], fetch_dataset, options.max_gb)
    name = str(data.path) if on_hub(options.data) else options.data
    loaded = load_together(
        lambda: load_clips(name, options.data_options(), units, size, unlabelled=True, num_proc=num_proc)
    )
    say_unknown(options.data, loaded)
    clips, fingerprint, unknown = loaded
    if options.submit and not is_labelled(clips):
        raise InputError(f"--submit: no clip of {options.data} has action units coded, so there are no figures")
    names = {*data_names(options.data, options.data_seed), *(clip.dataset for clip in clips)}
    record = describe_evaluation(
        _settings(options, found, data),
        data=options.data,
        action_units=units,
        fingerprint=fingerprint,
        unknown=unknown,
        weights=evaluated.weights,
        trained_on_this_data=None if evaluated.seen is None else bool(names.intersection(evaluated.seen)),
    )
    run = Path(options.output)
    load_together(lambda: open_run(run, record) if PartialState().is_main_process else None)
    if not load_together(lambda: fold_folder(run, FOLD, SEED).is_dir()):
        _predict(run, evaluated, clips, record)
    if PartialState().is_main_process and is_labelled(clips):
        write_metrics(run, record)
    return run


def _check(options: EvaluateOptions, model_name: str) -> dict[str, str | None]:
    """Find out before the long work what can be known; the commits of model and data, `None` of what is a folder."""
    known = {key: value for key, value in vars(options.data_options()).items() if hasattr(options, key)}
    check_same_run(Path(options.output), {"protocol": "evaluate", "options": known})
    if options.submit:
        check_login(HfApi(), options.model)
    wanted = {"model": (model_name, options.revision), "dataset": (options.data, options.data_revision)}
    if not on_hub(model_name) and not Path(model_name, "config.json").is_file():
        raise InputError(
            f"{model_name} is no checkpoint: it holds no config.json, and is no name of a model on the Hub"
        )
    if not on_hub(options.data):
        check_data(options.data)
    return {
        kind: fetch_commit(name, revision or None, kind) if on_hub(name) else None
        for kind, (name, revision) in wanted.items()
    }


def _find(name: str, commit: str | None, fetch: Callable[..., Fetched], max_gb: float) -> Fetched:
    """The folder of a model or dataset; of one on the Hub all processes take the commit that the main one has found."""
    if commit is None:
        return Fetched(Path(name), None)
    return load_together(lambda: fetch(name, commit, max_gb=max_gb))


def _settings(options: EvaluateOptions, model: Fetched, data: Fetched) -> dict[str, Any]:
    """The options that change figures, with the commits that were found; a local checkpoint by its folder's name."""
    settings = {key: value for key, value in vars(options).items() if key not in ("submit", "max_gb")}
    settings |= {"revision": model.revision, "data_revision": data.revision}
    return settings | ({} if model.revision else {"model": model.path.resolve().name})


def _predict(run: Path, evaluated: Evaluated, clips: Sequence[Clip], record: dict[str, Any]) -> None:
    """Write the fold; whole or not at all."""
    with new_fold(run, FOLD, SEED) as folder:
        if folder is None:
            raise InputError(f"another job is writing to {run} at this moment; wait for it, or give another --output")
        start = time.monotonic()
        start_memory_count()
        probabilities = evaluated.predict(clips, folder / "work")
        if PartialState().is_main_process:
            write_fold(folder, clips, probabilities, evaluated.thresholds, record)
            counts = {"clips": {PART: len(clips)}, "wall_seconds": round(time.monotonic() - start, 1)}
            write_json(folder / "provenance.json", record | environment() | usage() | counts)

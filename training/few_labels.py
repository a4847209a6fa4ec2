"""What a few labelled subjects of another domain are worth to a checkpoint.

For each seed, 2, 4 and 8 subjects (the 2 are among the 4) are drawn to adapt with; everybody who was drawn for none is
tested on. Side by side: the checkpoint as it is; linear readers of its frozen tokens, fitted to those subjects alone;
and the checkpoint trained on with them, for a number of steps that is set beforehand. The checkpoint has its own
thresholds throughout. A reader's strength of regularisation and its thresholds come from leaving out each of its
subjects in turn. Nothing is chosen on the people who are tested.

    python -m training.few_labels --checkpoint CHECKPOINT --data synthetic:B --output RUN

A killed run goes on if the same command is given again.
"""

import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import PartialState

from modeling_aullm.output_files import write_whole
from training.data.clips import Clip
from training.data.folds import Fold
from training.errors import InputError, run_command
from training.events.checkpoint import open_checkpoint
from training.json_files import read_json, write_json
from training.learning.progress import RunProgress
from training.options import DataOptions, Recipe, option, parse_options
from training.protocols.inputs import check_inputs, load_data
from training.protocols.protocol import start_processes
from training.protocols.run_folder import check_output, describe_run, describe_settings, fold_folder, new_fold, open_run
from training.readers import STRENGTHS, LinearReader, ReadClips, mean_auc, read_clips
from training.report.few_labels import few_labels_figure, few_labels_markdown
from training.scoring.history import FILE as HISTORY
from training.scoring.history import history_table
from training.scoring.metrics import choose_thresholds, score

AS_IT_IS, READER, TRAINED_ON = "as it is", "linear reader of its tokens", "trained on"
RESULT = "figures.json"  # in the folder of each number of subjects and seed


@dataclass
class FewLabelsOptions:
    """Which checkpoint is adapted, to what, and how."""

    checkpoint: str = field(metadata={"help": "Folder or Hub id of a checkpoint."})
    data: str = field(metadata={"help": "Another domain: folder or Hub id of a dataset, or the generator's."})
    output: str = field(
        metadata={"help": "Folder of the run. A killed run goes on there: give the same command again."}
    )
    subjects: list[int] = option([2, 4, 8], "How many of its subjects to adapt with.")
    seeds: int = option(3, "Draws of subjects, and trainings, with the seeds 1, 2, ...")
    steps: int = option(60, "Steps of training on.")
    batch_size: int = option(16, "Clips a step; if there are fewer, all.")
    learning_rate: float = option(1e-4, "Of all that learns.")
    max_subjects: int | None = option(None, "Use at most so many subjects (synthetic: make so many; default 30).")
    clips_per_subject: int | None = option(None, "Use at most so many clips of each (synthetic: make; default 10).")
    ignore_other_units: bool = option(False, "Accept data with labels of further units, and leave those out.")
    data_seed: int = option(0, "Seed of synthetic data.")

    def __post_init__(self) -> None:
        check_output(Path(self.output))
        self.subjects = sorted(set(self.subjects))
        if not self.subjects or self.subjects[0] < 2:
            raise InputError(f"--subjects must be 2 or more each, got {' '.join(map(str, self.subjects)) or 'none'}")
        for name in ("seeds", "steps", "batch_size"):
            if getattr(self, name) < 1:
                raise InputError(f"--{name} must be at least 1, got {getattr(self, name)}")
        if not 0 < self.learning_rate < 1:
            raise InputError(f"--learning_rate must be between 0 and 1, got {self.learning_rate:g}")

    def data_options(self) -> DataOptions:
        """The clips that are used."""
        shared = ("max_subjects", "clips_per_subject", "ignore_other_units", "data_seed")
        return DataOptions(**{name: getattr(self, name) for name in shared})

    def recipe(self) -> Recipe:
        """How the checkpoint is trained on: everything learns at one rate, and no step is chosen."""
        return Recipe(
            model=self.checkpoint,
            evidence_steps=0,
            max_steps=self.steps,
            eval_steps=max(1, self.steps // 6),  # logs and saves: nothing is validated
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            lora_learning_rate=self.learning_rate,
            led_learning_rate=self.learning_rate,
        )


def draw_folds(clips: list[Clip], subjects: list[int], seed: int) -> list[Fold]:
    """A fold for each number of subjects: nested draws of those adapted with, and the same people tested in all.

    Args:
        clips: Of the other domain.
        subjects: Numbers to adapt with, ascending.
        seed: Of the draw.

    Raises:
        InputError: If nobody is left to be tested, or a clip stands with two people on both sides.
    """
    people = sorted({clip.person for clip in clips})
    if len(people) <= subjects[-1]:
        raise InputError(
            f"{len(people)} subjects are there; --subjects {subjects[-1]} leaves nobody to test: "
            "give fewer, or data of more subjects"
        )
    order = np.random.default_rng(seed).permutation(people).tolist()
    tested = [clip for clip in clips if clip.person in order[subjects[-1] :]]
    return [
        Fold(f"{n}-subjects", [c for c in clips if c.person in order[:n]], [], {"test": tested}, fixed_steps=True)
        for n in subjects
    ]


def fit_reader(clips: ReadClips) -> tuple[LinearReader, list[float]]:
    """A reader of all tokens there are, and its thresholds, both chosen by leaving out each person in turn."""
    tokens = ("content", "instruction")
    people = np.array(clips.people)

    def left_out(strength: float) -> np.ndarray:
        said = np.empty(clips.labels.shape)
        for person in np.unique(people):
            own = people == person
            reader = LinearReader(clips.take(np.flatnonzero(~own)), tokens, strength)
            said[own] = reader(clips.take(np.flatnonzero(own)))
        return said

    tried = {strength: left_out(strength) for strength in STRENGTHS}
    best = max(tried, key=lambda strength: mean_auc(clips, tried[strength]))
    return LinearReader(clips, tokens, best), choose_thresholds(clips.labels, tried[best], clips.people)


def adapt(
    fold: Fold, read: dict[str, ReadClips], options: FewLabelsOptions, own: list[float], units: list[str], **place: Any
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Figures of each method on the people who are tested, and the history of the training.

    Args:
        fold: Who is adapted with, and tested.
        read: What the checkpoint made of the clips of `train` and `test`.
        options: Of the command.
        own: The checkpoint's thresholds.
        units: Codes of the label columns.
        place: Seed, scratch folder and progress bar, for `training.learning.fit.fit`.
    """
    from training.learning.fit import fit  # not above: --help and errors of input need not wait for it

    train, test = read["train"], read["test"]
    reader, chosen = fit_reader(train)
    fitted = fit(options.recipe(), fold, units, **place)
    said = {AS_IT_IS: test.probabilities, READER: reader(test), TRAINED_ON: fitted.probabilities["test"]}
    if not all(np.isfinite(probabilities).all() for probabilities in said.values()):
        raise InputError(f"{fold.name}: training diverged (probabilities are not numbers); lower --learning_rate")
    scores = {
        method: score(test.labels, probabilities, units, chosen if method == READER else own)
        for method, probabilities in said.items()
    }
    positives = dict(zip(units, map(int, train.labels.sum(0)), strict=True))
    counts = {"subjects": len(set(train.people)), "clips": len(fold.train)}
    counts |= {"test_clips": len(test.labels), "test_subjects": len(set(test.people))}
    return counts | {"positives": positives, "scores": scores}, fitted.history


def main() -> None:
    """Draw, adapt, score, and write the figures."""
    start_processes()
    if PartialState().num_processes > 1:
        raise InputError("training.few_labels runs in one process; start it with `python -m training.few_labels`")
    (options,) = parse_options(FewLabelsOptions, description=__doc__)
    model, processor = open_checkpoint(options.checkpoint)
    units, run, seeds = list(model.config.action_units), Path(options.output), range(1, options.seeds + 1)
    settings = describe_settings("few_labels", [options], action_units=units, seeds=seeds)
    check_inputs(run, settings, data=[options.data], recipe=options.recipe())
    clips, fingerprint, unknown = load_data({options.data: options.data_options()}, units)[options.data]
    folds = {seed: draw_folds(clips, options.subjects, seed) for seed in seeds}
    data, left_out = {options.data: fingerprint}, {options.data: unknown}
    record = describe_run("few_labels", [options], action_units=units, folds=folds, data=data, unknown=left_out)
    open_run(run, record)
    read = read_clips(model, clips, options.data)
    row = {id(clip): number for number, clip in enumerate(clips)}
    everything = [(seed, fold) for seed, of_seed in folds.items() for fold in of_seed]
    waiting = [(seed, fold) for seed, fold in everything if not fold_folder(run, fold.name, seed).is_dir()]
    with closing(RunProgress(len(everything), len(everything) - len(waiting), options.steps)) as progress:
        for seed, fold in waiting:
            progress.start_fold(f"{fold.name}, seed {seed}")
            sides = {"train": fold.train, "test": fold.test["test"]}
            own = {side: read.take(np.array([row[id(clip)] for clip in those])) for side, those in sides.items()}
            with new_fold(run, fold.name, seed) as folder:
                if folder is not None:
                    place = {"seed": seed, "work": folder / "work", "progress": progress}
                    figures, history = adapt(fold, own, options, processor.thresholds, units, **place)
                    history_table(history).to_parquet(folder / HISTORY, index=False)
                    write_json(folder / RESULT, {"seed": seed} | figures)
            progress.finish_fold()
    at_work = "if another job is at it, give the command again when that is done"
    results = [read_json(fold_folder(run, fold.name, seed) / RESULT, at_work) for seed, fold in everything]
    finish(run, record, results)


def finish(run: Path, record: dict[str, Any], results: list[dict[str, Any]]) -> None:
    """Write the figures of all, as JSON, Markdown and a plot, and show the tables."""
    kept = ("command", "options", "action_units", "data")
    write_json(run / "few_labels.json", {key: record[key] for key in kept} | {"results": results})
    text = few_labels_markdown(results, list(record["data"]))
    write_whole(run / "few_labels.png", few_labels_figure(results).savefig)
    write_whole(run / "few_labels.md", lambda path: path.write_text(text, encoding="utf-8"))
    sys.stdout.write(text)


if __name__ == "__main__":
    run_command(main)

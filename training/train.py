"""Train one model and keep it: a checkpoint with its processor, card and figures.

Subjects are split into training, validation (which chooses thresholds and the best step) and unseen ones for testing;
--test adds datasets that are for testing alone. A killed training goes on from its last save if the same command is
given again.

    accelerate launch -m training.train --data synthetic:A --test synthetic:B --output RUN
"""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accelerate import PartialState
from transformers import PreTrainedModel

from modeling_aullm import AULLMProcessor
from training.data.clips import ClipCollection
from training.data.folds import Fold, across_domains, part_names, split_by_subject
from training.errors import InputError, run_command
from training.learning.fit import Fitted, fit
from training.options import UNTRAINED, DataOptions, Recipe, option, parse_options
from training.protocols.inputs import check_inputs, check_tests, load_data, test_options
from training.protocols.protocol import action_units_of, run_folds, start_processes
from training.protocols.run_folder import check_output, describe_run, describe_settings, fold_folder
from training.report.card import card, note_data, read_record


@dataclass
class TrainOptions:
    """What is trained on and tested, and where the run is written."""

    data: str = field(metadata={"help": "Folder or Hub id of a dataset; synthetic:A or synthetic:B for the generator."})
    output: str = field(metadata={"help": "Folder of the run."})
    test: list[str] = option([], "A dataset of another domain, for testing alone; or several, each a part of its own.")
    max_test_subjects: int | None = option(None, "Use at most so many subjects of each --test. Default: max_subjects.")
    unseen_share: float = option(
        0.1, "Share of the subjects of --data that are tested, not trained on; may be 0 with --test."
    )
    seed: int = option(1, "Seed of split, initial weights, order, augmentation and dropout.")

    def __post_init__(self) -> None:
        check_output(Path(self.output))
        if not self.test and not 0 < self.unseen_share < 1:
            raise InputError(f"unseen_share must be between 0 and 1 without --test, got {self.unseen_share}")
        check_tests(self.test)


def make_fold(options: TrainOptions, validation: float, loaded: dict[str, ClipCollection]) -> Fold:
    """The split of a run, with a share of the subjects for validation."""
    clips = loaded[options.data].clips
    if options.test:
        tests = {part: loaded[name].clips for name, part in part_names(options.test).items()}
        return across_domains(clips, tests, validation, options.unseen_share, options.seed)
    shares = {"train": 1 - options.unseen_share - validation, "unseen_subjects": options.unseen_share}
    parts = split_by_subject(clips, shares | {"validation": validation}, options.seed)
    return Fold("one-split", parts["train"], parts["validation"], {"unseen_subjects": parts["unseen_subjects"]})


def fit_and_keep(run: Path) -> Any:
    """A `fit` that keeps its scratch files in the run's folder, to go on from, and the trained weights after it."""

    def fit_one(recipe: Recipe, fold: Fold, units: Sequence[str], *, work: Path, **settings: Any) -> Fitted:
        fitted = fit(recipe, fold, units, work=run / "trainer", **settings)
        if PartialState().is_main_process and isinstance(fitted.model, PreTrainedModel):
            fitted.model.save_pretrained(run / "trainer" / "checkpoint")
        return fitted

    return fit_one


def finish_checkpoint(run: Path, fold: Path, units: list[str]) -> None:
    """Give the trained weights their processor, figures and card, and move them into place whole."""
    made = run / "trainer" / "checkpoint"
    if made.is_dir():
        thresholds = json.loads((fold / "thresholds.json").read_text(encoding="utf-8"))
        AULLMProcessor(action_units=units, thresholds=list(thresholds.values())).save_pretrained(made)
        record = read_record(run, fold)
        note_data(made, record)
        (made / "metrics.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        (made / "README.md").write_text(card(record), encoding="utf-8")
        os.rename(made, run / "checkpoint")
    shutil.rmtree(run / "trainer", ignore_errors=True)


def main() -> None:
    """Train, choose thresholds on validation subjects, score, and write the run's folder."""
    start_processes()
    parts = parse_options(TrainOptions, DataOptions, Recipe, description=__doc__)
    options, data_options, recipe = parts
    if recipe.method in UNTRAINED:
        raise InputError(f"{recipe.method} has nothing to train or keep; training.loso and cross_domain score it")
    if recipe.leave_units_out:
        raise InputError("leave_units_out keeps no model; training.loso and cross_domain score it")
    units = action_units_of(data_options)
    run, chosen, names = Path(options.output), {options.data: data_options}, part_names(options.test)
    chosen |= test_options(options.test, data_options, options.max_test_subjects)
    settings = describe_settings("train", parts, action_units=units, seeds=[options.seed], tests=names)
    check_inputs(run, settings, data=chosen, recipe=recipe)
    loaded = load_data(chosen, units)
    fold = make_fold(options, data_options.validation_share, loaded)
    folds = {options.seed: [fold]}
    record = describe_run(
        "train",
        parts,
        action_units=units,
        folds=folds,
        tests=names,
        data={name: collection.fingerprint for name, collection in loaded.items()},
        unknown={name: collection.unknown for name, collection in loaded.items()},
    )
    run_folds(folds, recipe, run=run, record=record, fit=fit_and_keep(run))
    if PartialState().is_main_process:
        finish_checkpoint(run, fold_folder(run, fold.name, options.seed), units)


if __name__ == "__main__":
    run_command(main)

"""Leave one subject out: train a model without each subject, and test it on that subject.

A subject is a dataset and a subject id in it. Thresholds and the best step are chosen on other subjects than are
trained on and tested. Every fold is written when it is done; a killed run goes on if the same command is given again.

Example:
    accelerate launch -m training.loso --data synthetic:A --output RUN --max_subjects 5 --seeds 3
"""

from dataclasses import dataclass, field
from pathlib import Path

from training.data.folds import leave_one_subject_out
from training.errors import run_command
from training.options import DataOptions, Recipe, parse_options
from training.protocols.inputs import check_inputs, load_data
from training.protocols.protocol import RunOptions, action_units_of, run_folds, start_processes
from training.protocols.run_folder import describe_run, describe_settings


@dataclass
class LosoOptions:
    """What is trained on and tested."""

    data: str = field(metadata={"help": "Folder or Hub id of a dataset; synthetic:A or synthetic:B for the generator."})


def main() -> None:
    """Run the folds of leave-one-subject-out."""
    start_processes()
    parts = parse_options(LosoOptions, RunOptions, DataOptions, Recipe, description=__doc__)
    options, run, data_options, recipe = parts
    units = action_units_of(data_options)
    settings = describe_settings("loso", parts, action_units=units, seeds=run.all_seeds())
    check_inputs(Path(run.output), settings, data=[options.data], recipe=recipe)
    clips, fingerprint, unknown = load_data({options.data: data_options}, units)[options.data]
    # The inner split comes from the seed alone: every method sees the same one.
    folds = {seed: leave_one_subject_out(clips, data_options.validation_share, seed) for seed in run.all_seeds()}
    record = describe_run(
        "loso",
        parts,
        action_units=units,
        folds=folds,
        data={options.data: fingerprint},
        unknown={options.data: unknown},
    )
    run_folds(folds, recipe, run=Path(run.output), record=record, shard=run.shard, cluster=run.cluster)


if __name__ == "__main__":
    run_command(main)

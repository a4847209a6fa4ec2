"""Train in one domain and test in another, or leave out each of several datasets in turn (CD6ME's protocol).

Subjects of the training domain that were kept from training are tested too, as `unseen_subjects`. Thresholds and the
best step are chosen on further subjects of the training domain, never of the other.

Examples:
    accelerate launch -m training.cross_domain --train synthetic:A --test synthetic:B --output RUN
    accelerate launch -m training.cross_domain --data SEVERAL_DATASETS --output RUN
"""

from dataclasses import dataclass
from pathlib import Path

from training.clips import load_clips
from training.errors import InputError, run_command
from training.folds import Fold, across_domains, leave_one_dataset_out
from training.options import DataOptions, Recipe, option, parse_options
from training.protocol import RunOptions, action_units_of, load_together, run_folds, start_processes
from training.run_folder import describe_run


@dataclass
class CrossDomainOptions:
    """What is trained on, and what is tested."""

    train: str = option("", "Training domain: folder or Hub id of a dataset, synthetic:A or synthetic:B.")
    test: str = option("", "The other domain, likewise.")
    data: str = option("", "Instead of both: a dataset with several values of `dataset`; each is left out once.")
    unseen_share: float = option(0.1, "With --train: share of its subjects that are tested, not trained on; may be 0.")

    def __post_init__(self) -> None:
        given = [f"--{name}" for name in ("train", "test", "data") if getattr(self, name)]
        if given not in (["--train", "--test"], ["--data"]):
            raise InputError(
                "give --train and --test, or --data alone (each of its datasets is left out once); "
                f"given: {' '.join(given) or 'none of them'}"
            )


def main() -> None:
    """Run the fold or folds across domains."""
    start_processes()
    options, run, data_options, recipe = parse_options(
        CrossDomainOptions, RunOptions, DataOptions, Recipe, description=__doc__
    )
    units = action_units_of(data_options)
    names = [options.data] if options.data else [options.train, options.test]
    loaded = load_together(lambda: {name: load_clips(name, data_options, units) for name in names})
    share = data_options.validation_share

    def folds_of(seed: int) -> list[Fold]:
        if options.data:
            return leave_one_dataset_out(loaded[options.data].clips, share, seed)
        train, test = loaded[options.train].clips, loaded[options.test].clips
        return [across_domains(train, test, share, options.unseen_share, seed)]

    folds = {seed: folds_of(seed) for seed in run.all_seeds()}
    record = describe_run(
        "cross_domain",
        (options, run, data_options, recipe),
        action_units=units,
        folds=folds,
        data={name: loaded[name].fingerprint for name in names},
    )
    run_folds(folds, recipe, run=Path(run.output), record=record, shard=run.shard)


if __name__ == "__main__":
    run_command(main)

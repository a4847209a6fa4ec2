"""Train in one domain and test in others, or leave out each of several datasets in turn (CD6ME's protocol).

Subjects of the training domain that were kept from training are tested too, as `unseen_subjects`. Thresholds and the
best step are chosen on further subjects of the training domain, never of another.

Examples:
    accelerate launch -m training.cross_domain --train synthetic:A --test synthetic:B --output RUN
    accelerate launch -m training.cross_domain --train synthetic:A --test synthetic:B synthetic:B/hidden --output RUN
    accelerate launch -m training.cross_domain --data SEVERAL_DATASETS --output RUN
"""

from dataclasses import dataclass
from pathlib import Path

from training.data.folds import Fold, across_domains, leave_one_dataset_out, part_names
from training.errors import InputError, run_command
from training.options import DataOptions, Recipe, option, parse_options
from training.protocols.inputs import check_inputs, check_tests, load_data, test_options
from training.protocols.protocol import RunOptions, action_units_of, run_folds, start_processes
from training.protocols.run_folder import describe_run, describe_settings


@dataclass
class CrossDomainOptions:
    """What is trained on, and what is tested."""

    train: str = option("", "Training domain: folder or Hub id of a dataset, synthetic:A or synthetic:B.")
    test: list[str] = option([], "The other domain, likewise; or several, each a part of its own in all figures.")
    data: str = option("", "Instead of both: a dataset with several values of `dataset`; each is left out once.")
    max_test_subjects: int | None = option(None, "Use at most so many subjects of each --test. Default: max_subjects.")
    unseen_share: float = option(0.1, "With --train: share of its subjects that are tested, not trained on; may be 0.")

    def __post_init__(self) -> None:
        given = [f"--{name}" for name in ("train", "test", "data") if getattr(self, name)]
        if given not in (["--train", "--test"], ["--data"]):
            raise InputError(
                "give --train and --test, or --data alone (each of its datasets is left out once); "
                f"given: {' '.join(given) or 'none of them'}"
            )
        check_tests(self.test)


def main() -> None:
    """Run the fold or folds across domains."""
    start_processes()
    parts = parse_options(CrossDomainOptions, RunOptions, DataOptions, Recipe, description=__doc__)
    options, run, data_options, recipe = parts
    units = action_units_of(data_options)
    chosen = {name: data_options for name in (options.data, options.train) if name}
    chosen |= test_options(options.test, data_options, options.max_test_subjects)
    names = part_names(options.test)
    settings = describe_settings("cross_domain", parts, action_units=units, seeds=run.all_seeds(), tests=names)
    check_inputs(Path(run.output), settings, data=chosen, recipe=recipe)
    loaded = load_data(chosen, units)
    share = data_options.validation_share

    def folds_of(seed: int) -> list[Fold]:
        if options.data:
            return leave_one_dataset_out(loaded[options.data].clips, share, seed)
        tests = {part: loaded[name].clips for name, part in names.items()}
        return [across_domains(loaded[options.train].clips, tests, share, options.unseen_share, seed)]

    folds = {seed: folds_of(seed) for seed in run.all_seeds()}
    record = describe_run(
        "cross_domain",
        parts,
        action_units=units,
        folds=folds,
        tests=names,
        data={name: collection.fingerprint for name, collection in loaded.items()},
        unknown={name: collection.unknown for name, collection in loaded.items()},
    )
    run_folds(folds, recipe, run=Path(run.output), record=record, shard=run.shard, cluster=run.cluster)


if __name__ == "__main__":
    run_command(main)

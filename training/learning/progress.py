"""One progress bar for a whole run: the steps of all its folds and seeds, and the time that is left."""

from typing import Any

from accelerate import PartialState
from tqdm.auto import tqdm
from transformers import TrainerCallback, TrainingArguments
from transformers.utils import logging


class RunProgress:
    """The bar, shown by the main process on a terminal; until it is closed no other is.

    Args:
        folds: To be trained in all, by this job.
        finished: Of these, folds that are there already.
        steps: Of training a fold.
    """

    def __init__(self, folds: int, finished: int, steps: int) -> None:
        self.steps, self.before = steps, finished * steps
        self.within = 0  # steps of the present fold that were done before its present training
        self._hides_others = logging.is_progress_bar_enabled()
        if self._hides_others:  # those of loading and saving weights would come below this one, several times a fold
            logging.disable_progress_bar()
        self.bar = tqdm(
            desc="training",
            total=folds * steps,
            initial=self.before,
            unit="step",
            dynamic_ncols=True,
            disable=None if PartialState().is_main_process else True,
        )

    def start_fold(self, name: str) -> None:
        """Show which fold is being trained."""
        self.bar.set_description(name)

    def reach(self, step: int) -> None:
        """Show that so many steps of the present training are done."""
        self.bar.update(self.before + self.within + step - self.bar.n)

    def note(self, **figures: float) -> None:
        """Show figures behind the bar."""
        self.bar.set_postfix(figures, refresh=False)

    def finish_fold(self) -> None:
        """Go on behind the present fold, whether its steps were all needed or not."""
        self.within = 0
        self.reach(self.steps)
        self.before += self.steps

    def close(self) -> None:
        """Leave the bar as it is, and others to show theirs again."""
        self.bar.close()
        if self._hides_others:
            logging.enable_progress_bar()


class ShowSteps(TrainerCallback):
    """Moves a run's bar with the steps of one training.

    Args:
        progress: The bar; `None` shows nothing.
        before: Steps of the fold that were done before this training.
    """

    def __init__(self, progress: RunProgress | None, before: int) -> None:
        self.progress, self.before = progress, before

    def on_step_end(self, args: TrainingArguments, state: Any, control: Any, **kwargs: Any) -> None:
        """Move on."""
        if self.progress:
            self.progress.reach(self.before + state.global_step)

    def on_log(self, args: TrainingArguments, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """Show the loss."""
        if self.progress and "loss" in logs:
            self.progress.note(loss=logs["loss"])

    def on_train_end(self, args: TrainingArguments, state: Any, control: Any, **kwargs: Any) -> None:
        """Go on behind steps that early stopping has spared."""
        if self.progress:
            self.progress.reach(self.before + state.max_steps)

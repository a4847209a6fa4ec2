"""What the LLM adds to linear readers of what it is given, on every test bed.

Set beside a checkpoint's answers are those of its own reader, without the LLM's correction, and of logistic
regressions, one a unit, fitted to its tokens and nodes on clips that it has read (its weights rest): on unseen people
of the domain, on the other domain and on the test beds of `training.synthetic.beds` there. Thresholds of all, and
the regressions' strength of regularisation, are chosen on the same validation people. Intervals: people are resampled.
Beside that, what a unit's partners do to it on each bed: see `training.scoring.partners`.

    python -m training.readers --checkpoint CHECKPOINT --output FOLDER
"""

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from tqdm.auto import tqdm

from modeling_aullm.output_files import write_whole
from training.data.clips import Clip, load_clips
from training.data.folds import split_by_subject
from training.errors import InputError, run_command
from training.events.checkpoint import open_checkpoint
from training.json_files import write_json
from training.learning.augmentation import ClipDataset
from training.options import DataOptions, option, parse_options
from training.report.readers import COMPARED, FIGURES, OWN, readers_markdown
from training.scoring.bootstrap import Difference, Pool, compare
from training.scoring.metrics import choose_thresholds, mean_defined, roc_auc, score
from training.scoring.partners import compare_with_rules, label_correlations, partner_effects

TOKENS = {
    "both tokens": ("content", "instruction"),
    "both tokens and nodes": ("content", "instruction", "nodes"),
    "content token": ("content",),
    "instruction token": ("instruction",),
}
TESTS = ("synthetic:B", "synthetic:B/hidden", "synthetic:B/weak", "synthetic:B/changed_rules")
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)  # of the regressions, scikit-learn's C
OWN_READER = "AULLM++ without its LLM"
BATCH = 32
PARTNER_CLIPS = 64  # of each bed; each is read anew with every unit's node from another clip


@dataclass
class ReaderOptions:
    """Which checkpoint is read, and on how many clips."""

    checkpoint: str = field(metadata={"help": "Folder or Hub id of a checkpoint."})
    output: str = field(metadata={"help": "New folder for readers.json and readers.md."})
    tests: list[str] = option(list(TESTS), "Test beds: synthetic data; folders or Hub ids, which are read whole.")
    subjects: int = option(400, "People of synthetic:A whose clips the readers are fitted to, validated and tried on.")
    test_subjects: int = option(100, "People of each synthetic test bed.")
    clips_per_subject: int = option(8, "Clips of each.")
    seed: int = option(11, "Seed of people and clips; another than the checkpoint was trained with.")

    def __post_init__(self) -> None:
        if Path(self.output).exists():
            raise InputError(f"--output {self.output} is there already; give a new folder")
        for name, least in (("subjects", 10), ("test_subjects", 2), ("clips_per_subject", 1)):
            if getattr(self, name) < least:
                raise InputError(f"--{name} must be at least {least}, got {getattr(self, name)}")


class ReadClips(NamedTuple):
    """What a checkpoint made of some clips, a row each."""

    clips: list[str]
    people: list[str]
    labels: np.ndarray
    probabilities: np.ndarray
    without_llm: np.ndarray
    content: np.ndarray
    instruction: np.ndarray
    nodes: np.ndarray

    def features(self, tokens: Sequence[str]) -> np.ndarray:
        """Some of its tokens side by side."""
        return np.concatenate([getattr(self, token) for token in tokens], axis=1)

    def take(self, rows: np.ndarray) -> "ReadClips":
        """Some of the clips, by their numbers."""
        clips, people = ([own[row] for row in rows] for own in (self.clips, self.people))
        return ReadClips(clips, people, *(array[rows] for array in self[2:]))


@torch.inference_mode()
def read_clips(model: Any, clips: Sequence[Clip], name: str) -> ReadClips:
    """Read clips. Of a model without structure instruction and nodes have no width; without a reader it is the LLM."""
    sampled = ClipDataset(clips, model.config.num_frames)
    rows: dict[str, list[torch.Tensor]] = {name: [] for name in ReadClips._fields[3:]}
    for start in tqdm(range(0, len(clips), BATCH), desc=name, unit="batch", dynamic_ncols=True):
        batch = torch.stack([sampled[at]["pixel_values"] for at in range(start, min(start + BATCH, len(clips)))])
        output = model(pixel_values=batch)
        said, nothing = torch.sigmoid(output.logits.float()), output.content_token[:, :0]
        tokens, nodes = (output.content_token, output.instruction_token), output.node_states
        reader = None if model.reader is None else torch.sigmoid(model.reader(*tokens, nodes).float())
        rows["probabilities"].append(said)
        rows["without_llm"].append(said if reader is None else reader)
        rows["content"].append(tokens[0].float())
        rows["instruction"].append((nothing if tokens[1] is None else tokens[1]).float())
        rows["nodes"].append((nothing if nodes is None else nodes.flatten(1)).float())
    arrays = {name: torch.cat(parts).numpy() for name, parts in rows.items()}
    names = [f"{clip.person}/{clip.clip_id}" for clip in clips]
    return ReadClips(names, [clip.person for clip in clips], np.stack([clip.labels for clip in clips]), **arrays)


class LinearReader:
    """A logistic regression for each unit, on standardised tokens.

    Args:
        train: What it is fitted to.
        tokens: Which of the tokens it sees.
        strength: Inverse of the regularisation.
    """

    def __init__(self, train: ReadClips, tokens: Sequence[str], strength: float) -> None:
        self.tokens = tokens
        self.scaler = StandardScaler().fit(train.features(tokens))
        seen = self.scaler.transform(train.features(tokens))
        self.units = [
            float(labels.all())
            if labels.all() or not labels.any()
            else LogisticRegression(C=strength, max_iter=2000).fit(seen, labels)
            for labels in train.labels.T
        ]

    def __call__(self, clips: ReadClips) -> np.ndarray:
        """Probabilities, (clips, units); 1 or 0 of a unit that all or none of its clips showed."""
        seen = self.scaler.transform(clips.features(self.tokens))
        columns = [
            np.full(len(seen), unit) if isinstance(unit, float) else unit.predict_proba(seen)[:, 1]
            for unit in self.units
        ]
        return np.stack(columns, axis=1)


def best_reader(train: ReadClips, validation: ReadClips, tokens: Sequence[str]) -> LinearReader:
    """The one of all strengths with the highest ROC AUC on validation people."""
    tried = [LinearReader(train, tokens, strength) for strength in STRENGTHS]
    return max(tried, key=lambda reader: mean_auc(validation, reader(validation)))


def mean_auc(clips: ReadClips, probabilities: np.ndarray) -> float:
    """Over the units for which there is one."""
    values = [roc_auc(labels, own) for labels, own in zip(clips.labels.T, probabilities.T, strict=True)]
    return mean_defined(values) or 0.0  # without any, no strength is better than another


class Compared(NamedTuple):
    """Figures by test bed: of each method, means over units; and what partners do to a unit, see `PartnerEffect`.

    `AULLM++ ahead by`: the model's less the method's, with the 95 % interval.
    """

    figures: dict[str, dict[str, dict[str, Any]]]
    partners: dict[str, dict[str, float | None]]


def compare_readers(model: Any, options: ReaderOptions, units: list[str]) -> Compared:
    """The model beside each reader, on every test bed."""
    cores = os.cpu_count() or 1

    def load(name: str, subjects: int) -> list[Clip]:
        drawn = DataOptions(max_subjects=subjects, clips_per_subject=options.clips_per_subject, data_seed=options.seed)
        which = drawn if name.startswith("synthetic:") else DataOptions()
        return load_clips(name, which, units, num_proc=cores).clips

    shares = {"train": 0.75, "validation": 0.125, "unseen": 0.125}
    parts = split_by_subject(load("synthetic:A", options.subjects), shares, options.seed)
    train, validation, unseen = (read_clips(model, parts[name], f"synthetic:A, {name}") for name in shares)
    readers = {f"linear reader, {name}": best_reader(train, validation, tokens) for name, tokens in TOKENS.items()}
    methods: dict[str, Any] = {OWN: lambda clips: clips.probabilities, OWN_READER: lambda clips: clips.without_llm}
    methods |= readers
    thresholds = {
        name: choose_thresholds(validation.labels, method(validation), validation.people)
        for name, method in methods.items()
    }
    figures, partners, rules = {}, {}, label_correlations(train.labels)
    beds = {"synthetic:A, unseen people": parts["unseen"]}
    beds |= {name: load(name, options.test_subjects) for name in options.tests}
    for name, own in beds.items():
        clips = unseen if own is parts["unseen"] else read_clips(model, own, name)
        partners[name] = partners_on(model, own, rules, options.seed)
        pools = {method: pool_of(clips, say(clips), thresholds[method]) for method, say in methods.items()}
        figures[name] = {
            method: {figure: score(clips.labels, pool.probabilities, units, thresholds[method])["mean"][figure]
                     for figure in FIGURES}
            | {"AULLM++ ahead by": ahead(pools[OWN], pool)}
            for method, pool in pools.items()
        }  # fmt: skip
    return Compared(figures, partners)


def partners_on(model: Any, clips: Sequence[Clip], rules: np.ndarray, seed: int) -> dict[str, float | None]:
    """What partners do to a unit in some of the clips, drawn by the seed."""
    drawn = np.random.default_rng(seed).permutation(len(clips))[:PARTNER_CLIPS]
    sampled = ClipDataset([clips[at] for at in drawn], model.config.num_frames)
    pixel_values = torch.stack([sampled[at]["pixel_values"] for at in range(len(drawn))])
    labels = np.stack([clips[at].labels for at in drawn])
    return compare_with_rules(partner_effects(model, pixel_values, labels, seed), rules)._asdict()


def ahead(own: Pool, other: Pool) -> dict[str, dict[str, float | None]]:
    """Figures of the one less those of the other, with intervals; None of one person alone, who cannot be resampled."""
    if len(set(own.people)) < 2:
        return {figure: Difference(None, None, None, None)._asdict() for figure in COMPARED}
    return {figure: difference._asdict() for figure, difference in compare([own], [other], COMPARED).items()}


def pool_of(clips: ReadClips, probabilities: np.ndarray, thresholds: Sequence[float]) -> Pool:
    """Some answers on clips, to be resampled by people."""
    named = np.array(clips.clips), np.array(clips.people)
    return Pool(*named, clips.labels, probabilities, np.broadcast_to(thresholds, clips.labels.shape))


def main() -> None:
    """Read the clips, fit the readers, and write the figures."""
    (options,) = parse_options(ReaderOptions, description=__doc__)
    model, processor = open_checkpoint(options.checkpoint)
    if model.config.structure == "none" or model.reader is None:
        raise InputError(f"{options.checkpoint} has no instruction token or no reader: there is nothing to compare")
    compared = compare_readers(model, options, list(processor.action_units))
    folder = Path(options.output)
    folder.mkdir(parents=True)
    command = shlex.join(["python", "-m", "training.readers", *sys.argv[1:]])
    write_json(folder / "readers.json", {"command": command, "seed": options.seed} | compared._asdict())
    text = readers_markdown(*compared)
    write_whole(folder / "readers.md", lambda path: path.write_text(text, encoding="utf-8"))
    sys.stdout.write(text)


if __name__ == "__main__":
    run_command(main)

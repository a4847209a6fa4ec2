"""Push a checkpoint to the Hub: weights as safetensors, the code that loads them, processor, card and figures.

    python -m hub.push_model CHECKPOINT --repo ORG/NAME [--lean | --whole | --merge_lora] [--results RUN] [--public]

Lean holds what was trained and records the LLM; whole holds the LLM, too; --merge_lora makes LoRA part of the LLM's
weights. --results writes the figures of a run (of training.train, of hub.evaluate for these weights, or of a protocol)
into the card and into .eval_results/. The repository is private unless --public is given.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hub.cards.figures import RunFigures, eval_results, read_figures
from hub.cards.model_card import check_base_model, model_card
from hub.repos.checkpoint import PICKLES, check_no_pickle, load_checkpoint, weights_digest
from hub.repos.licence import licensed_among
from hub.repos.lineage import RECORD, data_seen, read_record, without_paths
from hub.repos.merge_lora import merge_lora
from hub.repos.repository import check_target, push_files
from training.errors import InputError, run_command
from training.scoring.run_results import read_run

REPLACED = ("*.safetensors", "*.safetensors.index.json", "*.py", *(f"*{suffix}" for suffix in PICKLES))


def push_model(
    checkpoint: Path,
    repo_id: str,
    *,
    whole: bool | None = None,
    merge: bool = False,
    results: Path | None = None,
    public: bool = False,
    update: bool = False,
) -> str:
    """Push a checkpoint.

    Args:
        checkpoint: Its folder, with weights, configuration and processor.
        repo_id: `ORG/NAME` of a model repository.
        whole: With the LLM, or without (lean). Default: as the checkpoint is.
        merge: Make LoRA part of the LLM's weights first; whole then.
        results: Folder of a run whose figures the card shows.
        public: Make a new repository public.
        update: Replace what the repository holds.

    Returns:
        SHA of the commit: the revision to load it by.

    Raises:
        InputError: If the checkpoint holds a pickle or is not complete, the run is of another checkpoint, or the
            repository is taken or not to be written to.
    """
    if not (checkpoint / "config.json").is_file():
        raise InputError(f"{checkpoint} is no checkpoint: it holds no config.json")
    if results:
        read_run(results)
    check_target(repo_id, "model", update=update)
    with tempfile.TemporaryDirectory(prefix="aullm-push-") as work:
        stage_model(checkpoint, Path(work), repo_id, whole=whole, merge=merge, results=results)
        files = [(str(path.relative_to(work)), path) for path in sorted(Path(work).rglob("*")) if path.is_file()]
        return push_files(
            repo_id, files, repo_type="model", message="AULLM++ checkpoint", public=public, update=update,
            replaces=REPLACED,
        )  # fmt: skip


def stage_model(
    checkpoint: Path, folder: Path, repo_id: str, *, whole: bool | None, merge: bool, results: Path | None
) -> None:
    """Write into an empty folder all that `push_model` pushes; the arguments are its."""
    check_no_pickle(checkpoint)
    model, processor = load_checkpoint(checkpoint)
    figures = read_figures(results, list(model.config.action_units)) if results else None
    if figures is not None:
        check_belongs(figures, results or checkpoint, checkpoint)
    lean = not merge and (model.config.checkpoint == "lean" if whole is None else not whole)
    base_model = check_base_model(model.config, lean=lean)
    if base_model is None:  # a path of this machine would mean nothing to others, nor is it their business
        model.config.llm, model.config.text_config.name_or_path = None, ""
    if merge:
        model = merge_lora(model)
    model.save_pretrained(folder, whole=not lean)
    processor.save_pretrained(folder)
    record, seen = without_paths(read_record(checkpoint)), data_seen(checkpoint)
    if seen is not None:
        text = json.dumps(record | {"data_seen": seen}, indent=2) + "\n"
        (folder / RECORD).write_text(text, encoding="utf-8")
    model.config.checkpoint = "lean" if lean else "whole"
    text = model_card(
        repo_id, model.config, record=record, seen=seen, base_model=base_model, figures=figures, merged=merge
    )
    (folder / "README.md").write_text(text, encoding="utf-8")
    for path, content in (eval_results(figures) if figures else {}).items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(content)
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)


def check_belongs(figures: RunFigures, run: Path, checkpoint: Path) -> None:
    """Refuse figures of other weights under this checkpoint's name.

    Args:
        figures: Of the run.
        run: Its folder.
        checkpoint: Whose figures they are to be; those of a protocol (LOSO, across domains) are the method's.

    Raises:
        InputError: If the run trained or evaluated another checkpoint.
    """
    if figures.protocol == "train":
        own = run / "checkpoint"
        same = own.is_dir() and weights_digest(own) == weights_digest(checkpoint)
    elif figures.protocol == "evaluate":
        same = figures.record.get("model", {}).get("weights_sha256") == weights_digest(checkpoint)
    else:
        return
    if not same:
        raise InputError(
            f"the figures in {run} are of other weights than {checkpoint}; give the run of this checkpoint"
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Push the checkpoint of the command line.

    Args:
        arguments: Instead of the command line.
    """
    parser = argparse.ArgumentParser(
        prog="python -m hub.push_model", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="its folder")
    parser.add_argument("--repo", required=True, metavar="ORG/NAME", help="model repository; made if not there")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--lean", action="store_true", help="without the LLM (default: as the checkpoint is)")
    kind.add_argument("--whole", action="store_true", help="with the LLM")
    kind.add_argument("--merge_lora", action="store_true", help="with the LLM, LoRA merged into its weights")
    parser.add_argument("--results", type=Path, metavar="RUN", help="folder of the run whose figures the card shows")
    parser.add_argument("--public", action="store_true", help="make a new repository public (default: private)")
    parser.add_argument("--update", action="store_true", help="replace what the repository holds")
    options = parser.parse_args(arguments)
    if options.public and (licensed := licensed_among(data_seen(options.checkpoint) or [])):
        sys.stderr.write(f"trained on {', '.join(licensed)}: see that their terms let the weights be public\n")
    commit = push_model(
        options.checkpoint,
        options.repo,
        whole=None if options.lean == options.whole else options.whole,
        merge=options.merge_lora,
        results=options.results,
        public=options.public,
        update=options.update,
    )
    sys.stdout.write(f"{options.repo}, commit {commit}; load it by revision={commit!r}\n")


if __name__ == "__main__":
    run_command(main)

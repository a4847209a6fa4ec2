"""A checkpoint pushed: staged whole in an empty folder first, then one commit."""

import json
import shutil
import tempfile
from pathlib import Path

from hub.cards.figures import RunFigures, eval_results, read_figures
from hub.cards.model_card import check_base_model, model_card
from hub.repos.checkpoint import PICKLES, check_no_pickle, load_checkpoint, weights_digest
from hub.repos.fetch import GRAPH_FILES
from hub.repos.lineage import RECORD, data_seen, read_record, without_paths
from hub.repos.merge_lora import merge_lora
from hub.repos.repository import check_target, push_files
from modeling_aullm import AULLMConfig
from modeling_aullm.detector import CheckpointError, open_detector
from modeling_aullm.language_model import sha256_of
from modeling_aullm.onnx_engine import HUB_FOLDER
from training.errors import InputError
from training.scoring.run_results import read_run

REPLACED = (
    f"{HUB_FOLDER}/*",
    "*.safetensors",
    "*.safetensors.index.json",
    "*.py",
    *(f"*{suffix}" for suffix in PICKLES),
)


def push_model(
    checkpoint: Path,
    repo_id: str,
    *,
    whole: bool | None = None,
    merge: bool = False,
    results: Path | None = None,
    graph: Path | None = None,
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
        graph: Folder that `hub.export_onnx` has written of this checkpoint; the repository has it as `onnx/`.
        public: Make a new repository public.
        update: Replace what the repository holds.

    Returns:
        SHA of the commit: the revision to load it by.

    Raises:
        InputError: If the checkpoint holds a pickle or is not complete, the run or the graph is of another checkpoint,
            or the repository is taken or not to be written to.
    """
    if not (checkpoint / "config.json").is_file():
        raise InputError(f"{checkpoint} is no checkpoint: it holds no config.json")
    if results:
        read_run(results)
    if graph:
        check_graph(graph, checkpoint)
    check_target(repo_id, "model", update=update)
    with tempfile.TemporaryDirectory(prefix="aullm-push-") as work:
        stage_model(checkpoint, Path(work), repo_id, whole=whole, merge=merge, results=results)
        if graph:
            copy_graph(graph, Path(work) / HUB_FOLDER)
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
    if model.config.model_type != AULLMConfig.model_type:
        raise InputError(
            f"{checkpoint} is a checkpoint of {model.config.method}, and the model card is AULLM++'s: push its folder, "
            "which has a README of its own, by `hf upload`"
        )
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


def check_graph(graph: Path, checkpoint: Path) -> None:
    """Refuse a graph of other weights beside this checkpoint.

    Args:
        graph: Its folder.
        checkpoint: That it is to be of.

    Raises:
        InputError: If it is none, or another checkpoint's.
    """
    try:
        made_of = open_detector(str(graph), engine="onnx").checkpoint.weights_sha256
    except CheckpointError as error:
        raise InputError(str(error)) from error
    if made_of != {path.name: sha256_of([path]) for path in checkpoint.glob("*.safetensors")}:
        raise InputError(f"{graph} is the graph of other weights than {checkpoint}; export it anew")


def copy_graph(graph: Path, folder: Path) -> None:
    """Copy a graph's files, and nothing else that may lie beside them."""
    folder.mkdir()
    for name in ("README.md", *(Path(path).name for path in GRAPH_FILES)):
        if (graph / name).is_file():
            shutil.copyfile(graph / name, folder / name)

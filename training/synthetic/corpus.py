"""Clips of many people as a dataset; frames are aligned grey face crops, as the detector's alignment yields them."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import chain, repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import datasets
import numpy as np
from threadpoolctl import threadpool_limits

from training.synthetic.beds import Bed, check_bed
from training.synthetic.clip import SyntheticClip, check_domain, synthetic_clip
from training.synthetic.faces import Domain
from training.synthetic.features import draw_face
from training.synthetic.photograph import photograph_face

DOMAINS: tuple[Domain, ...] = ("A", "B")


def synthetic_corpus(
    domain: Domain = "A",
    *,
    num_subjects: int = 40,
    clips_per_subject: int = 10,
    size: int = 64,
    seed: int = 0,
    max_frames: int | None = None,
    num_proc: int | None = None,
    photographs: Sequence[np.ndarray] | None = None,
    bed: Bed | None = None,
) -> datasets.Dataset:
    """Make a corpus of micro-expression clips. The same arguments give the same clips, whatever `num_proc` is.

    Frames are an `Array3D` column of uint8: raw bytes read faster, but lose their shape. `with_format("numpy")` gives
    them as int64, as that format does with all integers.

    Args:
        domain: `A` is broad and meant for training; `B` differs in faces, camera, light and motion.
        num_subjects: People, each with another face.
        clips_per_subject: Clips of each.
        size: Pixels a side of the frames.
        seed: Seed of everything.
        max_frames: Keep at most so many frames of a clip, evenly spaced; frame rate and labels follow.
        num_proc: Processes; `None` for this one alone. With several, a script needs the usual
            `if __name__ == "__main__":` around what it does.
        photographs: Aligned face crops to be moved instead of drawn faces, one a subject (see `photograph_face`).
        bed: Test bed, see `beds`: the same people.

    Returns:
        One row a clip: dataset, subject, clip_id, onset, apex, offset (-1 without units), fps, emotion,
        action_units, au_codes, frames.

    Raises:
        ValueError: If the domain or the test bed is unknown, or a number is out of its range.
    """
    check_domain(domain)
    check_bed(bed)
    for name, value, least in (
        ("num_subjects", num_subjects, 1),
        ("clips_per_subject", clips_per_subject, 1),
        ("size", size, 16),
        ("max_frames", 6 if max_frames is None else max_frames, 2),
    ):
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}")
    subjects = tuple(range(num_subjects if photographs is None else len(photographs)))
    options = {"domain": domain, "bed": bed, "clips": clips_per_subject, "size": size, "seed": seed}
    options |= {"max_frames": max_frames}
    num_proc = min(num_proc or 1, len(subjects))
    # Tuples: `datasets` would take a list for shards, and call the generator, with new processes, for each entry.
    arguments = {"subjects": subjects, "options": options, "num_proc": num_proc, "code": _code_digest()}
    if photographs is not None:
        arguments["photographs"] = tuple(photographs)
    frames = datasets.Array3D(shape=(None, size, size), dtype="uint8")
    return datasets.Dataset.from_generator(_rows, features=clip_features(frames), gen_kwargs=arguments, split="train")


def thin_out(clip: SyntheticClip, max_frames: int) -> SyntheticClip:
    """Keep at most `max_frames` frames, evenly spaced, and move labels and frame rate along."""
    total = len(clip.frames)
    if total <= max_frames:
        return clip
    kept = np.round(np.linspace(0, total - 1, max_frames)).astype(int)
    onset, apex, offset = (
        -1 if moment < 0 else int(np.abs(kept - moment).argmin()) for moment in (clip.onset, clip.apex, clip.offset)
    )
    fps = clip.fps * (max_frames - 1) / (total - 1)
    return replace(clip, frames=clip.frames[kept], onset=onset, apex=apex, offset=offset, fps=fps)


def clip_features(frames: Any) -> datasets.Features:
    """Columns of a dataset of clips.

    Args:
        frames: Feature of the column `frames`.
    """
    strings = datasets.List(datasets.Value("string"))
    return datasets.Features(
        {name: datasets.Value("string") for name in ("dataset", "subject", "clip_id")}
        | {name: datasets.Value("int32") for name in ("onset", "apex", "offset")}
        | {"fps": datasets.Value("float32"), "emotion": datasets.Value("string")}
        | {"action_units": strings, "au_codes": strings}
        | {"frames": frames}
    )


def _rows(
    subjects: tuple[int, ...],
    options: dict[str, Any],
    num_proc: int,
    code: str,
    photographs: tuple[np.ndarray, ...] | None = None,
) -> Iterator[dict[str, Any]]:
    """Rows of all subjects, in order."""
    work = zip(subjects, photographs or repeat(None), repeat(options), strict=False)
    if num_proc == 1:
        yield from chain.from_iterable(map(_subject_rows, work))
        return
    # New processes, not forks: a fork of a process whose torch or BLAS has already worked can hang for ever.
    with ProcessPoolExecutor(num_proc, mp_context=get_context("spawn")) as pool:
        yield from chain.from_iterable(pool.map(_subject_rows, work))


def _subject_rows(work: tuple[int, np.ndarray | None, dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of one subject. Every face and clip has a generator of its own, so that who makes it does not matter."""
    subject, photograph, options = work
    domain, seed = options["domain"], options["seed"]
    index = DOMAINS.index(domain)
    name = f"synthetic_{domain}_s{subject:03d}"
    bed = f"_{options['bed']}" if options["bed"] else ""
    rows = []
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the processes are the parallelism: threads of OpenCV and BLAS would only get in their way
    try:
        with threadpool_limits(1):
            if photograph is None:
                face = draw_face(np.random.default_rng([seed, index, subject]), domain)
            else:
                face = photograph_face(photograph)
            for number in range(options["clips"]):
                rng = np.random.default_rng([seed, index, subject, number])
                clip = synthetic_clip(rng, face, domain, size=options["size"], bed=options["bed"])
                clip = thin_out(clip, options["max_frames"] or len(clip.frames))
                about = {"dataset": f"synthetic_{domain}", "subject": name, "clip_id": f"{name}{bed}_c{number:03d}"}
                rows.append(about | vars(clip))
    finally:
        cv2.setNumThreads(threads)
    return rows


def _code_digest() -> str:
    """Digest of the generator's source: without it, `datasets` would go on serving clips of an older generator."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()

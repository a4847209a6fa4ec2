"""Recordings as the temporal head sees them: head-fixed motion, and what is known to happen when."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from modeling_aullm.motion_stretch import MotionStretch
from modeling_aullm.motion_stretches import EvenSteps
from modeling_aullm.source_paths import find_sources
from modeling_aullm.video_processing_aullm import AULLMVideoProcessor
from modeling_aullm.video_stream import VideoError
from training.errors import InputError
from training.scoring.spotting import Event
from training.synthetic import DOMAINS, draw_face
from training.synthetic.faces import Domain, Face
from training.synthetic.recording import SyntheticRecording, synthetic_recording


@dataclass(frozen=True)
class MotionRecord:
    """One recording, or a stretch of one.

    Attributes:
        stretch: Its motion, all of it its own; half precision.
        events: What is expressed.
        others: Begin and end in seconds of what is no expression, by kind; None where nobody knows.
        is_quiet: Nothing is expressed in it, for certain.
        unnamed: Those of `events` whose units nobody knows.
    """

    stretch: MotionStretch
    events: tuple[Event, ...]
    others: dict[str, list[tuple[float, float]]] | None
    is_quiet: bool
    unnamed: frozenset[Event] = frozenset()

    @property
    def minutes(self) -> float:
        """Length."""
        return float(self.stretch.times[-1] - self.stretch.times[0]) / 60


def drawn_records(
    domain: Domain,
    subjects: Sequence[int],
    *,
    seconds: float,
    seed: int,
    quiet: bool | None = None,
    num_proc: int = 1,
    with_crops: bool = False,
) -> list[MotionRecord]:
    """Draw a recording of each of some people and follow its face; a bar shows how many there are to be.

    Args:
        domain: Of the generator.
        subjects: Numbers of the people, each with another face.
        seconds: Length of each.
        seed: Seed of everything.
        quiet: Whether nothing is expressed; None draws it for each.
        num_proc: Processes.
        with_crops: Keep the crops, too, which AULLM++ reads.
    """
    draw = partial(_draw, domain=domain, seconds=seconds, seed=seed, quiet=quiet, with_crops=with_crops)
    bar = partial(tqdm, total=len(subjects), desc=f"recordings {domain}", unit="recording", dynamic_ncols=True)
    if num_proc == 1:
        return list(bar(map(draw, subjects)))
    # New processes, not forks: a fork of a process whose torch or BLAS has already worked can hang for ever.
    with ProcessPoolExecutor(num_proc, mp_context=get_context("spawn")) as pool:
        return list(bar(pool.map(draw, subjects, chunksize=2)))


def person(domain: Domain, subject: int, seed: int) -> Face:
    """One of the generator's people, none of those of its clips."""
    return draw_face(np.random.default_rng([seed, DOMAINS.index(domain), subject, 1]), domain)


def _draw(
    subject: int, *, domain: Domain, seconds: float, seed: int, quiet: bool | None, with_crops: bool
) -> MotionRecord:
    cv2.setNumThreads(1)  # the processes are the parallelism
    with threadpool_limits(1):
        rng = np.random.default_rng([seed, DOMAINS.index(domain), subject, 2])
        drawn = synthetic_recording(rng, person(domain, subject, seed), domain, seconds=seconds, quiet=quiet)
        return record_of(drawn, with_crops=with_crops)


def record_of(drawn: SyntheticRecording, *, with_crops: bool = False) -> MotionRecord:
    """Follow the face of a recording that was drawn.

    Args:
        drawn: The recording.
        with_crops: Keep the crops, too.
    """
    even = EvenSteps(drawn.landmarks)
    for index, frame in enumerate(drawn.frames):
        even.push(frame, index / drawn.fps, index)
    even.finish()
    crops = np.stack([step.crop for step in even.steps]) if with_crops else np.empty((0, 0, 0), np.uint8)
    last = len(drawn.frames) - 1
    stretch = MotionStretch(
        face_id=1,
        times=np.array(even.times),
        frames=np.array(even.frames),
        motion=np.stack([step.motion for step in even.steps]).astype(np.float16),
        head=np.stack([step.head for step in even.steps]),
        crops=crops,
        own=(0, len(even.steps)),
        seen=(),
        begins=(0, 0.0),
        ends=(last, last / drawn.fps),
        fps=drawn.fps,
        recording={},
    )
    events = tuple(Event(e.onset, e.apex, e.offset, frozenset(e.action_units), e.kind) for e in drawn.events)
    return MotionRecord(stretch, events, drawn.others, not events)


def quiet_records(folder: str) -> list[MotionRecord]:
    """Recordings of a user in which nothing is expressed; no labels are needed.

    Args:
        folder: Folder of videos.

    Raises:
        InputError: If there is no video in it, or none with a face.
    """
    found = find_sources(folder, recursive=True)
    if found.error:
        raise InputError(f"--quiet {found.error}")
    paths = tqdm(found.paths, desc="quiet recordings", unit="recording")
    records = [record for path in paths for record in _quiet(path)]
    if not records:
        raise InputError(f"--quiet {folder}: holds no recording longer than a second in which a face is seen")
    return records


def _quiet(path: str | Path) -> Iterator[MotionRecord]:
    try:
        for stretch in AULLMVideoProcessor().iter_motion(path):
            if isinstance(stretch, MotionStretch):
                first, behind = stretch.own
                own = slice(first, behind)
                yield MotionRecord(
                    replace(
                        stretch,
                        times=stretch.times[own],
                        frames=stretch.frames[own],
                        motion=stretch.motion[own].astype(np.float16),
                        head=stretch.head[own],
                        crops=stretch.crops[own],
                        own=(0, behind - first),
                    ),
                    (), None, True,
                )  # fmt: skip
    except VideoError as error:
        raise InputError(f"--quiet {error}") from error  # which names the file

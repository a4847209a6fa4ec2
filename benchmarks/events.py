"""How well `aullm predict` finds events in recordings of photographed faces moved by another hand than the generator's.

`python -m benchmarks.events --photographs FOLDER`: fourteen recordings of ten seconds, thirty micro-expressions, four
recordings without any (see `moved_faces`), written as H.264 and read as a user's files are; beside it today's windows.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.measure import write
from benchmarks.moved_faces import draw_recording, encode, place, read_photographs
from modeling_aullm import predict
from modeling_aullm.results import Prediction
from training.scoring.spotting import Event, Recording, score_recordings
from training.scoring.spotting_baselines import window_events

RECORDINGS, WITH_EVENTS, EVENTS, SECONDS = 14, 10, 3, 10.0
NOISES, FACE_WIDTHS, QUALITIES = (1.0, 1.5, 2.0), (190, 150, 230), (16, 18, 20)
SEED = 100


def events_of(prediction: Prediction) -> list[Event]:
    """What was found, for scoring."""
    return [
        Event(e.onset_time, e.apex_time, e.offset_time, frozenset(e.active_units), e.kind)
        for e in prediction.events or []
    ]


def window_runs(prediction: Prediction) -> list[Event]:
    """Runs of windows in which any unit is active, with the units of any of them."""
    segments, codes = prediction.segments, list(prediction.thresholds)
    probabilities = [[(s.action_units or {})[code].probability for code in codes] for s in segments]
    starts, ends = ([getattr(s, name) for s in segments] for name in ("start_time", "end_time"))
    thresholds = np.array(list(prediction.thresholds.values()))
    return window_events(np.array(starts), np.array(ends), np.array(probabilities), thresholds, codes)


def draw_all(pictures: Sequence[np.ndarray], work: Path) -> Iterator[tuple[Path, list[Event]]]:
    """Write the recordings.

    Args:
        pictures: RGB photographs, taken in turn.
        work: Folder.

    Yields:
        Each file, and its events.
    """
    for number in tqdm(range(RECORDINGS), unit="recording"):
        scene = place(pictures[number % len(pictures)], FACE_WIDTHS[number % 3])
        events = EVENTS if number < WITH_EVENTS else 0
        frames, truth = draw_recording(scene, SEED + number, events=events, seconds=SECONDS, noise=NOISES[number % 3])
        path = work / f"{number:02d}.mp4"
        encode(path, frames, QUALITIES[number % 3])
        yield path, truth


def main() -> None:
    """Draw, predict, print the figures and write them as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.events", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--photographs",
        type=read_photographs,
        required=True,
        metavar="FOLDER",
        help="folder of photographs with one face each",
    )
    parser.add_argument("--model", help="checkpoint; default: the shipped one")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/events.json"))
    options = parser.parse_args()
    ways: dict[str, tuple[dict[str, Any], Callable[[Prediction], list[Event]]]] = {
        **{f"events, {name}": ({"sensitivity": name}, events_of) for name in ("high", "normal", "low")},
        "windows of 0.5 s every 0.25 s": ({"window": 0.5}, window_runs),
        "windows of 0.5 s every 0.1 s": ({"window": 0.5, "stride": 0.1}, window_runs),
    }
    with tempfile.TemporaryDirectory(prefix="aullm-events-") as work:
        truths = {str(path): truth for path, truth in draw_all(options.photographs, Path(work))}
        figures = {}
        for name, (settings, events_in) in ways.items():
            found = {each.source: events_in(each) for each in predict(list(truths), model=options.model, **settings)}
            recordings = [Recording(truth, found[path], SECONDS / 60, not truth) for path, truth in truths.items()]
            figures[name] = score_recordings(recordings)
    write(options.out, {"seed": SEED, "photographs": len(options.photographs), "ways": figures})


if __name__ == "__main__":
    main()

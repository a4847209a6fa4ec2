"""What each stage of finding events takes on one video, in this process: a part of `benchmarks.long_video`.

The command's own functions run with a watch around each. Times of the start count from when the process was launched.
"""

import time

BEGUN = time.time()

import json  # noqa: E402 - what comes before is the start of Python alone
import sys  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from importlib import import_module  # noqa: E402
from typing import Any, cast  # noqa: E402

# Module and name of each stage; those that give an iterator are timed while it is asked for the next.
STAGES = {
    "decoding": ("video_file", "_pictures"),
    "faces looked for": ("face_alignment", "_search"),
    "looks compared": ("face_tracks", "compare"),
    "cuts looked for": ("face_tracks", "Moment.cuts"),
    "head-fixed motion": ("head_fixed_motion", "HeadFixedMotion.step"),
    "temporal head": ("stretch_reading", "score_stretch"),
    "AULLM++": ("modeling_aullm", "AULLMForAUDetection.forward"),
}
BESIDE = "decoding"  # in a thread of its own
IMPORTS = (
    "torch",
    "transformers.modeling_utils",
    "torch_geometric",
    "peft",
    "modeling_aullm.prediction",
)


class Watch:
    """Wall and CPU seconds (of its thread) that a stage took so far, and when it first ended."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0
        self.first_end: float | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count what happens meanwhile."""
        wall, cpu = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            self.wall += time.perf_counter() - wall
            self.cpu += time.thread_time() - cpu
            self.first_end = self.first_end or time.time()

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed."""

        def timed(*arguments: Any, **named: Any) -> Any:
            with self.running():
                result = function(*arguments, **named)
            return self._each(result) if isinstance(result, Iterator) else result

        return timed

    def _each(self, values: Iterator) -> Iterator:
        while True:
            with self.running():
                value = next(values, None)
            if value is None:
                return
            yield value


def measure(video: str, launched: float) -> dict[str, list[dict[str, Any]]]:
    """Run the command's steps on a video.

    Args:
        video: Path.
        launched: When this process was launched, seconds since the epoch.

    Returns:
        Rows of the tables `start` and `stages`.
    """
    ends = {"Python": BEGUN, "import aullm_command": _import("aullm_command")}
    from modeling_aullm.command.cli import no_collection

    with no_collection():
        ends |= {f"import {name}": _import(name) for name in IMPORTS}
        from modeling_aullm import DEFAULT_CHECKPOINT, detector, prediction

        opened = detector.open_detector(str(DEFAULT_CHECKPOINT))
    ends["model"] = time.time()
    watches = {name: _watch(*place) for name, place in STAGES.items()}
    total = Watch()
    with total.running():
        prediction.predict_sources(opened, [(video, video)], prediction.Sampling())
    ends["first stretch"] = watches["temporal head"].first_end or time.time()
    moments = [launched, *ends.values()]
    start = [{"step": step, "s": end - begin} for step, begin, end in zip(ends, moments, moments[1:], strict=False)]
    start.append({"step": "together, to the first result", "s": moments[-1] - launched})
    return {"start": start, "stages": _stage_rows(watches, total)}


def _import(name: str) -> float:
    import_module(name)
    return time.time()


def _watch(module: str, function: str) -> Watch:
    """Put a watch around a function of the package, or around a method."""
    watch, place = Watch(), cast(Any, import_module(f"modeling_aullm.{module}"))
    *owner, name = function.split(".")
    for each in owner:
        place = getattr(place, each)
    setattr(place, name, watch.around(getattr(place, name)))
    return watch


def _stage_rows(watches: dict[str, Watch], total: Watch) -> list[dict[str, Any]]:
    rest, here = Watch(), [watch for name, watch in watches.items() if name != BESIDE]
    rest.wall = total.wall - sum(watch.wall for watch in here)
    rest.cpu = total.cpu - sum(watch.cpu for watch in here)
    everything = watches | {"rest": rest, "together": total}
    return [{"stage": name, "wall s": watch.wall, "CPU s": watch.cpu} for name, watch in everything.items()]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(sys.argv[1], float(sys.argv[2]))))

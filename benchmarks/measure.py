"""How the benchmarks measure: medians of whole calls, and peak memory of a process of its own."""

import ctypes
import json
import multiprocessing
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch


def device() -> torch.device:
    """The GPU if there is one."""
    return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")


def seconds(call: Callable[[], object], repeats: int) -> float:
    """Median duration of a call in seconds, after one call that is not counted."""
    return seconds_of_each({"call": call}, repeats)["call"]


def seconds_of_each(calls: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """The same of several calls, by name; in turn, so that a machine that slows down meanwhile does so for all."""
    durations: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if torch.accelerator.is_available():
                torch.accelerator.synchronize()
            durations[name].append(time.perf_counter() - start)
    return {name: statistics.median(own[1:]) for name, own in durations.items()}


def peak_megabytes(task: Callable[..., Callable[[], object]], *arguments: Any) -> float:
    """By how much a call raises the memory of a new process at its peak; Linux only.

    Args:
        task: Function of a module; makes the call from the arguments, and what it takes for that is not counted.
        *arguments: Of `task`.
    """
    return in_new_process(_raised, task, arguments)


def in_new_process(call: Callable[..., Any], *arguments: Any) -> Any:
    """What a function of a module returns in a process that has done nothing else."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(call, *arguments).result()


def _raised(task: Callable[..., Callable[[], object]], arguments: Sequence[Any]) -> float:
    call = task(*arguments)
    ctypes.CDLL(None).malloc_trim(0)  # or the call would find its memory in what others have freed
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # the peak so far is forgotten
    before = own_megabytes("VmRSS")
    call()
    return own_megabytes("VmHWM") - before


def own_megabytes(field: str) -> float:
    """Memory of this process: `VmRSS` now, `VmHWM` at its peak; Linux only."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    processor = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):  # not Linux, or another kind of processor
        pass
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {"processor": processor, "threads": torch.get_num_threads(), "gpu": gpu, "torch": torch.__version__}


def show(title: str, rows: Sequence[dict[str, Any]]) -> None:
    """Print rows as a table of Markdown."""
    cells = [list(rows[0]), *([_text(value) for value in row.values()] for row in rows)]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    lines.insert(1, "|" + " --- |" * len(cells[0]))
    sys.stdout.write(f"\n{title}\n\n" + "\n".join(lines) + "\n")
    sys.stdout.flush()


def _text(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def write(path: Path, tables: dict[str, Any]) -> None:
    """Write the tables as JSON, with the machine."""
    content = json.dumps({"machine": machine()} | tables, indent=2) + "\n"
    path.write_text(content, encoding="utf-8")
    sys.stdout.write(f"\nwritten: {path}\n")

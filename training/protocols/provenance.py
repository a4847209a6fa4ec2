"""Where figures come from: command, code, versions, machine, time and memory."""

import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState

PACKAGES = ("torch", "transformers", "peft", "accelerate", "datasets", "torch-geometric", "numpy")
CODE = ("hub", "modeling_aullm", "training")  # folders of the checkout that decide about figures


def command_line(module: str) -> str:
    """The command as it was started, its arguments quoted for a shell.

    Args:
        module: That was run, such as `training.loso`.
    """
    launcher = ["python"]
    if "ACCELERATE_DYNAMO_BACKEND" in os.environ:  # `accelerate launch` always sets it, and nothing else does
        processes = PartialState().num_processes
        launcher = ["accelerate", "launch", *(["--num_processes", str(processes)] if processes > 1 else [])]
    elif "TORCHELASTIC_RUN_ID" in os.environ:
        launcher = ["torchrun", "--nproc-per-node", os.environ["LOCAL_WORLD_SIZE"]]
    return shlex.join([*launcher, "-m", module, *sys.argv[1:]])


def environment() -> dict[str, Any]:
    """Code, versions and machine; the same throughout a run."""
    return {
        **_git_state(),
        "versions": {"python": platform.python_version()} | {package: _version(package) for package in PACKAGES},
        "platform": platform.platform(),
        "processes": PartialState().num_processes,
        "device": _device_name(),
    }


def _git_state() -> dict[str, Any]:
    """Commit, and whether the code differs from it; `None` where there is no git or no repository."""
    root = Path(__file__).parents[2]
    commit = _git(root, "rev-parse", "HEAD")
    changes = _git(root, "status", "--porcelain", "--", *CODE)
    return {"git_commit": commit, "git_dirty": None if commit is None or changes is None else bool(changes)}


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _device_name() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{PartialState().device.type}, {os.cpu_count()} cores"


def start_memory_count() -> None:
    """Let the peak of GPU memory be counted from here on."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def usage() -> dict[str, Any]:
    """Peak memory of the main process in MiB, and the time (UTC).

    Memory of the CPU is counted from the process's start (the system keeps no other peak; `None` on Windows), of the
    GPU from `start_memory_count`.
    """
    gpu = round(torch.cuda.max_memory_allocated() / 2**20) if torch.cuda.is_available() else None
    return {
        "peak_memory_mib": _peak_memory(),
        "peak_gpu_memory_mib": gpu,
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _peak_memory() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10))  # macOS counts bytes, Linux KiB

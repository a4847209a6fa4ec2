"""Whether `aullm predict` keeps up with a camera of 200 frames a second: `python -m benchmarks.long_video`.

Two made-up recordings of 640x480 pixels, one long, one longer, go through the command in a process of its own, with
windows of half a second every tenth: frames a second, CPU seconds and peak memory, which must not grow with the
length. Another run, with a watch around each stage, says where the time goes, from the start of Python on. A short
recording goes before, uncounted, so that every file has been read once. Linux only.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.long_video_stages import STRIDE, WINDOW
from benchmarks.measure import show, write
from benchmarks.recording import FPS, write_recording


def run_command(video: Path, num_frames: int) -> dict[str, Any]:
    """A row of figures of the command on one video."""
    command = [str(Path(sys.executable).with_name("aullm")), "predict", str(video)]
    start = time.perf_counter()
    process = subprocess.Popen([*command, "--window", str(WINDOW), "--stride", str(STRIDE)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    took = time.perf_counter() - start
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return {
        "video s": num_frames / FPS,
        "frames": num_frames,
        "wall s": took,
        "CPU s": usage.ru_utime + usage.ru_stime,
        "frames / s": num_frames / took,
        "frames / s of the camera": FPS,
        "peak MB": usage.ru_maxrss / 1024,
    }


def run_stages(video: Path) -> dict[str, list[dict[str, Any]]]:
    """The tables `start` and `stages`, from a process that begins like the command's."""
    command = [sys.executable, "-m", "benchmarks.long_video_stages", str(video), str(time.time())]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def main() -> None:
    """Print the figures and write them as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.long_video", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="length of the long recording")
    parser.add_argument("--longer", type=float, default=600, help="length of the longer one, for the memory")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/long_video.json"), help="where the figures go")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="aullm-long-video-") as work:
        run_command(Path(work) / "short.mp4", write_recording(Path(work) / "short.mp4", 4))
        runs = []
        for name, seconds in (("long.mp4", options.seconds), ("longer.mp4", options.longer)):
            runs.append(run_command(Path(work) / name, write_recording(Path(work) / name, seconds)))
        tables = run_stages(Path(work) / "long.mp4")
    memory = {"peak MB, longer / long": runs[1]["peak MB"] / runs[0]["peak MB"]}
    show("The command", runs)
    show("Its memory", [memory])
    show("To the first result", tables["start"])
    show(f"Stages, {runs[0]['video s']:g} s of video", tables["stages"])
    write(options.out, {"runs": runs, **memory, **tables})


if __name__ == "__main__":
    main()

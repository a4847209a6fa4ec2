"""Whether `aullm predict` keeps up with a camera of 200 frames a second: `python -m benchmarks.long_video`.

Two made-up recordings of 640x480 pixels, one long, one longer, go through the command in a process of its own, with
windows of half a second every tenth: frames a second, CPU seconds and peak memory, which must not grow with the
length. Another run, with a watch around each stage, says where the time goes, from the start of Python on. A minute of
a webcam, 30 frames a second, goes through with the command's own windows and with others, for the cost goes by windows
rather than by frames. A short recording goes before, uncounted, so that every file has been read once. Linux only.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.long_video_stages import STRIDE, WINDOW
from benchmarks.measure import show, write
from benchmarks.recording import FPS, write_recording

WEBCAM_FPS = 30
WEBCAM_STRIDES = (0.25, 0.1, 1.0)  # the first is the command's own


def run_command(
    video: Path,
    num_frames: int,
    fps: int = FPS,
    options: Sequence[str] = ("--window", str(WINDOW), "--stride", str(STRIDE)),
) -> dict[str, Any]:
    """A row of figures of the command on one video."""
    command = [str(Path(sys.executable).with_name("aullm")), "predict", str(video), *options]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    took = time.perf_counter() - start
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return {
        "video s": num_frames / fps,
        "frames": num_frames,
        "wall s": took,
        "CPU s": usage.ru_utime + usage.ru_stime,
        "frames / s": num_frames / took,
        "frames / s of the camera": fps,
        "peak MB": usage.ru_maxrss / 1024,
    }


def run_webcam(work: Path, seconds: float) -> list[dict[str, Any]]:
    """Rows of the table `webcam`: the command's defaults first, then other windows."""
    video, rows = work / "webcam.mp4", []
    num_frames = write_recording(video, seconds, WEBCAM_FPS)
    for stride in WEBCAM_STRIDES:
        window = max(stride, 0.5)
        options = () if stride == 0.25 else ("--window", str(window), "--stride", str(stride))
        row = run_command(video, num_frames, WEBCAM_FPS, options)
        windows = round((num_frames / WEBCAM_FPS - window) / stride) + 1
        shown = {name: row[name] for name in ("video s", "wall s", "CPU s", "peak MB")}
        rows.append({"window s": window, "stride s": stride, "windows": windows} | shown)
    return rows


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
    parser.add_argument("--webcam", type=float, default=60, help="length of the webcam's recording, in seconds")
    parser.add_argument("--webcam-only", action="store_true", help="measure that alone, and write nothing")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/long_video.json"), help="where the figures go")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="aullm-long-video-") as work:
        run_command(Path(work) / "short.mp4", write_recording(Path(work) / "short.mp4", 4))
        webcam = run_webcam(Path(work), options.webcam)
        if options.webcam_only:
            return show("A webcam", webcam)
        runs = []
        for name, seconds in (("long.mp4", options.seconds), ("longer.mp4", options.longer)):
            runs.append(run_command(Path(work) / name, write_recording(Path(work) / name, seconds)))
        tables = run_stages(Path(work) / "long.mp4")
    memory = {"peak MB, longer / long": runs[1]["peak MB"] / runs[0]["peak MB"]}
    show("A webcam", webcam)
    show("The command", runs)
    show("Its memory", [memory])
    show("To the first result", tables["start"])
    show(f"Stages, {runs[0]['video s']:g} s of video", tables["stages"])
    write(options.out, {"webcam": webcam, "runs": runs, **memory, **tables})


if __name__ == "__main__":
    main()

"""Whether `aullm predict` keeps up with a camera of 200 frames a second: `python -m benchmarks.long_video`.

Two made-up recordings of 640x480 pixels, one long, one longer, with an expression every ten seconds, go through the
command in a process of its own: frames a second, CPU seconds and peak memory, which must not grow with the length;
another run, with a watch around each stage, says where the time goes, from the start of Python on. A webcam's recording
of 30 frames a second with two expressions a minute is read for events and by windows in turn, for the cost of windows
goes by their number; with `--before FOLDER` also by another version of this project, by windows. A short recording goes
before, uncounted, so that every file has been read once. Linux only.
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

from benchmarks.measure import show, write
from benchmarks.recording import FPS, write_recording

WEBCAM_FPS = 30
WINDOWS = ("--window", "0.5", "--stride", "0.1")
TURN_SECONDS = 20.0  # of the fast camera's recordings
BEFORE = "import sys; from modeling_aullm.command.cli import main; sys.exit(main())"


def run_command(
    video: Path,
    num_frames: int,
    fps: int = FPS,
    options: Sequence[str] = (),
    version: Path | None = None,
) -> dict[str, Any]:
    """A row of figures of the command on one video, of this version or of one in another folder."""
    command = [sys.executable, "-c", BEFORE, "predict", str(video.resolve()), *options]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=version)
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


def run_webcam(work: Path, seconds: float, before: Path | None) -> list[dict[str, Any]]:
    """Rows of the table `webcam`: the command's default, which looks for events, and windows."""
    video, rows = work / "webcam.mp4", []
    num_frames = write_recording(video, seconds, WEBCAM_FPS)
    ways: list[tuple[str, Sequence[str], Path | None]] = [
        ("events", (), None),
        ("windows of 0.5 s every 0.1 s", WINDOWS, None),
        ("windows of 0.5 s every 0.25 s", WINDOWS[:2], None),
    ]
    if before is not None:
        ways += [("windows of 0.5 s every 0.1 s, version before", WINDOWS, before)]
    for way, options, version in ways:
        row = run_command(video, num_frames, WEBCAM_FPS, options, version)
        rows.append({"way": way} | {name: row[name] for name in ("video s", "wall s", "CPU s", "peak MB")})
    for row in rows:
        row["times as long as for events"] = row["wall s"] / rows[0]["wall s"]
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
    parser.add_argument("--webcam", type=float, default=300, help="length of the webcam's recording, in seconds")
    parser.add_argument("--webcam-only", action="store_true", help="measure that alone, and write nothing")
    parser.add_argument("--before", type=Path, help="folder of another version of this project, for the webcam")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/long_video.json"), help="where the figures go")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="aullm-long-video-") as folder:
        work = Path(folder)
        run_command(work / "short.mp4", write_recording(work / "short.mp4", 4, turn_seconds=10))
        webcam = run_webcam(work, options.webcam, options.before)
        show("A webcam", webcam)
        if options.webcam_only:
            return
        runs = []
        for name, seconds in (("long.mp4", options.seconds), ("longer.mp4", options.longer)):
            num_frames = write_recording(work / name, seconds, turn_seconds=TURN_SECONDS)
            runs.append({"way": "events"} | run_command(work / name, num_frames))
        windows = run_command(work / "long.mp4", int(runs[0]["frames"]), options=WINDOWS)
        runs.append({"way": "windows of 0.5 s every 0.1 s"} | windows)
        memory = {"peak MB, longer / long": runs[1]["peak MB"] / runs[0]["peak MB"]}
        show("The command", runs)
        show("Its memory", [memory])
        tables = run_stages(work / "long.mp4")
    show("To the first result", tables["start"])
    show(f"Stages, {runs[0]['video s']:g} s of video", tables["stages"])
    write(options.out, {"webcam": webcam, "runs": runs, **memory, **tables})


if __name__ == "__main__":
    main()

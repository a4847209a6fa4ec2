"""Draws what the other benchmarks have written: `python -m benchmarks.picture` makes `costs.png` and `engines.png`."""

import argparse
import json
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

ENGINES = {"torch": "torch", "onnx": "ONNX Runtime"}
OURS, PLAIN = "#D55E00", "#8FBCDD"  # of the Okabe-Ito palette, as in the package's plots


def draw_prompt(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """Seconds for eight clips against the prompt's length, the two ways of reading it."""
    positions = [row["positions"] for row in rows]
    for name, colour, text in (("plain", PLAIN, "read for every clip"), ("shared", OURS, "read once and kept (ours)")):
        seconds = [row[f"{name} s"] for row in rows]
        axes.plot(positions, seconds, marker="o", color=colour)
        axes.annotate(text, (positions[-1], seconds[-1]), (-10, 6), textcoords="offset points", ha="right")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_ylim(0.03, 100)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xticks(positions, [str(value) for value in positions])
    axes.set(title="Seconds for 8 clips", xlabel="positions in the prompt")


def draw_clips(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """Milliseconds a clip against the number of video files, and the model's part of them."""
    names = [f"{row['clips']:,}" for row in rows]
    axes.bar(names, [row["ms a clip"] for row in rows], color=PLAIN, label="whole")
    axes.bar(names, [row["the model alone, ms a clip"] for row in rows], color=OURS, label="the model alone")
    axes.legend(frameon=False, loc="upper right")
    axes.set_ylim(0, 52)
    axes.set(title="Milliseconds a clip", xlabel="video files of 30 frames")


def draw_stages(axes: Axes, measured: dict[str, Any]) -> None:
    """Seconds that each stage takes of a recording, longest on top."""
    rows = sorted((row for row in measured["stages"] if row["stage"] != "together"), key=lambda row: row["wall s"])
    bars = axes.barh([row["stage"] for row in rows], [row["wall s"] for row in rows], color=OURS)
    axes.bar_label(bars, fmt="%.1f", padding=3)
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])
    axes.set(title=f"Seconds, {measured['runs'][0]['video s']:g} s of 640x480 at 200 fps")


def draw_engines(figure: Figure, measured: dict[str, Any]) -> None:
    """What a start, one clip and 32 clips cost by either engine."""
    begun = {row["engine"]: row for row in measured["starts"]}
    took = {(row["batch"], row["engine"]): row["ms"] for row in measured["answers"]}
    panels = {
        "Video to result, new process, s": [begun[name]["video to result, s"] for name in ENGINES],
        "Memory at its peak, MB": [begun[name]["memory, MB"] for name in ENGINES],
        "One clip, ms": [took[1, name] for name in ENGINES],
        "32 clips, ms": [took[32, name] for name in ENGINES],
    }
    for axes, (title, values) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        bars = axes.bar(ENGINES.values(), values, color=[PLAIN, OURS], width=0.6)
        axes.bar_label(bars, [f"{value:.3g}" if value < 1000 else f"{value:.0f}" for value in values], padding=2)
        axes.set(title=title, yticks=[], ylim=(0, 1.12 * max(values)))
        axes.spines[["top", "right", "left"]].set_visible(False)


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.picture", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("benchmarks"), help="holds the JSON and gets the picture")
    folder = parser.parse_args().folder
    scaling, long_video = (json.loads((folder / f"{name}.json").read_text()) for name in ("scaling", "long_video"))
    figure = Figure(figsize=(13, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    prompt, clips, stages = figure.subplots(1, 3)
    draw_prompt(prompt, scaling["prompt"])
    draw_clips(clips, scaling["clips"])
    draw_stages(stages, long_video)
    for axes in (prompt, clips, stages):
        axes.spines[["top", "right"]].set_visible(False)
        axes.title.set_fontweight("bold")
    figure.savefig(folder / "costs.png", dpi=110)
    figure = Figure(figsize=(13, 2.8), layout="constrained")
    FigureCanvasAgg(figure)
    draw_engines(figure, json.loads((folder / "engines.json").read_text()))
    figure.savefig(folder / "engines.png", dpi=110)


if __name__ == "__main__":
    main()

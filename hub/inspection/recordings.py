"""What a prepared dataset of recordings holds: how long they are, which events are in them, and what looks odd."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from datasets import Dataset

from hub.inspection.inspection import SHOWN
from training.data.recordings import KINDS, open_recording


def recording_lines(data: Dataset, preparation: dict[str, Any]) -> list[str]:
    """The recordings as text, for the screen. Videos are not read.

    Args:
        data: As `load_recordings` gives it.
        preparation: What `preparation.json` says; may be empty.
    """
    rows = data.remove_columns(["video", "landmarks"]).to_list()
    lines = []
    for name, count in Counter(row["dataset"] for row in rows).items():
        own = [row for row in rows if row["dataset"] == name]
        minutes = sum(_seconds(row) for row in own) / 60
        lines.append(
            f"{name}: {count} recordings of {len({row['subject'] for row in own})} subjects, {minutes:.1f} minutes"
        )
    lengths = [row["num_frames"] for row in rows]
    rates = ", ".join(f"{rate:g}" for rate in sorted({row["fps"] for row in rows}))
    lines.append(f"frames: {min(lengths)} to {max(lengths)} a recording, {rates} a second")
    lines += [_kind_line(kind, rows) for kind in KINDS]
    quiet = sum(row["events"] == [] for row in rows)
    unknown = [row["recording_id"] for row in rows if row["events"] is None]
    lines.append(f"recordings without any event: {quiet}; unknown what happens in: {len(unknown)}")
    lines += _unit_lines(rows)
    left_out = preparation.get("left_out", [])
    if left_out:
        lines.append(f"left out when it was prepared: {len(left_out)} recordings or intervals, see preparation.json")
    problems = _problems(rows)
    lines.append("problems:" if problems else "problems: none found")
    for problem, names in problems.items():
        more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        lines.append(f"  {problem}: {len(names)}: {', '.join(names[:SHOWN])}{more}")
    return lines


def event_rows(data: Dataset) -> Iterator[dict[str, Any]]:
    """The first event of each recording, as `draw_contact_sheet` takes clips: the frames of its onset, apex and offset.

    Of a recording without events these are its first frame and one in its middle.

    Args:
        data: As `load_recordings` gives it.
    """
    for number, row in enumerate(data.remove_columns("video").to_list()):
        middle = row["num_frames"] // 2
        nothing = {"onset": 0, "apex": middle, "offset": middle, "kind": "no event", "au_codes": None, "emotion": ""}
        event = (row["events"] or [nothing])[0]
        apex = event["apex"] if event["apex"] >= 0 else (event["onset"] + event["offset"]) // 2
        wanted = (event["onset"], apex, event["offset"])
        shown: dict[int, np.ndarray] = {}
        with open_recording(data, number) as stream:
            for frame in stream:
                if frame.index in wanted:
                    shown[frame.index] = frame.luma
                if frame.index == event["offset"]:
                    break
        moments = {"onset": 0, "apex": 1, "offset": 2}
        about = {"dataset": row["dataset"], "clip_id": f"{row['recording_id']} {event['kind']}", "fps": row["fps"]}
        about |= {name: event[name] for name in ("au_codes", "emotion")}
        yield about | moments | {"frames": np.stack([shown[position] for position in wanted])}


def _seconds(row: dict[str, Any]) -> float:
    return (row["frame_numbers"][-1] - row["frame_numbers"][0] + 1) / row["fps"]


def _events(rows: list[dict[str, Any]], kind: str = "") -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for row in rows:
        for event in row["events"] or ():
            if kind in ("", event["kind"]):
                yield row, event


def _kind_line(kind: str, rows: list[dict[str, Any]]) -> str:
    found = list(_events(rows, kind))
    if not found:
        return f"{kind}-expressions: none"
    numbers = [(row["frame_numbers"][e["onset"]], row["frame_numbers"][e["offset"]], row["fps"]) for row, e in found]
    seconds = [(last - first + 1) / fps for first, last, fps in numbers]
    where = len({row["recording_id"] for row, _ in found})
    apexes = sum(event["apex"] >= 0 for _, event in found)
    return (
        f"{kind}-expressions: {len(found)} in {where} recordings, {min(seconds):.2f} to {max(seconds):.2f} s, median "
        f"{np.median(seconds):.2f}; apex known of {apexes}"
    )


def _unit_lines(rows: list[dict[str, Any]]) -> list[str]:
    coded = [(event["kind"], event["action_units"]) for _, event in _events(rows) if event["action_units"] is not None]
    if not coded:
        return ["action units: none coded"]
    lines = [f"action units: coded for {len(coded)} of {len(list(_events(rows)))} events"]
    lines.append("  unit " + "".join(f"  {kind:>6}" for kind in KINDS))
    counts = Counter((unit, kind) for kind, units in coded for unit in units)
    for unit in sorted({unit for unit, _ in counts}, key=lambda unit: int(unit[2:])):
        lines.append(f"  {unit:<5}" + "".join(f"  {counts[unit, kind]:>6}" for kind in KINDS))
    return lines


def _problems(rows: list[dict[str, Any]]) -> dict[str, list[str]]:
    names = Counter(f"{row['dataset']}/{row['recording_id']}" for row in rows)
    found = {"the same name twice": [name for name, count in names.items() if count > 1]}
    found["frames missing"] = [
        row["recording_id"] for row in rows if row["frame_numbers"][-1] - row["frame_numbers"][0] >= row["num_frames"]
    ]
    found["onset, apex and offset out of order, or beyond the frames"] = [
        row["recording_id"]
        for row, event in _events(rows)
        if not 0 <= event["onset"] < event["offset"] < row["num_frames"]
        or not (event["apex"] == -1 or event["onset"] <= event["apex"] <= event["offset"])
    ]
    return {problem: own for problem, own in found.items() if own}

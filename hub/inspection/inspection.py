"""What a prepared dataset holds, and what in it looks odd."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from datasets import Dataset, Image, List

from hub.inspection.frame_checks import FrameChecks, check_frames, clips_in_common

SHOWN = 5  # clips named on screen for each problem


@dataclass
class Inspection:
    """What a prepared dataset holds.

    Attributes:
        clips: Clips of each dataset.
        subjects: Subjects of each.
        lengths: Frames of each clip.
        sizes: Clips of each size of frame, (height, width).
        fps: Clips of each frame rate.
        emotions: Clips of each emotion, as published.
        units: Clips with each unit, by dataset, by number; empty if the datasets code none.
        unit_subjects: Subjects who show each unit.
        coded: Clips of each dataset whose units are known (perhaps that there is none).
        faces: Clips with a face, without one, and those in which none was looked for.
        verdicts: Clips of which the recording check says each, see `modeling_aullm.recording_check`.
        limits: What keeps clips from showing small movements, and the clips it holds for.
        movements: The smallest movement that each clip can show, in pixels.
        problems: What looks odd, and the clips it holds for.
    """

    clips: Counter[str] = field(default_factory=Counter)
    subjects: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    lengths: list[int] = field(default_factory=list)
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    fps: Counter[float] = field(default_factory=Counter)
    emotions: Counter[str] = field(default_factory=Counter)
    units: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    unit_subjects: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    coded: Counter[str] = field(default_factory=Counter)
    faces: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    limits: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    movements: list[float] = field(default_factory=list)
    problems: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def inspect(data: Dataset) -> Inspection:
    """Read every clip once; one at a time is in memory.

    Args:
        data: As `load_prepared` gives it.

    Raises:
        InputError: If frames cannot be used.
    """
    found = Inspection()
    digests: dict[str, list[str]] = defaultdict(list)
    names: Counter[str] = Counter()
    unknown: dict[str, list[str]] = defaultdict(list)
    for row in rows_with_frames(data):
        person, clip = f"{row['dataset']}/{row['subject']}", f"{row['dataset']}/{row['clip_id']}"
        checks = check_frames(row["frames"], row.get("landmarks"), float(row["fps"]), is_raw=_is_raw(data))
        names[clip] += 1
        digests[checks.digest].append(clip)
        _count(found, row, person, checks)
        if row["action_units"] is None:
            unknown[row["dataset"]].append(clip)
        for problem in (*checks.problems, *_moment_problems(row, checks.num_frames)):
            found.problems[problem].append(clip)
    found.units = dict(sorted(found.units.items(), key=lambda item: int(item[0][2:])))
    for dataset in found.coded:  # one that codes no units at all has no clip that lacks them
        found.problems["action units unknown"] += unknown[dataset]
    found.problems["the same name twice"] += [name for name, count in names.items() if count > 1]
    found.problems["the same frames in several clips"] += clips_in_common(digests)
    found.problems = {problem: clips for problem, clips in found.problems.items() if clips}
    return found


def rows_with_frames(data: Dataset) -> Iterator[dict[str, Any]]:
    """The rows one after the other, frames as uint8 (frames, height, width), raw ones (frames, height, width, 3)."""
    if _is_raw(data):
        data = data.cast_column("frames", List(Image(mode="RGB")))
    settings: dict[str, Any] = {"columns": ["frames"], "output_all_columns": True, "dtype": np.uint8}
    for number in range(len(data)):  # not iterated: that would read many rows ahead
        yield data.select([number]).with_format("numpy", **settings)[0]


def _is_raw(data: Dataset) -> bool:
    feature = data.features["frames"]
    return isinstance(feature, List) and isinstance(feature.feature, Image)


def _count(found: Inspection, row: dict[str, Any], person: str, checks: FrameChecks) -> None:
    found.clips[row["dataset"]] += 1
    found.subjects[row["dataset"]].add(person)
    found.lengths.append(checks.num_frames)
    found.sizes[checks.size] += 1
    found.fps[round(float(row["fps"]), 2)] += 1
    found.emotions[row["emotion"] or "(none)"] += 1
    found.faces[checks.face] += 1
    if row["action_units"] is not None:
        found.coded[row["dataset"]] += 1
    if checks.recording is not None:
        found.verdicts[str(checks.recording.verdict)] += 1
        found.movements += [checks.recording.smallest_movement] if checks.recording.smallest_movement else []
        for limit in checks.recording.limits:
            found.limits[f"{limit.verdict} ({limit.kind})"].append(f"{row['dataset']}/{row['clip_id']}")
    for unit in row["action_units"] or ():
        found.units[unit][row["dataset"]] += 1
        found.unit_subjects[unit].add(person)


def _moment_problems(row: dict[str, Any], num_frames: int) -> Iterator[str]:
    moments = [row[name] for name in ("onset", "apex", "offset")]
    known = [moment for moment in moments if moment >= 0]
    if known != sorted(known) or any(moment >= num_frames for moment in known):
        yield "onset, apex and offset out of order, or beyond the frames"
    if row["apex"] < 0:
        yield "apex unknown"


def report_lines(found: Inspection, preparation: dict[str, Any]) -> list[str]:
    """The inspection as text, for the screen.

    Args:
        found: The inspection.
        preparation: What `preparation.json` says; may be empty.
    """
    sizes = ", ".join(f"{width}x{height}" for height, width in sorted(found.sizes))
    lines = [f"{name}: {count} clips of {len(found.subjects[name])} subjects" for name, count in found.clips.items()]
    lines.append(
        f"frames: {min(found.lengths)} to {max(found.lengths)} a clip, median {np.median(found.lengths):.0f}; "
        f"{sizes} pixels; {', '.join(f'{fps:g}' for fps in sorted(found.fps))} a second"
    )
    lines.append("faces: " + ", ".join(f"{found.faces[kind]} {kind}" for kind in sorted(found.faces)))
    if found.movements:
        counts = ", ".join(f"{count} {verdict}" for verdict, count in found.verdicts.most_common())
        lines.append(
            f"recordings: {counts}; smallest visible movement {np.median(found.movements):.2g} pixels (median)"
        )
    lines.append("emotions: " + ", ".join(f"{name} {count}" for name, count in found.emotions.most_common()))
    lines += _unit_table(found)
    left_out = preparation.get("left_out", [])
    if left_out:
        lines.append(f"left out when it was prepared: {len(left_out)} clips, see preparation.json")
    lines.append("problems:" if found.problems or found.limits else "problems: none found")
    for problem, clips in [*found.problems.items(), *found.limits.items()]:
        more = f", and {len(clips) - SHOWN} more" if len(clips) > SHOWN else ""
        lines.append(f"  {problem}: {len(clips)}: {', '.join(clips[:SHOWN])}{more}")
    return lines


def _unit_table(found: Inspection) -> list[str]:
    coded, total = sum(found.coded.values()), sum(found.clips.values())
    if not coded:
        return ["action units: none coded; this dataset cannot train a detector of them"]
    names = list(found.clips) if len(found.clips) > 1 else []
    lines = [f"action units: coded for {coded} of {total} clips"]
    lines.append("  unit  clips  share  subjects" + "".join(f"  {name:>7}" for name in names))
    for unit, counts in found.units.items():
        clips = sum(counts.values())
        row = f"  {unit:<5} {clips:>5}  {clips / coded:>4.0%}  {len(found.unit_subjects[unit]):>8}"
        lines.append(row + "".join(f"  {counts[name]:>7}" for name in names))
    return lines

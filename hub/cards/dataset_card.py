"""The card (README.md) of a prepared dataset: where it comes from, what it may be used for; no face in it."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import yaml
from datasets import Dataset

USES = """
For research under the licences named above, by people who have signed them. Not for hiring, policing, lie detection, or
reading emotions at work or in school (the EU's AI Act forbids the latter): a movement of the face is no proof of what a
person feels, thinks or hides."""

COLUMNS = """
| column | |
|---|---|
| `dataset`, `subject`, `clip_id` | names; a subject is the same person only within its dataset |
| `onset`, `apex`, `offset` | indices among the frames of this row, -1 where unknown or outside |
| `fps` | frames a second of the recording |
| `emotion` | as published |
| `action_units` | FACS units that are present, `AU12`; empty where the coder saw none, null where they are unknown |
| `au_codes` | the same with side, intensity and doubt as coded, such as `R12B`, `4 (k)` |
| `frame_numbers` | numbers of the frames in the published files' names |
| `landmarks` | eyes, nose, mouth corners in the published frame that shows them first; null where not looked for |
| `frames` | {frames} |"""

RECORDING_COLUMNS = """
| column | |
|---|---|
| `dataset`, `subject`, `recording_id` | names; a subject is the same person only within its dataset, clips included |
| `fps`, `num_frames` | frames a second; frames of this row |
| `events` | list of `onset`, `apex`, `offset` (positions among the frames, from 0, both ends included; apex -1 where \
unknown), `kind` (`micro` or `macro`), `action_units`, `au_codes` (null where unknown), `emotion` as published; empty \
where the coders saw none, null where nobody looked |
| `frame_numbers` | numbers of the frames in the published files' names; where some are missing, times jump |
| `landmarks` | eyes, nose, mouth corners in the published frames, by which all are aligned; null where not looked for |
| `room` | pixels of surroundings on each side of the crop |
| `video` | {frames}: Matroska with FFV1, which loses nothing |"""

ASSUMED = "its layout is partly assumed"  # a remark

FRAMES = {
    "aligned": "grey crops of the face, {size} x {size} pixels, all of a clip by one alignment, uint8",
    "cropped": "the published crops, grey, {size} x {size} pixels, uint8",
    "raw": "the published images",
}


def dataset_card(data: Dataset, report: dict[str, Any]) -> str:
    """The card as Markdown.

    Args:
        data: The clips or recordings.
        report: As in `preparation.json`.
    """
    titles, names = report["titles"], report["datasets"]
    head = {
        "pretty_name": f"{', '.join(titles.values())}, prepared for AULLM++",
        "license": "other",
        "license_name": "by-signed-licence-only",
        **({"license_link": report["request_pages"][names[0]]} if len(names) == 1 else {}),
        "viewer": False,
        "tags": ["micro-expressions", "facial-action-units", "facs"],
    }
    options = report["options"]
    frames = FRAMES[options["frames"]].format(size=options["size"])
    recordings = "recordings" in report
    frames = frames.replace("of a clip", "of a recording") if recordings else frames
    span = "the whole recording" if recordings else f"from {options['range'].replace('_', ' to ')}"
    lost = "recordings and intervals" if recordings else "clips"
    made = [
        f"- Frames: {frames}; {span}.",
        f"- {len(report['left_out'])} {lost} left out, {len(report['mended'])} things mended: see `preparation.json`.",
    ]
    made += [f"- Assumed: {each['detail']}." for each in report["kept"] if each["what"] == ASSUMED]
    if options["keep_uncertain"]:
        made.append("- Units of which the coder was not sure count as present.")
    if report["action_units"]:
        made.append(f"- `action_units` is limited to {', '.join(report['action_units'])}; `au_codes` is not.")
    return "\n".join(
        [
            f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---",
            f"# {head['pretty_name']}\n",
            "**Not to be passed on.** Whoever reads this has to hold the licence of every dataset in it:\n",
            *(f"- {titles[name]}: ask for it at <{report['request_pages'][name]}>" for name in names),
            f"\n## What it is\n\n{_counts(data)}\n\n{_units(data, recordings)}",
            (RECORDING_COLUMNS if recordings else COLUMNS).format(frames=frames),
            "\n## How it was made\n",
            "By `python -m hub.prepare` of AULLM++, from the licence holder's own copy.\n",
            *made,
            f"\n## What it is for, and what not\n{USES}",
            "\n## To be cited\n",
            *(f"- {report['papers'][name]}" for name in names),
            "",
        ]
    )


def _counts(data: Dataset) -> str:
    what = "recordings" if "events" in data.column_names else "clips"
    clips = Counter(data["dataset"])
    people = Counter(dataset for dataset, _ in set(zip(data["dataset"], data["subject"], strict=True)))
    rows = [f"| {name} | {clips[name]} | {people[name]} |" for name in sorted(clips)]
    return "\n".join([f"| dataset | {what} | subjects |", "|---|---|---|", *rows])


def _units(data: Dataset, recordings: bool) -> str:
    if recordings:
        events = [event for own in data["events"] for event in own or ()]
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(Counter(e["kind"] for e in events).items()))
        coded, what = [event["action_units"] for event in events], "Events"
        return f"Expressions: {kinds or 'none'}.\n\n{_unit_counts(coded, what)}"
    return _unit_counts(data["action_units"], "Clips")


def _unit_counts(coded: Sequence[Sequence[str] | None], what: str) -> str:
    counts = Counter(unit for units in coded for unit in units or ())
    if not counts:
        return "No action units are coded: it can serve no training of a detector of them.\n"
    ordered = sorted(counts, key=lambda unit: int(unit[2:]))
    unknown = sum(units is None for units in coded)
    text = f"{what} with each unit: {', '.join(f'{unit} {counts[unit]}' for unit in ordered)}."
    return f"{text} Of {unknown} {what.lower()} the units are unknown.\n" if unknown else f"{text}\n"

"""What the recording check found, as text for people and as JSON."""

import json
from collections.abc import Sequence

from ..recording_check import RecordingCheck

GREY = "no colour (a grey or infrared camera)"


def to_text(check: RecordingCheck) -> str:
    """The verdict, what the recording is, what it can show, and what to do about each limit; a line each."""
    lines = [f"{check.source}: {check.verdict}", f"  {_what(check)}"]
    if check.face_width is not None:
        lines.append(
            f"  face {check.face_width} pixels wide, blurred by {check.blur:.2g} pixels, noise {check.noise:.2g} grey "
            f"levels; smallest visible movement {check.smallest_movement:.2g} pixels "
            f"({check.smallest_movement_crop:.2g} of the model's crop)"
        )
    lines += [f"  {note}" for note in _notes(check)]
    lines += [f"  - {limit.reason}: {limit.advice}" for limit in check.limits]
    return "\n".join(lines) + "\n"


def to_line(check: RecordingCheck) -> str | None:
    """One line for a recording in which something is lost, without its name; None for a good one."""
    return f"{check.verdict}: {'; '.join(limit.reason for limit in check.limits)}" if check.limits else None


def to_json(checks: Sequence[RecordingCheck]) -> str:
    """A list with an object for each recording, ending in a newline."""
    return json.dumps([check.record() for check in checks], indent=2, ensure_ascii=False) + "\n"


def _what(check: RecordingCheck) -> str:
    codec = check.codec or ("no loss" if check.container != "array" else "")
    quantiser = "" if check.quantiser is None else f" (quantiser {check.quantiser:g})"
    parts = [check.container, f"{codec}{quantiser}", f"{check.width}x{check.height}"]
    if check.fps is not None:
        parts.append(f"{check.fps:.4g} frames/s, {check.timing}")
    if check.seconds is not None:
        parts.append(f"{check.seconds:.4g} s")
    return ", ".join(part for part in parts if part)


def _notes(check: RecordingCheck) -> list[str]:
    """What deserves to be known though it does not limit."""
    notes = [GREY] if check.is_grey else []
    if check.gaps:
        notes.append(f"frames are missing at {check.gaps} places, for up to {check.longest_gap:.2g} s")
    if check.repeated:
        notes.append(f"{check.repeated:.0%} of the frames repeat the one before while the face moves")
    if check.flicker is not None:
        notes.append(check.flicker.text)
    if check.camera_movement > 2:
        notes.append(f"the camera moves, by up to {check.camera_movement:.0f} pixels in half a second")
    return notes

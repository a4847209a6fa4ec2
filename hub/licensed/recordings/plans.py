"""What is to be prepared: one plan a recording, which names its frames and its events."""

from dataclasses import dataclass

from hub.licensed.annotations import Moments


@dataclass(frozen=True)
class Event:
    """One expression in a recording.

    Attributes:
        row: Of the spreadsheet's data, from 0.
        kind: `micro` or `macro`.
        moments: Onset, apex and offset as numbers of frames; only the apex may be None.
        emotion: As published.
        action_units: Present units; None if unknown.
        au_codes: Units with side, intensity and doubt; None likewise.
    """

    row: int
    kind: str
    moments: Moments
    emotion: str
    action_units: tuple[str, ...] | None
    au_codes: tuple[str, ...] | None


@dataclass(frozen=True)
class RecordingPlan:
    """One recording to be prepared.

    Attributes:
        dataset: Value of the column `dataset`.
        subject: Within it.
        recording_id: Its name, unique within the dataset.
        fps: Frames a second.
        numbers: Of the frames, in order, as in the files' names.
        files: The frames, in the root.
        events: By onset; None if nobody looked for any.
        source: Name of the dataset as in commands, for remarks.
    """

    dataset: str
    subject: str
    recording_id: str
    fps: float
    numbers: tuple[int, ...]
    files: tuple[str, ...]
    events: tuple[Event, ...] | None
    source: str

"""What is to be prepared: one plan a clip, which names its frames; and the options that hold for all of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hub.licensed.annotations import Moments
from hub.licensed.recordings.plans import RecordingPlan
from hub.licensed.remarks import Remark
from training.errors import InputError

FrameKind = Literal["aligned", "cropped", "raw"]
FrameRange = Literal["onset_offset", "onset_apex"]
FaceSearch = Literal["now", "later"]


@dataclass(frozen=True)
class PrepareOptions:
    """How clips are prepared.

    Attributes:
        frames: `aligned`: grey crops of the face that is found in the clip's first frame, all by one alignment;
            `cropped`: the ready crops that come with the dataset, made grey and square; `raw`: the files' own bytes.
        size: Side of the crops in pixels; nothing is resized where frames are raw.
        range: Which frames belong to a clip.
        faces: Find faces now, or (raw frames only) leave it to a later `hub.prepare` of the result.
        keep_uncertain: Count action units of which the coder was not sure as present.

    Raises:
        InputError: If they contradict each other.
    """

    frames: FrameKind = "aligned"
    size: int = 128
    range: FrameRange = "onset_offset"
    faces: FaceSearch = "now"
    keep_uncertain: bool = False

    def __post_init__(self) -> None:
        if not 16 <= self.size <= 1024:
            raise InputError(f"--size must be 16 to 1024 pixels, got {self.size}")
        if self.faces == "later" and self.frames != "raw":
            raise InputError(f"--faces later needs --frames raw; {self.frames} frames are made with the faces")


@dataclass(frozen=True)
class ClipPlan:
    """One clip to be prepared.

    Attributes:
        dataset: Name of the dataset.
        subject: Within the dataset.
        clip_id: Unique within the dataset.
        row: Of the spreadsheet's data, from 0.
        emotion: As published.
        fps: Frames a second.
        action_units: Present units; None if they are unknown: the sheet does not say, or the dataset codes none.
        au_codes: Units with side, intensity and doubt; None likewise.
        moments: Onset, apex and offset as numbers of frames; None: not known, or not among the frames.
        numbers: Of the frames, in order, as in the files' names.
        files: The frames in the root; empty where they stand in a stored row.
        stored_row: Of the prepared dataset that the root is; -1 for files.
        landmarks: Face found earlier in the first frame, as `Face.landmarks`.
    """

    dataset: str
    subject: str
    clip_id: str
    row: int
    emotion: str
    fps: float
    action_units: tuple[str, ...] | None
    au_codes: tuple[str, ...] | None
    moments: Moments
    numbers: tuple[int, ...]
    files: tuple[str, ...] = ()
    stored_row: int = -1
    landmarks: tuple[tuple[float, float], ...] | None = None


@dataclass(frozen=True)
class Survey:
    """What a user's copy of a dataset holds.

    Attributes:
        name: Of the dataset.
        root: Folder of the frames, or of a prepared dataset with raw ones.
        plans: Clips, or recordings, that can be prepared.
        remarks: On all others, and on what was mended.
        sheet: Name of the spreadsheet, for the report.
        sheet_digest: SHA-256 of its content.
    """

    name: str
    root: Path
    plans: list[ClipPlan] | list[RecordingPlan]
    remarks: list[Remark]
    sheet: str
    sheet_digest: str

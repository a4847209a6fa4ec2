"""Fake copies of the licensed datasets: their true layouts, columns, names and published mistakes, with drawn faces.

A spreadsheet has all its published rows, since known mistakes are looked up by row; only a few of them have frames.
"""

from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from pathlib import Path
from zlib import crc32

import cv2
import numpy as np
import openpyxl
from PIL import Image

from hub.licensed import LICENSED
from training.synthetic import draw_face, synthetic_clip

SIDE = 160


@dataclass(frozen=True)
class FakeClip:
    """A row that has frames: cells as they stand in the sheet, and numbers of the images in the folder."""

    row: int
    subject: object
    filename: str
    onset: object
    apex: object
    offset: object
    units: object
    emotion: str = "happiness"
    numbers: tuple[int, ...] = ()
    others: tuple[str, ...] = field(default=())  # further files in the folder

    @property
    def images(self) -> tuple[int, ...]:
        return self.numbers or tuple(range(self.onset, self.offset + 1))


def run(first: int, last: int, without: tuple[int, ...] = ()) -> tuple[int, ...]:
    return tuple(number for number in range(first, last + 1) if number not in without)


COPIES: dict[str, list[FakeClip]] = {
    "casme": [
        FakeClip(0, 1, "EP01_5", 8, 10, 13, "4+9"),
        FakeClip(1, 2, "EP01_5", 1, 3, 6, "L14"),
        FakeClip(2, 3, "EP02_1", 95, 99, 103, 4),
        FakeClip(3, 4, "EP02_2", 1, 4, 7, "1 + 4", "tense"),
        FakeClip(4, 1, "EP03_1", 1, 4, 7, "?"),
        FakeClip(42, 7, "EP04_1", 1, 5, 9, "14", numbers=run(101, 119)),
        FakeClip(54, 7, "EP04_2", 33, 36, 60, "AU9", numbers=run(33, 40)),
        FakeClip(140, 8, "EP05_1", 135, 138, 142, "4"),  # a mistake that this release has mended
    ],
    "casme2": [
        FakeClip(0, 1, "EP02_01f", 46, 49, 53, 12),
        FakeClip(1, 2, "EP02_01f", 8, 10, 12, "R12 + L15"),  # numbers past 9; the same name with another subject
        FakeClip(2, 3, "EP03_02", 1, 4, 8, "4+7", numbers=run(1, 8, without=(3,))),
        FakeClip(3, 4, "EP03_05", 1, 4, 7, "AU4+R14A", others=("img02.jpg", "Thumbs.db", ".img3.jpg", "cover.jpg")),
        FakeClip(4, 5, "EP04_01", 1, 4, 7, "?", "others"),
        FakeClip(29, 5, "EP19_01", 275, "/", 283, "12"),
        FakeClip(35, 6, "EP19_02", 60, 66, 70, "2"),  # its apex has been filled in, in another way than MEB's
        FakeClip(60, 6, "EP12_01f", 74, "/", 126, "L12", numbers=run(74, 91)),
        FakeClip(61, 7, "EP12_02f", 1, "/", 8, None),
    ],
    "samm": [
        FakeClip(0, 6, "006_1_2", 5562, 5565, 5569, "4+7", "Anger"),
        FakeClip(1, 7, "007_3_1", 98, 101, 104, "L12B", "Happiness"),
        FakeClip(2, 9, "009_3_1", 1, 4, 7, "2+R14A", "Other"),
        FakeClip(15, 11, "011_1_1", 1, 4, 7, "AU12B or R12 + R15", "Contempt"),
        FakeClip(18, 12, "012_1_1", 1, 4, 7, "R12 + R15", "Contempt"),  # mended already
        FakeClip(20, 13, "013_1_1", 1, 4, 7, "12 or 12+14", "Happiness"),  # not a known one
        FakeClip(56, 20, "020_5_1", 5732, 5735, 5790, "7", "Anger", numbers=run(5732, 5739)),
        FakeClip(125, 28, "028_4_1", 1101, 0, 1109, "4", "Other"),
    ],
    "4dme": [
        FakeClip(0, "s1", "c1", 101, 104, 108, "AU4+AU7", "Negative", numbers=run(1, 8)),
        FakeClip(1, "s2", "c1", 21, 24, 28, "AU1+AU2(k)", "Surprise"),
        FakeClip(2, "s3", "c2", 5, 8, 12, "AU45", "Others"),
        FakeClip(144, "s4", "c1", 5, 8, 12, "AU6+AU12", "Negative"),
        FakeClip(145, "s4", "c2", 5, 8, 12, "AU4", "Positive"),
        FakeClip(146, "s5", "c1", 5, 8, 12, "AU17", "Negative"),
    ],
    "mmew": [
        FakeClip(0, 1, "S1_1", 1, 4, 8, "12"),
        FakeClip(1, 1, "S1_2", 5, 8, 12, "4", "anger"),
        FakeClip(2, 2, "S2_1", 1, 4, 8, "1+2+5", "surprise"),
        FakeClip(3, 3, "S3_1", 1, 4, 8, "10", "disgust"),
        FakeClip(35, 4, "S4_1", 1, 60, 15, "14", "others", numbers=run(1, 54)),
        FakeClip(145, 5, "S5_1", 78, 80, 85, "7", "anger"),  # apex 27 would be before its onset: another release
    ],
    "casme3": [
        FakeClip(0, "spNO.1", "a", 8, 10, 13, "4,7", "Fear", numbers=run(1, 40, without=(10, 11, 30))),
        FakeClip(1, "spNO.1", "a", 20, 24, 28, "R12", "Happy"),
        FakeClip(2, "spNO.2", "B", 1, 4, 8, "1\uff0c2", "Surprise"),  # the folder is called b
        FakeClip(3, "spNO.3", "c", 1, 4, 8, "14", "Others", numbers=run(1, 30)),
        FakeClip(708, "spNO.4", "a", 28, 31, 340, "4", "Anger", numbers=run(20, 60)),
        FakeClip(750, "spNO.5", "d", "/", "/", 8, "5", "Fear", numbers=run(1, 12)),
    ],
    "smic": [
        FakeClip(0, "s1", "s1_ne_01", 186154, None, 186161, None, "negative"),
        FakeClip(1, "s1", "s1_po_02", 98, None, 104, None, "positive"),
        FakeClip(2, "s2", "s2_ne_01", 8, None, 15, None, "negative"),
        FakeClip(3, "s3", "s3_sur_01", 1, None, 8, None, "surprise"),
    ],
}  # fmt: skip

SHEETS = {
    "casme": "casme.xlsx",
    "casme2": "CASME2-coding-20190701.xlsx",
    "samm": "SAMM_Micro_FACS_Codes_v2.xlsx",
    "4dme": "4DME_Labelling_Micro_release v1.xlsx",
    "mmew": "MMEW_Micro_Exp.xlsx",
    "casme3": "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx",
    "smic": "smic.xlsx",
}
FRAMES = {
    "casme": "sub{subject:02d}/{filename}/{filename}-{number}.jpg",
    "casme2": "CASME2_RAW_selected/sub{subject:02d}/{filename}/img{number}.jpg",
    "samm": "{subject:03d}/{filename}/{subject:03d}_{number:05d}.jpg",
    "4dme": "gray_micro/{subject}/{filename}/{number}.jpg",
    "mmew": "Micro_Expression/{emotion}/{filename}/{number}.jpg",
    "casme3": "part_A/{subject}/{lower}/color/{number}.jpg",
    "smic": "HS/{subject}/micro/{emotion}/{filename}/image{number:06d}.bmp",
}
HEADERS = {
    "casme": ["Emotion", "Subject", None, "Filename", "OnsetF", "ApexF1", "ApexF2", "OffsetF", None, "AU"],
    "casme2": [
        "Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None, "Action Units",
        "Estimated Emotion",
    ],
    "samm": [
        "Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame", "Duration", "Micro",
        "Action Units", "Estimated Emotion", "Objective Classes", "Notes",
    ],
    "4dme": ["sub_ID", "fold_name", "Emotion", "Onset", "Apex", "Offset", "AUs", "AU1", "AU4"],
    "mmew": [
        "Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units", "Estimated Emotion", "remarks",
    ],
    "casme3": ["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion", "Expression type"],
    "smic": [None, "subject", "material", "emotion", "onset", "offset"],
}  # fmt: skip


def write_copy(name: str, root: Path, clips: list[FakeClip] | None = None, rows: int | None = None) -> list[FakeClip]:
    """Write a fake copy of a dataset into a new folder.

    Args:
        name: Of the dataset.
        root: Its folder.
        clips: Instead of `COPIES`.
        rows: Of the spreadsheet; as many as published unless given.

    Returns:
        The rows that have frames.
    """
    root.mkdir(parents=True, exist_ok=True)
    clips = COPIES[name] if clips is None else clips
    write_sheet(name, root / SHEETS[name], clips, LICENSED[name].clips if rows is None else rows)
    for clip in clips:
        write_frames(name, root, clip)
    return clips


def write_sheet(name: str, path: Path, clips: list[FakeClip], rows: int) -> None:
    """Write the spreadsheet; rows without frames are of subjects from 90 on."""
    book = openpyxl.Workbook()
    sheet = book.active
    if name == "samm":
        for line in range(13):
            sheet.append([f"SAMM, line {line} above the header"])
    sheet.append(HEADERS[name])
    given = {clip.row: clip for clip in clips}
    for row in range(rows):
        clip = given.get(row) or FakeClip(row, 90 + row % 9, f"EP99_{row}", 1, 5, 9, "12")
        cells = _cells(name, clip)
        sheet.append([cells.get(column) for column in HEADERS[name]])
    book.save(path)


def _cells(name: str, clip: FakeClip) -> dict[str, object]:
    columns = LICENSED[name].columns
    cells = {names[0]: getattr(clip, column) for column, names in columns.items()}
    return cells | {"Micro": "1/2", "Notes": "drawn", "remarks": "drawn", "Expression type": "Micro-expression"}


def write_frames(name: str, root: Path, clip: FakeClip) -> None:
    """Write the images of a clip."""
    about = {
        "subject": clip.subject,
        "filename": clip.filename,
        "lower": clip.filename.lower(),
        "emotion": clip.emotion,
    }
    for position, number in enumerate(clip.images):
        file = root / FRAMES[name].format(number=number, **about)
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            file.write_bytes(image(f"{name}/{clip.row}", position, file.suffix))
    for other in clip.others:
        (file.parent / other).write_bytes(image("another", 0))


@cache
def scene(index: int) -> np.ndarray:
    """A drawn person who makes a face, (frames, SIDE, SIDE)."""
    face = draw_face(np.random.default_rng([0, 0, index]), "A")
    frames = synthetic_clip(np.random.default_rng([0, 0, index, 0]), face, "B", size=128).frames  # never covered
    grey = np.full((len(frames), SIDE, SIDE), int(frames[0].mean()), np.uint8)
    grey[:, 16:144, 16:144] = frames
    return np.stack([cv2.GaussianBlur(frame, (0, 0), 0.5) for frame in grey])


def image(clip: str, position: int, suffix: str = ".jpg", side: int = SIDE) -> bytes:
    """The bytes of one frame: a person whose clip plays back and forth, and grain that no other clip has."""
    seed = crc32(clip.encode())
    frames = scene(seed % 8)
    there = position % (2 * len(frames) - 2)
    grain = np.random.default_rng(seed).normal(0, 3, frames.shape[1:])
    grey = np.clip(frames[min(there, 2 * len(frames) - 2 - there)] + grain, 0, 255).astype(np.uint8)
    picture = Image.fromarray(grey).convert("RGB").resize((side, side))
    file = BytesIO()
    picture.save(file, "BMP" if suffix == ".bmp" else "JPEG", quality=92)
    return file.getvalue()

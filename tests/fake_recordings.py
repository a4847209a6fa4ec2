"""Fake copies of the licensed long recordings: layouts, columns and oddities as public code has them, drawn faces."""

from pathlib import Path

import openpyxl
from fake_datasets import image, run

SAMM_HEADER = [
    "Subject", "Filename", "Inducement Code", "Onset", "Apex", "Offset", "Duration", "Type", "Action Units", "Notes",
]  # fmt: skip
SAMM_ROWS = [
    ("006", "006_1_1", 5, 10, 20, "Micro - 1/2", "4+7"),
    ("006", "006_1_2", 25, 30, 60, "Macro", "R12B"),
    ("006", "006_1_3", 0, 40, 55, "Macro", 12),  # begins while another lasts
    ("006", "006_1_4", 62, 66, 0, "Micro - 1/2", "4"),  # its end cannot be seen
    ("006", "006_1_5", 70, -1069, 75, "Micro - 1/2", "?"),
    ("006", "006_1_6", 60, 50, 40, "Micro - 1/2", "4"),
    ("006", "006_1_7", 68.5, 72, 90, "Macro", "12"),
    ("006", "006_1_8", 79, 85, 200, "Macro", "12"),
    ("006", "006_1_9", 5, 10, 20, "Micro - 1/2", "4+7"),  # a row again
    (7, "007_3_1", 10, 30, 20, "Macro", "4+zzz"),
    ("008", "008_1_1", 1, 2, 9, "Macro", "12"),
    ("007", "007_3_2", 11, 12, 19, "Maybe", "12"),
    ("007", "../../007_3", 11, 12, 19, "Macro", "12"),
    ("007", "007_3_4", "x", 12, 19, "Macro", "12"),
    ("007", "007_3_5", 0, 0, 19, "Macro", "12"),
]
CASME_SQ_ROWS = [
    (1, "disgust1_1", 3, 6, 9, "4+7", "negative", "micro-expression", "disgust"),
    (1, "disgust1_2", 12, 15, 0, "4", "negative", "macro-expression", "disgust"),
    (1, "disgust1_3", 20, 0, 28, None, "negative", "macro-expression", "disgust"),
    (3, "happy1_1", 5, 8, 12, "6+12", "positive", "macro-expression", "happiness"),
    (3, "happy9_1", 5, 8, 12, "6+12", "positive", "macro-expression", "happiness"),
    (99, "happy1_1", 5, 8, 12, "6+12", "positive", "macro-expression", "happiness"),
]
CASME3_HEADER = ["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Expression type"]
CASME3_ROWS = [
    ("spNO.1", "A", 8, 12, 14, "4", "Micro-expression"),  # frames 10 and 11 are missing
    ("spNO.1", "A", 20.0, 25.0, 40.0, "12", "Macro-expression"),
    ("spNO.10", "c", 0, 2, 9, "1\uff0c2", "Micro-expression"),  # this recording begins with 0
    ("spNO.1", "z", 1, 2, 9, "4", "Macro-expression"),
]
FOURDME_HEADER = ["SubID", "VideoNo", "fold_name", "Onset", "Apex", "Offset", "AUs", "Emotion"]
FOURDME_ROWS = {
    "Micro": [("S08", 2, "S08_002_01_1", 1830, 1835, 1840, "AU4+AU7(k)", "Negative")],
    "Macro": [
        ("S08", 2, "S08_002_01", 1845, 1850, 1870, "AU12", "Positive"),
        ("S9", 1, "S9_001_02_1", 1, 2, 9, "AU1", ""),
    ],
}

# Of each recording: dataset, subject, published numbers; and its events: onset, apex, offset (positions), kind, units.
EXPECTED = {
    "samm_long": {
        "006_1": ("samm", "006", run(1, 80), [
            (4, 9, 19, "micro", ["4", "7"]),
            (24, 29, 59, "macro", ["R12B"]),
            (39, 39, 54, "macro", ["12"]),
            (61, 65, 65, "micro", ["4"]),
            (68, 71, 79, "macro", ["12"]),
            (69, -1, 74, "micro", None),
        ]),
        "006_2": ("samm", "006", run(1, 12), []),
        "007_3": ("samm", "007", run(1, 30), [(9, -1, 19, "macro", None)]),
    },
    "casme_sq": {
        "s15_0101": ("casme_sq", "s15", run(1, 30), [
            (2, 5, 8, "micro", ["4", "7"]),
            (11, 14, 14, "macro", ["4"]),
            (19, -1, 27, "macro", None),
        ]),
        "s15_0508": ("casme_sq", "s15", run(1, 5), []),
        "s19_0502": ("casme_sq", "s19", run(1, 15), [(4, 7, 11, "macro", ["6", "12"])]),
    },
    "casme3_long": {
        "spNO.1_a": ("casme3", "spNO.1", run(3, 50, without=(10, 11)), [
            (5, 7, 9, "micro", ["4"]),
            (15, 20, 35, "macro", ["12"]),
        ]),
        "spNO.1_b": ("casme3", "spNO.1", run(1, 6), None),
        "spNO.10_c": ("casme3", "spNO.10", run(0, 15), [(0, 2, 9, "micro", ["1", "2"])]),
    },
    "4dme_long": {
        "S08_002_01": ("4dme", "S08", run(1823, 1880), [
            (7, 12, 17, "micro", ["4", "7 (k)"]),
            (22, 27, 47, "macro", ["12"]),
        ]),
    },
}  # fmt: skip
FRAMES = {
    "samm_long": {
        "006_1": "SAMM_longvideos/006_1/006_1_{:04d}.jpg",
        "006_2": "SAMM_longvideos/006_2/006_2_{:04d}.jpg",
        "007_3": "SAMM_longvideos/007_3/007_3_{:04d}.jpg",
    },
    "casme_sq": {
        "s15_0101": "rawpic/s15/15_0101disgustingteeth/img{:03d}.jpg",
        "s15_0508": "rawpic/s15/15_0508cat/img{:03d}.jpg",
        "s19_0502": "rawpic/s19/23_0502funnyerrors/img{:03d}.jpg",  # named after another subject
    },
    "casme3_long": {
        "spNO.1_a": "part_A/data/part_A/spNO.1/a/color/{}.jpg",
        "spNO.1_b": "part_A/data/part_A/spNO.1/b/color/{}.jpg",
        "spNO.10_c": "part_A/data/part_A/spNO.10/c/color/{}.jpg",
    },
    "4dme_long": {"S08_002_01": "long_gray_video/S08/S08_002_01/Frame_{:09d}.jpg"},
}
SHEETS = {
    "samm_long": "SAMM_LongVideos_V3_Release.xlsx",
    "casme_sq": "CAS(ME)^2code_final(Updated).xlsx",
    "casme3_long": "part_A/annotation/CAS(ME)3_part_A_v2.xlsx",
    "4dme_long": "Micro and Macro-expression labels.xlsx",
}


def write_recordings(name: str, root: Path, only: tuple[str, ...] = ()) -> None:
    """Write a fake copy, of all recordings or some."""
    for recording, pattern in FRAMES[name].items():
        if not only or recording in only:
            write_frames(root / pattern, EXPECTED[name][recording][2], f"{name}/{recording}")
    path = root / SHEETS[name]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_book(path, TABS[name]())


def write_frames(pattern: Path, numbers: tuple[int, ...], who: str) -> None:
    """Write the images of a recording."""
    pattern.parent.mkdir(parents=True, exist_ok=True)
    for position, number in enumerate(numbers):
        Path(str(pattern).format(number)).write_bytes(image(who, position))


def write_book(path: Path, tabs: dict[str, list]) -> None:
    """Write a spreadsheet."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in tabs.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    book.save(path)


def _samm() -> dict[str, list]:
    above = [[f"SAMM Long Videos, line {line}"] for line in range(9)]
    rows = [[s, f, 1, on, apex, off, 1, kind, units, ""] for s, f, on, apex, off, kind, units in SAMM_ROWS]
    return {"FACS_Movement_Only": [*above, SAMM_HEADER, *rows]}


def _casme_sq() -> dict[str, list]:
    subjects = [(15, "s15", 1), (15, "s15", 1), (16, "s16", 2), (19, "s19", 3)]
    return {
        "CASFEcode_final": CASME_SQ_ROWS,
        "naming rule1": subjects,
        "naming rule2": [("0101", "disgust1"), (502, "happy1"), ("0508", "happy5")],
    }


def _casme3() -> dict[str, list]:
    return {"label": [CASME3_HEADER, *CASME3_ROWS]}


def _fourdme() -> dict[str, list]:
    return {f"{kind}-expressions": [FOURDME_HEADER, *rows] for kind, rows in FOURDME_ROWS.items()}


TABS = {"samm_long": _samm, "casme_sq": _casme_sq, "casme3_long": _casme3, "4dme_long": _fourdme}

"""4DME: `long_gray_video/S08/S08_002_01/Frame_000001823.jpg`, spreadsheet `Micro and Macro-expression labels.xlsx`.

Folders and names of frames and of the spreadsheet stand in public code that prepares these four datasets for spotting
(`DATASET_FRAME_REL`, `DATASET_LABEL_REL`, `DATASET_FRAME_FORMAT`; 60 frames a second) and in code that counts 270 such
folders, of a subject and a segment. Of the spreadsheet's columns public code (a function `FDME` that lists clips for
MMNet) tells SubID, numbers of the video, of the long clip and of the expression, fold_name (of the cut clip), Onset and
Apex as in the frames' names, and an emotion; no code was found that reads offsets or kinds from it. Assumed: Offset
and AUs are headed as in the published sheet of the micro-expressions (tvaranka/meb, `meb/datasets/datasets.py`); either
there is one sheet for micro- and one for macro-expressions, named so, or a column tells; and a fold_name is that of the
recording, perhaps with the expression's number after it.
"""

import re
from collections.abc import Callable
from pathlib import Path

from hub.licensed.fourdme import FOURDME
from hub.licensed.recordings.description import LicensedRecordings, Names, Sheet
from hub.licensed.spreadsheet import Row

_FILES = ("Micro and Macro-expression labels*", "Micro_and_Macro-expression_labels*")
_COLUMNS = FOURDME.columns | {"subject": ("sub_ID", "SubID")}


def _locate(_: Path) -> Callable[[Row], Names]:
    return _names


def _names(row: Row) -> Names:
    """S08_002_01_1 is an interval of S08_002_01: a recording's name has three parts."""
    name = row.text("filename")
    match = re.fullmatch(r"([^_]+_\d+_\d+)(_\d+)?", name)
    return row.text("subject"), match[1] if match else name


FOURDME_LONG = LicensedRecordings(
    name="4dme_long",
    dataset=FOURDME.name,
    title="4DME, long recordings",
    request_page=FOURDME.request_page,
    paper=FOURDME.paper,
    fps=FOURDME.fps,
    sheets=(
        (Sheet(_FILES, _COLUMNS, tab="*micro*", kind="micro"), Sheet(_FILES, _COLUMNS, tab="*macro*", kind="macro")),
        (Sheet(_FILES, _COLUMNS | {"kind": ("Expression type", "Type", "Expression", "Kind", "Class")}),),
    ),
    places=("long_gray_video", "long gray video", "long_gray_video/long gray video", ""),
    folder=r"(?P<subject>S\d+[^/]*)/(?P<video>[^/]+)",
    depth=2,
    example="long_gray_video/S08/S08_002_01/Frame_000001823.jpg",
    locate=_locate,
    assumed="not all columns of its spreadsheet are documented in public: offsets, units and kinds are read as in the "
    "sheet of the micro-expressions; look at a few events before you trust them",
)

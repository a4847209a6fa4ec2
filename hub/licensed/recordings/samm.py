"""SAMM Long Videos: `SAMM_longvideos/006_1/006_1_0001.jpg`, spreadsheet `SAMM_LongVideos_V3_Release.xlsx`.

Layout: genbing99/SoftNet-SpotME, `load_label.py` and `load_images.py` (header in the tenth row, types `Micro - 1/2` and
`Macro`, a `Filename` such as 006_1_2 is the recording 006_1 and a number of the interval);
HeyingGithub/Baseline-project-for-MEGC2020_spotting, `MDMD_results/dataset_new/SAMM_MEGC.py` (names of the frames, which
count from 1, V1 of the sheet) and `data/SAMM_MEGC_Sets/all_Info.txt` beside it (onsets of 0, an apex of -1069);
williamlee91/LGSNet, `get_anatation_samm.py` (names of the columns). The sheet has no emotions. All 147 recordings are
coded (arXiv 1911.01519), so one without a row shows nothing. People and their numbers are SAMM's.
"""

import re
from collections.abc import Callable
from pathlib import Path

from hub.licensed.recordings.description import LicensedRecordings, Names, Sheet
from hub.licensed.remarks import ClipError
from hub.licensed.samm import SAMM
from hub.licensed.spreadsheet import Row


def _locate(_: Path) -> Callable[[Row], Names]:
    return _names


def _names(row: Row) -> Names:
    filename = row.text("filename")
    match = re.fullmatch(r"(\d+)_(\d+)_\d+", filename)
    if match is None:
        raise ClipError("its recording cannot be told", f"filename {filename[:60]!r} is not such as 006_1_2")
    return match[1], match[2]


SAMM_LONG = LicensedRecordings(
    name="samm_long",
    dataset=SAMM.name,
    title="SAMM Long Videos",
    request_page=SAMM.request_page,
    paper="Yap et al., SAMM Long Videos: a spontaneous facial micro- and macro-expressions dataset (FG 2020)",
    fps=200,
    sheets=(
        (
            Sheet(
                ("SAMM_LongVideos_V*_Release", "SAMM_LongVideos*"),
                {
                    "subject": ("Subject",),
                    "filename": ("Filename",),
                    "onset": ("Onset", "Onset Frame"),
                    "apex": ("Apex", "Apex Frame"),
                    "offset": ("Offset", "Offset Frame"),
                    "kind": ("Type",),
                    "units": ("Action Units",),
                },
            ),
        ),
    ),
    places=("SAMM_longvideos", ""),
    cropped_places=("SAMM_longvideos_crop", "cropped_SAMM_longvideos"),
    folder=r"(?P<subject>\d+)_(?P<video>\d+)",
    depth=1,
    example="SAMM_longvideos/006_1/006_1_0001.jpg",
    locate=_locate,
    fully_coded=True,
)

"""CAS(ME)^2: `rawpic/s15/15_0101disgustingteeth/img001.jpg`, spreadsheet `CAS(ME)^2code_final.xlsx`.

Layout: HeyingGithub/Baseline-project-for-MEGC2020_spotting, `MDMD_results/dataset_new/CASME_2.py`, and
genbing99/SoftNet-SpotME, `load_label.py`: the first sheet (`CASFEcode_final`) has no header; subject number,
`anger1_2` (stimulus, number of the interval), onset, apex, offset, units, emotion, type, self-reported emotion. The
sheet `naming rule1` tells the subjects' folders (15, s15, 1), `naming rule2` the stimuli's codes (0101, disgust1).
Apex and offset are 0 where there is none. qin123xyz/MEGC2023_macro-and-micro-expression-spotting,
`megc2023code/val_cas^2util_0.4066/val_cas^2.py` has the same names as tables, and a recording without a row.
Other public code that crops its frames has a case for a folder `s19/23_0502funnyerrors`: folder and code count here.
The paper of SAMM Long Videos (arXiv 1911.01519) calls CAS(ME)^2 fully annotated.
"""

from collections.abc import Callable
from pathlib import Path

from hub.licensed.recordings.description import LicensedRecordings, Names, Sheet
from hub.licensed.remarks import ClipError
from hub.licensed.spreadsheet import Row, read_headless_rows

_FIELDS = ("subject", "filename", "onset", "apex", "offset", "units", "emotion", "kind")


def _locate(path: Path) -> Callable[[Row], Names]:
    subjects = {
        row.text("number"): row.text("folder")
        for row in read_headless_rows(path, ("_", "folder", "number"), "naming rule1")
    }
    codes = {
        row.text("name").casefold(): row.text("code").zfill(4)
        for row in read_headless_rows(path, ("code", "name"), "naming rule2")
    }

    def names(row: Row) -> Names:
        number, stimulus = row.text("subject"), row.text("filename").split("_")[0].casefold()
        if number not in subjects or stimulus not in codes:
            raise ClipError(
                "its recording cannot be told",
                f"subject {number[:60]!r} or {stimulus[:60]!r} is not in the naming rules",
            )
        return subjects[number], codes[stimulus]

    return names


CASME_SQUARED = LicensedRecordings(
    name="casme_sq",
    dataset="casme_sq",
    title="CAS(ME)^2",
    request_page="http://casme.psych.ac.cn/casme/e3",
    paper="Qu et al., CAS(ME)^2: a database for spontaneous macro-expression and micro-expression spotting and "
    "recognition (IEEE Transactions on Affective Computing 9(4), 2018)",
    fps=30,
    sheets=(
        (Sheet(("CAS(ME)^2code_final*", "code_final*"), {field: (field,) for field in _FIELDS}, has_header=False),),
    ),
    places=("rawpic", "rawpic/rawpic", ""),
    cropped_places=("longVideoFaceCropped", "rawpic_crop"),
    folder=r"(?P<subject>s\d+)/(?P<own>\d+)_(?P<video>\d{4}).*",
    depth=2,
    example="rawpic/s15/15_0101disgustingteeth/img001.jpg",
    locate=_locate,
    fully_coded=True,
)

"""CAS(ME)^3, part A: `part_A/spNO.1/a/color/1.jpg`, spreadsheet `CAS(ME)3_part_A_v2.xls`, or two of the newer ones.

Layout: williamlee91/LGSNet, `get_anatation_casme3_reduce_more.py`: columns Subject, Filename, Onset, Apex, Offset and
Expression type (`Micro-expression`, `Macro-expression`); numbers are those of the images, which need not begin at 1;
some are missing; folders are lower case, filenames in the sheet may not be; recordings without a row are called
unlabelled there. HarshaMupparaju/MER, `main.py`: instead of one file, `..._ME_label_JpgIndex_v2.xlsx` and
`..._MaE_label_JpgIndex_v2_emotion.xlsx` (sub, seq, onset, apex, offset, emotion; no units). People are those of the
clips, and so are the known mistakes of the sheet of micro-expressions.
"""

from hub.licensed.casme3 import CASME3
from hub.licensed.recordings.description import LicensedRecordings, Sheet, by_columns

_COLUMNS = {
    "subject": ("Subject", "sub"),
    "filename": ("Filename", "seq"),
    "onset": ("Onset",),
    "apex": ("Apex",),
    "offset": ("Offset",),
    "emotion": ("emotion", "Objective class"),
}
_UNITS = {"units": ("AU", "AUs", "Action Units")}

CASME3_LONG = LicensedRecordings(
    name="casme3_long",
    dataset=CASME3.name,
    title="CAS(ME)^3 part A, long recordings",
    request_page=CASME3.request_page,
    paper=CASME3.paper,
    fps=CASME3.fps,
    sheets=(
        (Sheet(("CAS(ME)3_part_A_v*", "CAS(ME)^3_part_A_v*"), _COLUMNS | _UNITS | {"kind": ("Expression type",)}),),
        (
            Sheet(("cas(me)3_part_A_ME_label_JpgIndex_v*",), _COLUMNS | _UNITS, kind="micro", clips=CASME3),
            Sheet(("cas(me)3_part_A_MaE_label_JpgIndex_v*",), _COLUMNS, kind="macro"),
        ),
    ),
    places=(
        "part_A",
        "part_A/data/part_A",
        "data/part_A",
        "part_A_split/part_A",
        "part_A/data/Compressed_version1_seperate_compress",
        "data/Compressed_version1_seperate_compress",
        "",
    ),
    folder=r"(?P<subject>spNO\.?\d+)/(?P<video>[^/]+)/color",
    depth=3,
    example="part_A/spNO.1/a/color/1.jpg",
    locate=by_columns,
)

"""MMEW: `Micro_Expression/{emotion}/{Filename}/1.jpg`, spreadsheet `MMEW_Micro_Exp.xlsx`."""

from hub.licensed.description import COLUMNS, LicensedDataset

_ROWS = (33, 35, 36, 37, 38, 39, 40, 41, 42, 142, 143, 145, 146, 148, 154, 156)
_APEX = (40, 15, 46, 20, 25, 20, 23, 28, 32, 56, 32, 27, 22, 29, 31, 38)
_OFFSET = (75, 54, 59, 98, 80, 93, 58, 61, 68, 88, 80, 85, 61, 108, 72, 106)

MMEW = LicensedDataset(
    name="mmew",
    title="MMEW",
    request_page="http://www.dpailab.com/database.html",
    paper="Ben et al., Video-based facial micro-expression analysis: a survey of datasets, features and algorithms "
    "(IEEE Transactions on Pattern Analysis and Machine Intelligence 44(9), 2021)",
    clips=300,
    fps=90,
    annotations=("MMEW_Micro_Exp*",),
    columns=COLUMNS,
    places=("Micro_Expression", ""),
    # An emotion may be spelt differently in the spreadsheet and on the folder; the clip's name is unique.
    folders=("{emotion}/{filename}", "*/{filename}"),
    example="Micro_Expression/{emotion}/{Filename}/1.jpg",
    mistakes={
        "apex": dict(zip(_ROWS, _APEX, strict=True)),
        "offset": dict(zip(_ROWS, _OFFSET, strict=True)),
    },
)

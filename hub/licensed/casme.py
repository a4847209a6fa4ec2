"""CASME: `sub01/EP01_5/`, spreadsheet `casme.xlsx`."""

from hub.licensed.description import LicensedDataset

CASME = LicensedDataset(
    name="casme",
    title="CASME",
    request_page="http://casme.psych.ac.cn/casme/e1",
    paper="Yan et al., CASME database: a dataset of spontaneous micro-expressions collected from neutralized faces "
    "(FG 2013)",
    clips=189,
    fps=60,
    annotations=("casme", "casme-*", "casme_*"),
    columns={
        "subject": ("Subject",),
        "filename": ("Filename",),
        "onset": ("OnsetF",),
        "apex": ("ApexF1",),
        "offset": ("OffsetF",),
        "units": ("AU",),
        "emotion": ("Emotion",),
    },
    places=("CASME_raw_selected", ""),
    folders=("sub{subject}/{filename}",),
    example="sub01/EP01_5/EP01_5-1.jpg",
    subject_digits=2,
    mistakes={
        "onset": {40: 100, 42: 101, 43: 57},
        "apex": {40: 120, 42: 110, 43: 65},
        "offset": {40: 149, 42: 119, 43: 74, 54: 40, 140: 142},
    },
)

"""SMIC, high-speed part: `HS/s1/micro/negative/s1_ne_01/`, spreadsheet `smic.xlsx`; emotions, and no action units."""

from hub.licensed.description import LicensedDataset

SMIC = LicensedDataset(
    name="smic",
    title="SMIC (HS)",
    request_page="https://www.oulu.fi/en/university/faculties-and-units/"
    "faculty-information-technology-and-electrical-engineering/center-machine-vision-and-signal-analysis",
    paper="Li et al., A spontaneous micro-expression database: inducement, collection and baseline (FG 2013)",
    clips=164,
    fps=100,
    annotations=("smic", "smic-*", "smic_*"),
    columns={
        "subject": ("subject",),
        "filename": ("material", "Filename"),
        "onset": ("onset", "OnsetF"),
        "offset": ("offset", "OffsetF"),
        "emotion": ("emotion",),
    },
    places=("HS", ""),
    cropped_places=("SMIC_all_cropped/HS", "HS", ""),
    folders=("{subject}/micro/{emotion}/{filename}", "s{subject}/micro/{emotion}/{filename}"),
    example="HS/{subject}/micro/{emotion}/{material}/image000123.bmp",
    has_units=False,
    has_apex=False,
)

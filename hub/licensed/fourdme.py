"""4DME: `gray_micro/{sub_ID}/{fold_name}/`, spreadsheet `4DME_Labelling_Micro_release*.xlsx`."""

from hub.licensed.description import LicensedDataset

FOURDME = LicensedDataset(
    name="4dme",
    title="4DME",
    request_page="https://www.oulu.fi/en/university/faculties-and-units/"
    "faculty-information-technology-and-electrical-engineering/center-machine-vision-and-signal-analysis",
    paper="Li et al., 4DME: a spontaneous 4D micro-expression dataset with multimodalities (IEEE Transactions on "
    "Affective Computing, 2022)",
    clips=267,
    fps=60,
    annotations=("4DME_Labelling_Micro_release*",),
    columns={
        "subject": ("sub_ID",),
        "filename": ("fold_name",),
        "onset": ("Onset",),
        "apex": ("Apex",),
        "offset": ("Offset",),
        "units": ("AUs",),
        "emotion": ("Emotion",),
    },
    places=("gray_micro", ""),
    cropped_places=("gray_micro_crop", "Cropped", ""),
    folders=("{subject}/{filename}",),
    example="gray_micro/{sub_ID}/{fold_name}/1.jpg",
    swapped=(144, 145),
)

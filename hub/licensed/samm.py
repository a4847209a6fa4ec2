"""SAMM: `006/006_1_2/006_05562.jpg`, spreadsheet `SAMM_Micro_FACS_Codes_v2.xlsx` with text above its header."""

from hub.licensed.description import LicensedDataset

SAMM = LicensedDataset(
    name="samm",
    title="SAMM",
    request_page="https://personalpages.manchester.ac.uk/staff/adrian.davison/SAMM.html",
    paper="Davison et al., SAMM: a spontaneous micro-facial movement dataset (IEEE Transactions on Affective "
    "Computing 9(1), 2016)",
    clips=159,
    fps=200,
    annotations=("SAMM_Micro_FACS_Codes*",),
    columns={
        "subject": ("Subject",),
        "filename": ("Filename",),
        "onset": ("Onset Frame",),
        "apex": ("Apex Frame",),
        "offset": ("Offset Frame",),
        "units": ("Action Units",),
        "emotion": ("Estimated Emotion",),
    },
    places=("SAMM", ""),
    cropped_places=("SAMM_CROP", "Cropped", ""),
    folders=("{subject}/{filename}",),
    example="006/006_1_2/006_05562.jpg",
    subject_digits=3,
    mistakes={
        "offset": {56: 5739},
        "apex": {125: 1105, 132: 4945, 133: 5130},
        # Rows whose cell says "or"; MEB decided by motion.
        "units": {15: "R12 + R15", 18: "R12 + R15", 41: "L14", 64: "R14", 154: "R14A"},
    },
)

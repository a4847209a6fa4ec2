"""CASME II: `CASME2_RAW_selected/sub01/EP02_01f/img46.jpg`, spreadsheet `CASME2-coding-*.xlsx`."""

from hub.licensed.description import COLUMNS, LicensedDataset

_NO_APEX = (29, 35, 43, 45, 51, 53, 60, 117, 118, 126, 136, 147, 155, 168, 170, 177, 202, 203, 234, 237, 238)
_APEX = (279, 68, 77, 81, 166, 100, 78, 187, 89, 80, 88, 134, 231, 53, 329, 111, 91, 103, 98, 153, 98)

CASME2 = LicensedDataset(
    name="casme2",
    title="CASME II",
    request_page="http://casme.psych.ac.cn/casme/e2",
    paper="Yan et al., CASME II: an improved spontaneous micro-expression database and the baseline evaluation "
    "(PLOS ONE 9(1), 2014)",
    clips=256,
    fps=200,
    annotations=("CASME2-coding-*", "CASME2-coding"),
    columns=COLUMNS,
    places=("CASME2_RAW_selected", ""),
    cropped_places=("Cropped", "Cropped_original", ""),
    folders=("sub{subject}/{filename}",),
    example="CASME2_RAW_selected/sub01/EP02_01f/img46.jpg",
    subject_digits=2,
    # Apexes that the authors left open ("/"), estimated from motion by MEB.
    mistakes={"offset": {60: 91}, "apex": dict(zip(_NO_APEX, _APEX, strict=True))},
)

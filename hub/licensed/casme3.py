"""CAS(ME)^3, part A: whole recordings in `part_A/spNO.1/a/color/`, of which only onset to offset belongs to a clip."""

from hub.licensed.description import LicensedDataset

CASME3 = LicensedDataset(
    name="casme3",
    title="CAS(ME)^3 part A",
    request_page="http://casme.psych.ac.cn/casme/e4",
    paper="Li et al., CAS(ME)^3: a third generation facial spontaneous micro-expression database with depth "
    "information and high ecological validity (IEEE Transactions on Pattern Analysis and Machine Intelligence, 2022)",
    clips=860,
    fps=30,
    annotations=("cas(me)3_part_A_ME_label_JpgIndex_v*",),
    columns={
        "subject": ("Subject",),
        "filename": ("Filename",),
        "onset": ("Onset",),
        "apex": ("Apex",),
        "offset": ("Offset",),
        "units": ("AU",),
        "emotion": ("emotion", "Objective class"),
    },
    places=("part_A", ""),
    folders=("{subject}/{filename}/color",),
    example="part_A/spNO.1/a/color/396.jpg",
    whole_recordings=True,
    mistakes={
        "onset": {749: 2647, 750: 1},
        "apex": {128: 123, 750: 1},
        "offset": {708: 34, 796: 1845, 798: 2403},
    },
)

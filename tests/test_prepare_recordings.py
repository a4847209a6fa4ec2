"""Whole recordings of licensed datasets with their intervals: read, aligned, kept losslessly, and kept private."""

import json
import tracemalloc

import datasets
import numpy as np
import pyarrow as pa
import pytest
from fake_datasets import image, write_copy
from fake_recordings import (
    CASME3_HEADER,
    CASME3_ROWS,
    EXPECTED,
    FOURDME_HEADER,
    FOURDME_ROWS,
    FRAMES,
    SHEETS,
    TABS,
    write_book,
    write_frames,
    write_recordings,
)
from helpers_hub import ROOT, commit_of, run_code, run_module
from hub_server import StandInHub
from PIL import Image

from hub.inspect import main as inspect_command
from hub.licensed import LICENSED, processes
from hub.licensed.annotations import Annotation, Moments
from hub.licensed.plans import PrepareOptions
from hub.licensed.preparation import prepare
from hub.licensed.recordings import RECORDINGS
from hub.licensed.recordings.events import make_event
from hub.licensed.recordings.intervals import Interval
from hub.licensed.recordings.plans import RecordingPlan
from hub.licensed.recordings.rows import write_recording
from hub.licensed.remarks import ClipError
from hub.prepare import main as prepare_command
from hub.repos.licence import licensed_among
from hub.repos.prepared import load_prepared, load_recordings
from modeling_aullm.face_alignment import align, alignment_transform, detect_faces
from training.data.clips import load_clips
from training.data.recordings import open_recording
from training.errors import InputError
from training.options import DataOptions

LEFT_OUT = {  # row and reason of all that is left out; -1 for a recording
    "samm_long": {
        5: "onset is not before offset",
        7: "most of its frames are missing",
        8: "the same event twice",
        10: "its recording is missing",
        11: "a cell cannot be read",
        12: "its recording cannot be told",
        13: "a cell cannot be read",
        14: "onset or offset is missing",
    },
    "casme_sq": {4: "its recording cannot be told", 5: "its recording cannot be told"},
    "casme3_long": {3: "its recording is missing"},
    "4dme_long": {1: "its recording is missing"},
}
MENDED = {
    "samm_long": {
        (2, "no onset to be seen: the apex was taken for it"),
        (3, "no offset to be seen: the apex was taken for it"),
        (4, "apex is no frame number: taken as unknown"),
        (6, "a frame number with decimals was rounded"),
        (6, "reaches beyond the recording: cut there"),
        (9, "apex not between onset and offset: taken as unknown"),
    },
    "casme_sq": {
        (1, "no offset to be seen: the apex was taken for it"),
        (-1, "its folder bears another subject's number"),
    },
    "casme3_long": set(),
    "4dme_long": set(),
}
KEPT = {
    "samm_long": {(4, "apex unknown"), (4, "action units unknown"), (9, "action units cannot be read: unknown"),
                  (-1, "no row names it: nothing happens in it")},
    "casme_sq": {(2, "apex unknown"), (2, "action units unknown"), (-1, "no row names it: nothing happens in it")},
    "casme3_long": {(0, "frames missing within it"), (-1, "no row names it: it is unknown what happens in it")},
    "4dme_long": {(-1, "its layout is partly assumed")},
}  # fmt: skip


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Folder of the fake copy and of the dataset made of it, each made once."""
    base, made = tmp_path_factory.mktemp("recordings"), {}

    def make(name):
        if name not in made:
            write_recordings(name, base / f"{name}-copy")
            prepare(name, [base / f"{name}-copy"], base / name, num_proc=1)
            made[name] = (base / f"{name}-copy", base / name)
        return made[name]

    return make


@pytest.fixture
def small(tmp_path):
    """A copy of SAMM Long Videos with one short recording."""
    write_recordings("samm_long", tmp_path / "copy", ("006_2",))
    return tmp_path / "copy"


def one(root, out, options=None, name="samm_long", **settings):
    return prepare(name, [root], out, options, num_proc=1, **settings)


def rows_of(folder):
    return load_recordings(folder).remove_columns("video").to_list()


def events_of(row):
    if row["events"] is None:
        return None
    return [tuple(event[name] for name in ("onset", "apex", "offset", "kind", "au_codes")) for event in row["events"]]


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_row_becomes_an_event_or_a_remark(prepared, name):
    _, folder = prepared(name)
    rows = {row["recording_id"]: row for row in rows_of(folder)}
    assert sorted(rows) == sorted(EXPECTED[name])
    for recording, (dataset, subject, numbers, events) in EXPECTED[name].items():
        row = rows[recording]
        assert (row["dataset"], row["subject"], row["fps"]) == (dataset, subject, RECORDINGS[name].fps)
        assert (row["num_frames"], tuple(row["frame_numbers"])) == (len(numbers), numbers)
        assert events_of(row) == events, recording
    report = json.loads((folder / "preparation.json").read_text())
    assert {each["row"]: each["what"] for each in report["left_out"]} == LEFT_OUT[name]
    assert len(report["left_out"]) == len(LEFT_OUT[name])
    assert {(each["row"], each["what"]) for each in report["mended"]} == MENDED[name]
    assert {(each["row"], each["what"]) for each in report["kept"]} == KEPT[name]
    assert all(each["dataset"] == name for kind in ("left_out", "mended", "kept") for each in report[kind])
    published = sum(len(rows) for tab, rows in TABS[name]().items() if "naming" not in tab)
    header = {"samm_long": 10, "casme_sq": 0, "casme3_long": 1, "4dme_long": 2}[name]
    kept = sum(len(events or ()) for *_, events in EXPECTED[name].values())
    assert kept + len(report["left_out"]) == published - header
    assert report["recordings"] == len(rows) and sum(report["events"].values()) == kept


def test_emotions_and_units_are_kept_as_published(prepared):
    rows = {row["recording_id"]: row for row in rows_of(prepared("4dme_long")[1])}
    micro, macro = rows["S08_002_01"]["events"]
    assert (micro["action_units"], micro["emotion"]) == (["AU4"], "Negative")  # (k): in doubt
    assert (macro["action_units"], macro["emotion"]) == (["AU12"], "Positive")


def test_people_are_those_of_the_clips(prepared, tmp_path):
    write_copy("samm", tmp_path / "clips")
    prepare("samm", [tmp_path / "clips"], tmp_path / "samm", num_proc=1)
    clips = {(row["dataset"], row["subject"]) for row in load_prepared(tmp_path / "samm").remove_columns("frames")}
    recordings = {(row["dataset"], row["subject"]) for row in rows_of(prepared("samm_long")[1])}
    assert {("samm", "006"), ("samm", "007")} <= clips & recordings
    assert {each.dataset for each in RECORDINGS.values()} <= {*LICENSED, "casme_sq"}


def test_the_video_is_the_aligned_frames_with_room_without_loss_and_timed_by_their_numbers(prepared):
    root, folder = prepared("casme3_long")
    data = load_recordings(folder)
    position = data["recording_id"].index("spNO.1_a")
    row = data.remove_columns("video")[position]
    numbers = row["frame_numbers"]
    files = [str(root / FRAMES["casme3_long"]["spNO.1_a"]).format(number) for number in numbers]
    pictures = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    looks = [pictures[round(each)] for each in np.linspace(0, len(files) - 1, 7)]
    landmarks = np.median([detect_faces(picture)[0].landmarks for picture in looks], axis=0)
    np.testing.assert_allclose(row["landmarks"], landmarks, rtol=1e-5)
    transform = alignment_transform(landmarks, 128)
    room = row["room"]
    with open_recording(data, position) as stream:
        frames = list(stream)
    assert [frame.index for frame in frames] == list(range(len(numbers)))
    assert frames[0].luma.shape == (128 + 2 * room, 128 + 2 * room) and room == 32
    for frame, picture, number in zip(frames, pictures, numbers, strict=True):
        crop = frame.luma[room:-room, room:-room]
        np.testing.assert_allclose(crop, 255 * align(picture, transform, 128), atol=0.6)
        assert frame.time == pytest.approx((number - numbers[0]) / 30, abs=0.002)  # frames 10 and 11 are missing


def test_memory_does_not_grow_with_the_recording(tmp_path):
    peaks = {}
    for length in (30, 300):
        write_frames(tmp_path / str(length) / "{}.jpg", tuple(range(length)), "long")
        files = tuple(f"{length}/{number}.jpg" for number in range(length))
        plan = RecordingPlan("samm", "006", "006_1", 200, tuple(range(length)), files, (), "samm_long")
        tracemalloc.start()
        write_recording(plan, tmp_path, PrepareOptions(size=256), tmp_path / f"{length}.arrow")
        peaks[length] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peaks[300] < peaks[30] + (4 << 20), "300 frames of 384 x 384 would be 44 MB"
    assert pa.default_memory_pool().bytes_allocated() < 16 << 20
    assert sorted(path.name for path in tmp_path.glob("*.*")) == ["30.arrow", "300.arrow"], "no video is left behind"


def test_the_command_says_what_it_made(small, tmp_path, capsys):
    prepare_command(["samm_long", "--root", str(small), "--out", str(tmp_path / "data"), "--num_proc", "1"])
    first, *others = capsys.readouterr().out.splitlines()
    assert first.endswith("1 recordings of SAMM Long Videos with 0 micro and 0 macro expressions; "
                          "0 recordings and 15 intervals left out, 0 mended")  # fmt: skip
    assert any("left out: its recording is missing: 12" in line for line in others)
    assert any("no row names it: nothing happens in it: 1: 006_2" in line for line in others)


@pytest.mark.parametrize("name", RECORDINGS)
def test_what_was_prepared_can_be_inspected_and_is_no_set_of_clips(prepared, name, tmp_path, capsys):
    _, folder = prepared(name)
    inspect_command([str(folder), "--sheet", str(tmp_path / "sheet.png")])
    printed = capsys.readouterr().out
    subjects = {subject for _, subject, *_ in EXPECTED[name].values()}
    assert f"{len(EXPECTED[name])} recordings of {len(subjects)} subjects" in printed
    kinds = [kind for *_, events in EXPECTED[name].values() for *_, kind, _ in events or ()]
    for kind in ("micro", "macro"):
        assert f"{kind}-expressions: {kinds.count(kind)} in " in printed
    quiet = sum(events == [] for *_, events in EXPECTED[name].values())
    unknown = sum(events is None for *_, events in EXPECTED[name].values())
    assert f"recordings without any event: {quiet}; unknown what happens in: {unknown}" in printed
    with Image.open(tmp_path / "sheet.png") as picture:
        assert np.asarray(picture.convert("L")).std() > 20
    with pytest.raises(InputError, match="holds whole recordings, not clips"):
        load_prepared(folder)
    with pytest.raises(InputError, match="holds recordings, not clips: python -m training.spotting --data"):
        load_clips(str(folder), DataOptions(), ["AU1", "AU4"])
    card = (folder / "README.md").read_text()
    assert RECORDINGS[name].request_page in card and "viewer: false" in card and "![" not in card
    assert "all of a recording by one alignment" in card and ("- Assumed: " in card) == (name == "4dme_long")
    assert "| `events` |" in card and "| dataset | recordings | subjects |" in card


def test_clips_are_no_recordings(tmp_path):
    write_copy("smic", tmp_path / "copy")
    prepare("smic", [tmp_path / "copy"], tmp_path / "data", num_proc=1)
    with pytest.raises(InputError, match="lacks the columns recording_id"):
        load_recordings(tmp_path / "data")


def test_the_two_sheets_of_casme3_are_read_together_and_one_alone_is_not_enough(tmp_path):
    write_frames(tmp_path / "copy/part_A/spNO.1/a/color/{}.jpg", tuple(range(1, 51)), "casme3")
    micro = tmp_path / "copy/cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx"
    write_book(micro, {"label": [[*CASME3_HEADER, "emotion"], [*CASME3_ROWS[0], "fear"]]})
    with pytest.raises(InputError, match=r"no CAS\(ME\)3_part_A_v\*.* or cas.*_ME_label.* with .*_MaE_label"):
        one(tmp_path / "copy", tmp_path / "data", name="casme3_long")
    macro = tmp_path / "copy/cas(me)3_part_A_MaE_label_JpgIndex_v2_emotion.xlsx"
    header = ["sub", "seq", "onset", "apex", "offset", "emotion"]
    write_book(macro, {"Sheet1": [header, ["spNO.1", "a", 20, 25, 40, "happy"]]})
    report = one(tmp_path / "copy", tmp_path / "data", name="casme3_long")
    (row,) = rows_of(tmp_path / "data")
    assert events_of(row) == [(7, 11, 13, "micro", ["4"]), (19, 24, 39, "macro", None)]
    assert [event["emotion"] for event in row["events"]] == ["fear", "happy"]
    (remark,) = report["kept"]
    assert (remark["clip"], remark["what"][:25]) == (macro.name, "no column of action units")
    elsewhere = [path.rename(tmp_path / path.name) for path in (micro, macro)]
    one(tmp_path / "copy", tmp_path / "again", name="casme3_long", annotations=elsewhere)
    assert rows_of(tmp_path / "again") == [row]


def test_known_mistakes_of_the_clips_are_mended_in_recordings_too(tmp_path):
    write_frames(tmp_path / "copy/part_A/spNO.4/a/color/{}.jpg", tuple(range(20, 61)), "casme3")
    rows = [["spNO.90", "a", 1, 2, 9, "4", "", "fear"] for _ in range(LICENSED["casme3"].clips)]
    rows[708] = ["spNO.4", "a", 28, 31, 340, "4", "", "anger"]
    header = ["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion"]
    write_book(tmp_path / "copy/cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx", {"label": [header, *rows]})
    macro = [["sub", "seq", "onset", "apex", "offset", "emotion"], ["spNO.4", "a", 40, 45, 55, "happy"]]
    write_book(tmp_path / "copy/cas(me)3_part_A_MaE_label_JpgIndex_v2_emotion.xlsx", {"Sheet1": macro})
    report = one(tmp_path / "copy", tmp_path / "data", name="casme3_long")
    (row,) = rows_of(tmp_path / "data")
    assert events_of(row)[0][:3] == (8, 11, 14)  # the offset is 34
    assert [(each["row"], each["what"]) for each in report["mended"]] == [(708, "a known mistake")]


def test_a_sheet_of_4dme_may_tell_kinds_in_a_column(tmp_path):
    write_recordings("4dme_long", tmp_path / "copy")
    rows = [[*row, kind] for kind, own in FOURDME_ROWS.items() for row in own]
    write_book(tmp_path / "copy" / SHEETS["4dme_long"], {"all": [[*FOURDME_HEADER, "Expression type"], *rows]})
    one(tmp_path / "copy", tmp_path / "data", name="4dme_long")
    (row,) = rows_of(tmp_path / "data")
    assert events_of(row) == EXPECTED["4dme_long"]["S08_002_01"][3]
    write_book(tmp_path / "copy" / SHEETS["4dme_long"], {"all": [FOURDME_HEADER, *FOURDME_ROWS["Micro"]]})
    with pytest.raises(InputError, match="lacks the column.s. Expression type"):
        one(tmp_path / "copy", tmp_path / "other", name="4dme_long")


def test_a_sheet_with_one_kind_alone_is_said_to_be_so(small, tmp_path):
    tabs = TABS["samm_long"]()
    tabs["FACS_Movement_Only"] = [row for row in tabs["FACS_Movement_Only"] if len(row) < 8 or row[7] != "Macro"]
    write_book(small / SHEETS["samm_long"], tabs)
    report = one(small, tmp_path / "data")
    assert "only micro-expressions in its intervals" in " ".join(each["what"] for each in report["kept"])


def test_ready_crops_are_taken_whole(tmp_path):
    write_recordings("samm_long", tmp_path / "copy", ("006_2",))
    (tmp_path / "copy/SAMM_longvideos").rename(tmp_path / "copy/SAMM_longvideos_crop")
    one(tmp_path / "copy", tmp_path / "data", PrepareOptions(frames="cropped", size=64))
    data = load_recordings(tmp_path / "data")
    assert (data[0]["room"], data[0]["landmarks"]) == (0, None)
    with open_recording(data, 0) as stream:
        assert next(stream).luma.shape == (64, 64)


@pytest.mark.parametrize(
    "options, message",
    [
        (PrepareOptions(frames="raw"), "whole raw recordings are not copied; use --frames aligned or cropped"),
        (PrepareOptions(range="onset_apex"), "recordings are kept whole; --range is for clips"),
    ],
)
def test_options_of_clips_are_refused(small, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        one(small, tmp_path / "data", options)
    assert not (tmp_path / "data").exists()


def test_what_cannot_be_found_is_named(small, tmp_path):
    with pytest.raises(InputError, match="there is no folder"):
        one(tmp_path / "nothing", tmp_path / "data")
    (small / "SAMM_longvideos").rename(small / "frames")
    with pytest.raises(InputError, match=r"no recording of SAMM Long Videos.*SAMM_longvideos/006_1/006_1_0001.jpg"):
        one(small, tmp_path / "data")
    (small / SHEETS["samm_long"]).unlink()
    with pytest.raises(InputError, match=r"no SAMM_LongVideos_V\*_Release.xls\(x\), the intervals of SAMM"):
        one(small, tmp_path / "data")
    with pytest.raises(InputError, match="there is no file"):
        one(small, tmp_path / "data", annotations=[tmp_path / "none.xlsx"])


def test_a_prepared_folder_is_no_copy(prepared, tmp_path):
    with pytest.raises(InputError, match="is prepared already"):
        one(prepared("samm_long")[1], tmp_path / "data")


def test_recordings_that_cannot_be_used_are_listed(tmp_path):
    write_recordings("samm_long", tmp_path / "copy")
    frames = tmp_path / "copy/SAMM_longvideos"
    for path in (frames / "007_3").iterdir():
        Image.new("RGB", (160, 160), (90, 90, 90)).save(path)
    for number in range(3, 13):
        (frames / f"006_2/006_2_{number:04d}.jpg").write_bytes(b"cut off")
    for number in (5, *range(62, 67)):  # the last five are all there is of an event
        (frames / f"006_1/006_1_{number:04d}.jpg").write_bytes(b"cut off")
    Image.new("RGB", (80, 80)).save(frames / "006_1/006_1_0006.jpg")
    (frames / "009_1").mkdir()
    report = one(tmp_path / "copy", tmp_path / "data")
    gone = {each["clip"]: each["what"] for each in report["left_out"] if each["row"] == -1}
    assert gone == {
        "007_3": "no face found",
        "006_2": "most of its frames cannot be read",
        "009_1": "no numbered images in its folder",
    }
    (row,) = rows_of(tmp_path / "data")
    assert row["num_frames"] == 73 and events_of(row)[0][:3] == (3, 7, 17)  # 5 and 6 are gone: the nearest is 4
    assert [event[0] for event in events_of(row)] == [3, 22, 37, 61, 62]
    remarks = {each["what"]: each["detail"] for each in report["mended"] if each["row"] == -1}
    unreadable = remarks.pop("frames cannot be read: made of the others")
    assert unreadable.startswith("7 of 80: ") and "another size" in unreadable
    assert remarks == {"an event most of whose frames cannot be read: left out": "row 3, micro from 62 to 66"}
    assert report["events"] == {"micro": 2, "macro": 3}


def test_names_and_links_lead_nowhere_else(small, tmp_path):
    write_frames(tmp_path / "secret/006_9/006_9_{:04d}.jpg", tuple(range(1, 9)), "secret")
    (small / "SAMM_longvideos/006_9").symlink_to(tmp_path / "secret/006_9")
    report = one(small, tmp_path / "data")
    assert [row["recording_id"] for row in rows_of(tmp_path / "data")] == ["006_2"]
    (remark,) = [each for each in report["left_out"] if each["row"] == -1]
    assert remark["what"] == "a link leads out of --root" and "006_9" in remark["detail"]


def test_of_several_folders_of_a_recording_the_subjects_own_is_taken(tmp_path):
    write_recordings("casme_sq", tmp_path / "copy", ("s19_0502",))
    write_frames(tmp_path / "copy/rawpic/s19/19_0502funnyerrors/img{:03d}.jpg", tuple(range(1, 21)), "own")
    report = one(tmp_path / "copy", tmp_path / "data", name="casme_sq")
    (row,) = rows_of(tmp_path / "data")
    assert (row["recording_id"], row["num_frames"]) == ("s19_0502", 20)
    (remark,) = [each for each in report["left_out"] if each["row"] == -1]
    assert (remark["what"], remark["detail"]) == ("several folders of one recording", "23_0502funnyerrors")


def test_images_without_a_true_number_are_not_taken_for_frames(small, tmp_path):
    for stray in ("006_2_20190701123456.jpg", "cover_000000012345678901.jpg"):
        (small / "SAMM_longvideos/006_2" / stray).write_bytes(image("stray", 0))
    report = one(small, tmp_path / "data")
    (row,) = rows_of(tmp_path / "data")
    assert tuple(row["frame_numbers"]) == EXPECTED["samm_long"]["006_2"][2]
    (remark,) = report["mended"]
    assert remark["what"] == "images numbered far from the others" and "006_2_20190701123456.jpg" in remark["detail"]


def test_the_spreadsheet_may_lie_elsewhere_and_the_root_may_be_the_frames_folder(small, tmp_path):
    sheet = (small / SHEETS["samm_long"]).rename(tmp_path / "labels.xlsx")
    report = one(small / "SAMM_longvideos", tmp_path / "data", annotations=[sheet])
    assert report["recordings"] == 1 and report["sheets"] == {"samm_long": "labels.xlsx"}


def test_several_spreadsheets_are_not_guessed_among(small, tmp_path):
    write_book(small / "SAMM_LongVideos_V2_Release.xlsx", TABS["samm_long"]())
    with pytest.raises(InputError, match="several spreadsheets of SAMM Long Videos: .*V2.*V3.*choose by --annotations"):
        one(small, tmp_path / "data")
    one(small, tmp_path / "data", annotations=[small / SHEETS["samm_long"]])


def test_formulas_in_the_naming_rules_are_not_computed(tmp_path):
    write_recordings("casme_sq", tmp_path / "copy", ("s15_0508",))
    tabs = TABS["casme_sq"]() | {"naming rule1": [(15, "=CONCAT(A1)", 1)]}
    write_book(tmp_path / "copy" / SHEETS["casme_sq"], tabs)
    with pytest.raises(InputError, match="folder holds the formula"):
        one(tmp_path / "copy", tmp_path / "data", name="casme_sq")
    write_book(tmp_path / "copy" / SHEETS["casme_sq"], {"CASFEcode_final": tabs["CASFEcode_final"]})
    with pytest.raises(InputError, match="lacks the sheet naming rule1"):
        one(tmp_path / "copy", tmp_path / "data", name="casme_sq")


def test_one_sheet_for_both_kinds_is_not_read_twice(tmp_path):
    write_recordings("4dme_long", tmp_path / "copy")
    rows = [[*row, kind] for kind, own in FOURDME_ROWS.items() for row in own]
    tabs = {"micro and macro": [[*FOURDME_HEADER, "Type"], *rows]}
    write_book(tmp_path / "copy" / SHEETS["4dme_long"], tabs)
    one(tmp_path / "copy", tmp_path / "data", name="4dme_long")
    (row,) = rows_of(tmp_path / "data")
    assert events_of(row) == EXPECTED["4dme_long"]["S08_002_01"][3]


@pytest.mark.parametrize("seed", range(4))
def test_whatever_moments_a_row_has_an_event_lies_within_the_frames_or_is_none(seed):
    rng = np.random.default_rng(seed)
    sheet = RECORDINGS["samm_long"].sheets[0][0]
    kept = 0
    for _ in range(500):
        first = int(rng.integers(0, 3))
        numbers = sorted(rng.choice(np.arange(first, 60), int(rng.integers(2, 50)), replace=False).tolist())
        choices = [None, 0, 10**17, *rng.integers(0, 70, 8).tolist()]
        moments = Moments(*(choices[int(rng.integers(len(choices)))] for _ in range(3)))
        annotation = Annotation(0, "6", "1", moments, "", None, None)
        try:
            event, problems = make_event(Interval(("6", "1"), annotation, "micro", sheet), numbers)
        except ClipError as error:
            assert error.what and error.detail
            continue
        kept += 1
        onset, apex, offset = event.moments
        assert numbers[0] <= onset < offset <= numbers[-1]
        assert apex is None or onset <= apex <= offset
        if event.moments != moments:
            assert problems, "no number is changed in silence"
    assert kept > 30


def test_a_run_that_broke_off_goes_on(tmp_path, monkeypatch):
    write_recordings("samm_long", tmp_path / "copy")
    made, write = [], processes.write_recording

    def interrupted(plan, *args):
        if len(made) == 1:
            raise KeyboardInterrupt
        made.append(plan.recording_id)
        return write(plan, *args)

    monkeypatch.setattr(processes, "write_recording", interrupted)
    with pytest.raises(KeyboardInterrupt):
        one(tmp_path / "copy", tmp_path / "data")
    monkeypatch.setattr(
        processes, "write_recording", lambda plan, *args: made.append(plan.recording_id) or write(plan, *args)
    )
    one(tmp_path / "copy", tmp_path / "data")
    assert sorted(made) == ["006_1", "006_2", "007_3"], "none twice"
    assert not (tmp_path / "data.unfinished").exists()


@pytest.fixture
def hub():
    with StandInHub(page_size=3) as hub:
        yield hub


LOAD = """
import sys
sys.path.insert(0, sys.argv[1])
from hub.repos.prepared import load_recordings
from training.data.recordings import open_recording
data = load_recordings("lab/recordings", sys.argv[2])
for row in range(len(data)):
    with open_recording(data, row) as stream:
        print(data["recording_id"][row], len(data["events"][row]), sum(int(frame.luma.sum()) for frame in stream))
"""


def test_recordings_go_to_a_private_repository_only_and_come_back_whole(hub, prepared, tmp_path):
    _, folder = prepared("samm_long")
    arguments = ["hub.push_dataset", folder, "--repo", "lab/recordings"]
    commit = commit_of(run_module(hub, tmp_path / "home", *arguments))
    repo = hub.store.repos["dataset", "lab/recordings"]
    assert repo.private
    assert {name.split("/")[0] for name in repo.files()} == {".gitattributes", "README.md", "preparation.json", "data"}
    read = run_code(hub, tmp_path / "reader", LOAD, ROOT, commit)
    data, expected = load_recordings(folder), []
    for row, recording in enumerate(data["recording_id"]):
        with open_recording(data, row) as stream:
            total = sum(int(frame.luma.sum()) for frame in stream)
        expected.append(f"{recording} {len(data['events'][row])} {total}")
    assert read.stdout.splitlines() == expected, read.stderr


PUSH = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from hub.pushing.dataset import push_dataset
from training.errors import InputError
for folder in sys.argv[2:]:
    try:
        push_dataset(Path(folder), "lab/recordings")
    except InputError as error:
        print(error)
"""


def test_a_public_repository_gets_no_recording_whatever_a_report_says(hub, prepared, tmp_path):
    folders = []
    for name in RECORDINGS:
        folders.append(tmp_path / name)  # no preparation.json: the rows themselves say whose they are
        datasets.load_from_disk(str(prepared(name)[1])).save_to_disk(str(folders[-1]))
    hub.store.create("dataset", "lab/recordings", private=False, owner="owner")
    done = run_code(hub, tmp_path / "home", PUSH, ROOT, *folders)
    lines = done.stdout.splitlines()
    assert len(lines) == len(RECORDINGS), done.stderr
    for line, dataset in zip(lines, RECORDINGS.values(), strict=True):
        assert "lab/recordings is public" in line
        assert f"clips of {dataset.dataset}, whose licence forbids passing them on" in line
    assert set(hub.store.repos["dataset", "lab/recordings"].files()) == {".gitattributes"}
    assert licensed_among(RECORDINGS) == sorted(RECORDINGS)

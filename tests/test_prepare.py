import json
import os
import subprocess
import sys
import time
from pathlib import Path

import datasets
import numpy as np
import pytest
from fake_datasets import COPIES, FakeClip, image, run, write_copy, write_frames
from PIL import Image

from hub.inspect import main as inspect_command
from hub.licensed import LICENSED, processes
from hub.licensed.plans import PrepareOptions
from hub.licensed.preparation import prepare
from hub.prepare import main as prepare_command
from hub.repos.prepared import load_prepared
from modeling_aullm.face_alignment import FACE_TEMPLATE, align, alignment_transform, detect_faces
from modeling_aullm.facs import AU_SETS
from training.data.clips import load_clips
from training.errors import InputError, run_command
from training.options import DataOptions

UNITS = list(AU_SETS["cd6me"])

# Of each clip with frames: subject; onset, apex and offset among its frames, and their number; units; codes.
EXPECTED = {
    "casme": {
        "01_EP01_5": ("01", 0, 2, 5, 6, "AU4 AU9", "4 9"),
        "02_EP01_5": ("02", 0, 2, 5, 6, "AU14", "L14"),
        "03_EP02_1": ("03", 0, 4, 8, 9, "AU4", "4"),
        "04_EP02_2": ("04", 0, 3, 6, 7, "AU1 AU4", "1 4"),
        "01_EP03_1": ("01", 0, 3, 6, 7, None, None),
        "07_EP04_1": ("07", 0, 9, 18, 19, "AU14", "14"),
        "07_EP04_2": ("07", 0, 3, 7, 8, "AU9", "9"),
        "08_EP05_1": ("08", 0, 3, 7, 8, "AU4", "4"),
    },
    "casme2": {
        "01_EP02_01f": ("01", 0, 3, 7, 8, "AU12", "12"),
        "02_EP02_01f": ("02", 0, 2, 4, 5, "AU12 AU15", "R12 L15"),
        "03_EP03_02": ("03", 0, 2, 6, 7, "AU4 AU7", "4 7"),  # the third of eight frames is missing
        "04_EP03_05": ("04", 0, 3, 6, 7, "AU4 AU14", "4 R14A"),
        "05_EP04_01": ("05", 0, 3, 6, 7, None, None),
        "05_EP19_01": ("05", 0, 4, 8, 9, "AU12", "12"),
        "06_EP19_02": ("06", 0, 6, 10, 11, "AU2", "2"),
        "06_EP12_01f": ("06", 0, 4, 17, 18, "AU12", "L12"),
        "07_EP12_02f": ("07", 0, -1, 7, 8, None, None),
    },
    "samm": {
        "006_1_2": ("006", 0, 3, 7, 8, "AU4 AU7", "4 7"),
        "007_3_1": ("007", 0, 3, 6, 7, "AU12", "L12B"),
        "009_3_1": ("009", 0, 3, 6, 7, "AU2 AU14", "2 R14A"),
        "011_1_1": ("011", 0, 3, 6, 7, "AU12 AU15", "R12 R15"),
        "012_1_1": ("012", 0, 3, 6, 7, "AU12 AU15", "R12 R15"),
        "013_1_1": ("013", 0, 3, 6, 7, "AU12", "12 14_(k)"),
        "020_5_1": ("020", 0, 3, 7, 8, "AU7", "7"),
        "028_4_1": ("028", 0, 4, 8, 9, "AU4", "4"),
    },
    "4dme": {
        "s1_c1": ("s1", 0, 3, 7, 8, "AU4 AU7", "4 7"),
        "s2_c1": ("s2", 0, 3, 7, 8, "AU1", "1 2_(k)"),
        "s3_c2": ("s3", 0, 3, 7, 8, "AU45", "45"),
        "s4_c1": ("s4", 0, 3, 7, 8, "AU4", "4"),
        "s4_c2": ("s4", 0, 3, 7, 8, "AU6 AU12", "6 12"),
        "s5_c1": ("s5", 0, 3, 7, 8, "AU17", "17"),
    },
    "mmew": {
        "1_S1_1": ("1", 0, 3, 7, 8, "AU12", "12"),
        "1_S1_2": ("1", 0, 3, 7, 8, "AU4", "4"),
        "2_S2_1": ("2", 0, 3, 7, 8, "AU1 AU2 AU5", "1 2 5"),
        "3_S3_1": ("3", 0, 3, 7, 8, "AU10", "10"),
        "4_S4_1": ("4", 0, 14, 53, 54, "AU14", "14"),
        "5_S5_1": ("5", 0, 2, 7, 8, "AU7", "7"),
    },
    "casme3": {
        "spNO.1_a_8": ("spNO.1", 0, 1, 3, 4, "AU4 AU7", "4 7"),  # of 8 to 13, 10 and 11 are missing; the apex was 10
        "spNO.1_a_20": ("spNO.1", 0, 4, 8, 9, "AU12", "R12"),
        "spNO.2_B_1": ("spNO.2", 0, 3, 7, 8, "AU1 AU2", "1 2"),
        "spNO.3_c_1": ("spNO.3", 0, 3, 7, 8, "AU14", "14"),
        "spNO.4_a_28": ("spNO.4", 0, 3, 6, 7, "AU4", "4"),
        "spNO.5_d_row750": ("spNO.5", 0, 0, 7, 8, "AU5", "5"),
    },
    "smic": {
        "s1_ne_01": ("s1", 0, -1, 7, 8, None, None),
        "s1_po_02": ("s1", 0, -1, 6, 7, None, None),
        "s2_ne_01": ("s2", 0, -1, 7, 8, None, None),
        "s3_sur_01": ("s3", 0, -1, 7, 8, None, None),
    },
}
REMARKS = {
    "casme": {("mended", 42), ("mended", 54), ("kept", 4)},
    "casme2": {("mended", 2), ("mended", 3), ("mended", 29), ("mended", 60), ("kept", 35), ("kept", 61), ("kept", 4)},
    "samm": {("mended", 15), ("mended", 56), ("mended", 125)},
    "4dme": {("mended", 0), ("mended", 144), ("mended", 145)},
    "mmew": {("mended", 35), ("kept", 145)},
    "casme3": {("mended", 0), ("mended", 708), ("mended", 750)},
    "smic": set(),
}
GOOD = [FakeClip(k, k + 1, f"EP0{k}_01", 9, 11, 13, units) for k, units in enumerate(("4+12", "AU1", "?", "R12B"))]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Folder of the fake copy and of the dataset made of it, each made once."""
    base, made = tmp_path_factory.mktemp("prepared"), {}

    def make(name):
        if name not in made:
            write_copy(name, base / f"{name}-copy")
            prepare(name, [base / f"{name}-copy"], base / name, num_proc=1)
            made[name] = (base / f"{name}-copy", base / name)
        return made[name]

    return make


@pytest.fixture
def small(tmp_path):
    """A copy of CASME II with four clips; its sheet has no other rows."""
    write_copy("casme2", tmp_path / "copy", GOOD, rows=len(GOOD))
    return tmp_path / "copy"


def one(root, out, options=None, name="casme2", **settings):
    """Prepare in this process."""
    return prepare(name, [root], out, options, num_proc=1, **settings)


def frames_of(folder):
    data = load_prepared(folder).with_format("numpy", columns=["frames"], output_all_columns=True, dtype=np.uint8)
    return {row["clip_id"]: row["frames"] for row in data}


@pytest.mark.parametrize("name", LICENSED)
def test_every_row_of_a_copy_becomes_a_clip_or_a_remark(prepared, name):
    _, folder = prepared(name)
    rows = {row["clip_id"]: row for row in load_prepared(folder)}
    assert list(rows) == list(EXPECTED[name])
    for clip, row in zip(COPIES[name], rows.values(), strict=True):
        subject, *moments, num_frames, units, codes = EXPECTED[name][row["clip_id"]]
        assert (row["dataset"], row["subject"], row["fps"]) == (name, subject, LICENSED[name].fps)
        assert [row["onset"], row["apex"], row["offset"]] == moments, row["clip_id"]
        assert (len(row["frames"]), row["emotion"]) == (num_frames, clip.emotion)
        assert row["action_units"] == (None if units is None else units.split())
        assert row["au_codes"] == (None if codes is None else [code.replace("_", " ") for code in codes.split()])
        assert set(row["frame_numbers"]) <= set(clip.images)
        assert row["frame_numbers"] == sorted(row["frame_numbers"])
    report = json.loads((folder / "preparation.json").read_text())
    assert report["licensed"] is True and report["datasets"] == [name]
    assert len(rows) + len(report["left_out"]) == LICENSED[name].clips
    assert {(kind, each["row"]) for kind in ("mended", "kept") for each in report[kind]} == REMARKS[name]
    assert {each["what"] for each in report["left_out"]} == {"its folder is missing"}
    card = (folder / "README.md").read_text()
    assert LICENSED[name].request_page in card and "![" not in card and "viewer: false" in card


@pytest.mark.parametrize("name", LICENSED)
def test_what_was_prepared_can_be_inspected_and_trained_on(prepared, name, tmp_path, capsys):
    _, folder = prepared(name)
    sheet = tmp_path / "sheet.png"
    inspect_command([str(folder), "--sheet", str(sheet), "--clips", "3"])
    printed = capsys.readouterr().out
    subjects = {expected[0] for expected in EXPECTED[name].values()}
    assert f"{name}: {len(EXPECTED[name])} clips of {len(subjects)} subjects" in printed
    assert f"faces: {len(EXPECTED[name])} found" in printed
    with Image.open(sheet) as picture:
        assert np.asarray(picture.convert("L")).std() > 20
    if name == "smic":
        assert "action units: none coded" in printed
        with pytest.raises(InputError, match="no clip of .* has action units coded"):
            load_clips(str(folder), DataOptions(), UNITS)
        return
    clips, _, unknown = load_clips(str(folder), DataOptions(ignore_other_units=True), UNITS)
    known = [(clip_id, expected) for clip_id, expected in EXPECTED[name].items() if expected[5] is not None]
    assert len(unknown) == len(EXPECTED[name]) - len(known)
    for clip, (clip_id, expected) in zip(clips, known, strict=True):
        assert (clip.clip_id, clip.person, clip.frames.shape[1:]) == (clip_id, f"{name}/{expected[0]}", (64, 64))
        assert [unit for unit, label in zip(UNITS, clip.labels, strict=True) if label] == [
            unit for unit in expected[5].split() if unit in UNITS
        ]


def test_cells_that_do_not_say_are_unknown_listed_and_neither_counted_nor_learned(tmp_path, capsys):
    cells = ["4+12", "?", None, "/", "unknown", "n/a", "4+?", "none", "R12B"]
    write_copy("mmew", tmp_path / "copy", [FakeClip(k, k, f"S{k}_1", 1, 3, 5, cell) for k, cell in enumerate(cells)], 9)
    prepare_command(["mmew", "--root", str(tmp_path / "copy"), "--out", str(tmp_path / "data"), "--num_proc", "1"])
    assert "action units unknown: for neither training nor scores: 6" in capsys.readouterr().out
    rows = load_prepared(tmp_path / "data")
    assert rows["action_units"][:] == [["AU4", "AU12"], None, None, None, None, None, None, [], ["AU12"]]
    assert [codes is None for codes in rows["au_codes"]] == [units is None for units in rows["action_units"]]
    report = json.loads((tmp_path / "data/preparation.json").read_text())
    said = {each["row"]: each["detail"] for each in report["kept"] if each["what"].startswith("action units unknown")}
    assert said == {row: f"cell {cells[row]!r}" if cells[row] else "empty cell" for row in range(1, 7)}
    assert "Of 6 clips the units are unknown" in (tmp_path / "data/README.md").read_text()
    inspect_command([str(tmp_path / "data"), "--sheet", str(tmp_path / "sheet.png")])
    printed = capsys.readouterr().out
    assert "action units: coded for 3 of 9 clips" in printed and "action units unknown: 6: mmew/1_S1_1" in printed
    assert ["AU12", "2", "67%", "2"] in [line.split() for line in printed.splitlines()]  # of those that are coded
    clips, _, unknown = load_clips(str(tmp_path / "data"), DataOptions(), UNITS)
    assert [clip.clip_id for clip in clips] == ["0_S0_1", "7_S7_1", "8_S8_1"] and len(unknown) == 6


def test_crops_are_aligned_once_a_clip_by_its_first_frame(prepared):
    root, folder = prepared("casme2")
    crops = frames_of(folder)["01_EP02_01f"]
    images = [
        np.asarray(Image.open(root / f"CASME2_RAW_selected/sub01/EP02_01f/img{n}.jpg").convert("RGB"))
        for n in range(46, 54)
    ]
    face = detect_faces(images[0])[0]
    transform = alignment_transform(face.landmarks, 128)
    for crop, picture in zip(crops, images, strict=True):
        np.testing.assert_allclose(crop, 255 * align(picture, transform, 128), atol=0.51)
    row = load_prepared(folder)[0]
    np.testing.assert_allclose(row["landmarks"], face.landmarks, rtol=1e-5)
    placed = np.hstack([face.landmarks, np.ones((5, 1))]) @ transform.T
    np.testing.assert_allclose(placed / 128, FACE_TEMPLATE, atol=0.08)


def test_loso_runs_on_a_prepared_dataset(prepared, tmp_path, capsys):
    from training import loso

    _, folder = prepared("casme2")
    arguments = ["--data", folder, "--output", tmp_path / "run", "--method", "prior", "--ignore_other_units"]
    old, sys.argv = sys.argv, ["loso", *map(str, arguments)]
    try:
        loso.main()
    finally:
        sys.argv = old
    provenance = json.loads((tmp_path / "run/folds/casme2-05-seed1/provenance.json").read_text())
    assert provenance["clips"]["test"] == 1  # of the other it is unknown what it shows
    left_out = ["casme2/05/05_EP04_01", "casme2/07/07_EP12_02f"]
    assert provenance["unknown"] == {str(folder): left_out}
    assert f"2 clips left out, for it is unknown which action units they show: {', '.join(left_out)}" in (
        capsys.readouterr().err
    )


def test_frames_to_the_apex(small, tmp_path):
    report = one(small, tmp_path / "data", PrepareOptions(range="onset_apex"))
    assert report["options"]["range"] == "onset_apex"
    for row in load_prepared(tmp_path / "data"):
        assert (row["onset"], row["apex"], row["offset"], row["frame_numbers"]) == (0, 2, -1, [9, 10, 11])
    with pytest.raises(InputError, match="SMIC .* has no apex"):
        write_copy("smic", tmp_path / "smic")
        one(tmp_path / "smic", tmp_path / "other", PrepareOptions(range="onset_apex"), "smic")


def test_raw_frames_keep_their_bytes_and_can_be_cropped_later(small, tmp_path):
    one(small, tmp_path / "raw", PrepareOptions(frames="raw", faces="later"))
    raw = load_prepared(tmp_path / "raw")
    stored = raw.cast_column("frames", datasets.List(datasets.Image(decode=False)))[1]
    folder = small / "CASME2_RAW_selected/sub02/EP01_01"
    assert [each["bytes"] for each in stored["frames"]] == [(folder / f"img{n}.jpg").read_bytes() for n in run(9, 13)]
    assert stored["landmarks"] is None
    clips = load_clips(str(tmp_path / "raw"), DataOptions(ignore_other_units=True), UNITS).clips
    assert clips[1].frames.shape == (5, 64, 64)
    one(tmp_path / "raw", tmp_path / "later", PrepareOptions(size=96))
    one(small, tmp_path / "now", PrepareOptions(size=96))
    later, now = frames_of(tmp_path / "later"), frames_of(tmp_path / "now")
    assert all(np.array_equal(later[clip], now[clip]) for clip in now)
    assert load_prepared(tmp_path / "later")[3]["au_codes"] == ["R12B"]
    with pytest.raises(InputError, match="is prepared already"):
        one(tmp_path / "now", tmp_path / "again")


def test_ready_crops_are_taken_whole(small, tmp_path):
    for number in run(9, 13):
        path = small / f"Cropped/sub01/EP00_01/reg_img{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image("crop", number, side=64))
    report = one(small, tmp_path / "data", PrepareOptions(frames="cropped", size=64))
    assert (report["clips"], len(report["left_out"])) == (1, 3)
    (frames,) = frames_of(tmp_path / "data").values()
    with Image.open(path) as picture:
        np.testing.assert_allclose(frames[-1], np.asarray(picture.convert("L")), atol=1)
    assert load_prepared(tmp_path / "data")[0]["landmarks"] is None


def test_units_in_doubt_count_when_asked_for(tmp_path):
    write_copy("4dme", tmp_path / "copy", COPIES["4dme"][1:2])
    one(tmp_path / "copy", tmp_path / "data", PrepareOptions(keep_uncertain=True), "4dme")
    assert load_prepared(tmp_path / "data")[0]["action_units"] == ["AU1", "AU2"]


def test_six_datasets_join_into_one(prepared, tmp_path, capsys):
    names = ["casme", "casme2", "samm", "4dme", "mmew", "casme3"]
    roots = [prepared(name)[index % 2] for index, name in enumerate(names)]
    named = [f"{name}={root}" if index % 2 == 0 else str(root) for index, (name, root) in enumerate(zip(names, roots))]
    prepare_command(["cross", "--root", *named, "--out", str(tmp_path / "cross"), "--num_proc", "1"])
    assert "not the whole of CD6ME" not in capsys.readouterr().out
    rows = list(load_prepared(tmp_path / "cross"))
    assert [(row["dataset"], row["clip_id"]) for row in rows] == [
        (name, clip) for name in names for clip in EXPECTED[name]
    ]
    apart = {name: frames_of(prepared(name)[1]) for name in names}
    joined = frames_of(tmp_path / "cross")
    assert all(np.array_equal(joined[row["clip_id"]], apart[row["dataset"]][row["clip_id"]]) for row in rows)
    blink = next(row for row in rows if row["clip_id"] == "s3_c2")
    assert (blink["action_units"], blink["au_codes"]) == ([], ["45"])  # AU45 is none of CD6ME's twelve
    unknown = [row for row in rows if row["action_units"] is None]
    assert [row["clip_id"] for row in unknown] == ["01_EP03_1", "05_EP04_01", "07_EP12_02f"]
    assert len(load_clips(str(tmp_path / "cross"), DataOptions(), UNITS).clips) == len(rows) - len(unknown)
    report = json.loads((tmp_path / "cross/preparation.json").read_text())
    assert set(report["datasets"]) == set(names) and report["complete_cd6me"]
    assert {each["dataset"] for each in report["left_out"]} == set(names)


def test_a_cross_of_some(prepared, tmp_path, capsys):
    both = tmp_path / "both"
    both.mkdir()
    (both / "CASME II").symlink_to(prepared("casme2")[1])
    (both / "samm").symlink_to(prepared("samm")[0])
    prepare_command(["cross", "--root", str(both), "--out", str(tmp_path / "data"), "--num_proc", "1"])
    assert "not the whole of CD6ME: lacks 4dme, casme, casme3, mmew" in capsys.readouterr().out
    assert set(load_prepared(tmp_path / "data")["dataset"]) == {"casme2", "samm"}


@pytest.mark.parametrize(
    "roots, message",
    [
        (["COPY"], "not a prepared dataset, nor a folder with folders casme, casme2"),
        (["smic=COPY"], "smic is not of casme"),
        (["casme2=COPY", "CASMEII=COPY"], "casme2 is there twice"),
        (["samm=DATA"], "holds casme2, not samm alone"),
        (["RAW96"], "was prepared with other frames"),
    ],
)
def test_what_cannot_be_joined(prepared, tmp_path, roots, message):
    copy, data = prepared("casme2")
    if "RAW96" in roots:
        write_copy("casme2", tmp_path / "small", GOOD[:1])
        one(tmp_path / "small", tmp_path / "96", PrepareOptions(size=96))
    names = {"COPY": copy, "DATA": data, "RAW96": tmp_path / "96"}
    given = ["=".join(str(names.get(part, part)) for part in root.split("=")) for root in roots]
    with pytest.raises(InputError, match=message):
        prepare("cross", given, tmp_path / "out", num_proc=1)
    assert not (tmp_path / "out").exists()


def test_known_mistakes_are_looked_for_in_the_published_sheet_only(tmp_path):
    write_copy("casme2", tmp_path / "copy", COPIES["casme2"], rows=255)
    report = one(tmp_path / "copy", tmp_path / "data")
    apexes = {row["clip_id"]: row["apex"] for row in load_prepared(tmp_path / "data")}
    assert (apexes["05_EP19_01"], "06_EP12_01f" in apexes) == (-1, False)
    (remark,) = [each for each in report["kept"] if each["row"] == -1]
    assert remark["what"].startswith("not the published spreadsheet") and remark["detail"].startswith("255 rows")


def test_swapped_rows_of_a_later_release_are_kept(tmp_path):
    write_copy("4dme", tmp_path / "copy", COPIES["4dme"][3:5])
    sheet = tmp_path / "copy/4DME_Labelling_Micro_release v1.xlsx"
    sheet.rename(sheet.with_name("4DME_Labelling_Micro_release v2.xlsx"))
    report = one(tmp_path / "copy", tmp_path / "data", name="4dme")
    assert load_prepared(tmp_path / "data")["au_codes"][:] == [["6", "12"], ["4"]]
    assert [each["row"] for each in report["kept"]] == [144, 145] and not report["mended"]


def test_a_run_that_broke_off_goes_on(small, tmp_path, monkeypatch):
    made, make_row = [], processes.make_row

    def interrupted(plan, *args):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(plan.clip_id)
        return make_row(plan, *args)

    monkeypatch.setattr(processes, "make_row", interrupted)
    with pytest.raises(KeyboardInterrupt):
        one(small, tmp_path / "data")
    assert not (tmp_path / "data").exists()
    monkeypatch.setattr(processes, "make_row", lambda plan, *args: made.append(plan.clip_id) or make_row(plan, *args))
    one(small, tmp_path / "data")
    assert made == [f"0{k + 1}_EP0{k}_01" for k in range(4)]  # none twice
    assert (
        sorted(path.name for path in tmp_path.iterdir()) == ["cache", "copy", "data"]
        or not (tmp_path / "data.unfinished").exists()
    )
    one(small, tmp_path / "data")  # all there
    assert len(made) == 4
    with pytest.raises(InputError, match="made with other options: size was 128 and is 64 now"):
        one(small, tmp_path / "data", PrepareOptions(size=64))


def test_a_killed_run_with_two_processes_goes_on_and_gives_the_same(tmp_path):
    clips = [FakeClip(k, k % 5 + 1, f"EP{k:02d}_01", 9, 11, 60, "4") for k in range(40)]
    write_copy("casme2", tmp_path / "copy", clips, rows=len(clips))
    arguments = ["casme2", "--root", tmp_path / "copy", "--out", tmp_path / "data", "--num_proc", "2"]
    command = [sys.executable, "-m", "hub.prepare", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    unfinished = tmp_path / "data.unfinished"
    while not list(unfinished.glob("[!.]*.json")) and process.poll() is None:
        time.sleep(0.05)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    workers = [int(child) for child in children.read_text().split()] if children.exists() else []
    process.kill()
    process.wait()
    assert not (tmp_path / "data").exists()
    there = {path.name: path.stat().st_mtime_ns for path in unfinished.glob("[!.]*.json")}
    assert there
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{worker}").exists() for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(_is_alive(worker) for worker in workers)
    one(tmp_path / "copy", tmp_path / "data")
    one(tmp_path / "copy", tmp_path / "whole")
    killed, whole = frames_of(tmp_path / "data"), frames_of(tmp_path / "whole")
    assert list(killed) == list(whole) and all(np.array_equal(killed[clip], whole[clip]) for clip in whole)


def _is_alive(process):
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False


def test_nothing_usable_names_the_folder_expected(small, tmp_path, capsys):
    os.rename(small / "CASME2_RAW_selected", small / "frames")
    with pytest.raises(SystemExit) as stop:
        run_command(lambda: prepare_command(["casme2", "--root", str(small), "--out", str(tmp_path / "data")]))
    assert stop.value.code == 2
    message = capsys.readouterr().err
    assert f"{small}/CASME2_RAW_selected/sub01/EP02_01f/img46.jpg" in message
    assert "its folder is missing: 4" in message and not (tmp_path / "data").exists()
    assert not (tmp_path / "data.unfinished").exists()


def test_clips_without_a_face_or_with_most_frames_gone_are_left_out(small, tmp_path):
    folder = small / "CASME2_RAW_selected"
    for path in (folder / "sub01/EP00_01").iterdir():
        Image.new("RGB", (160, 160), (90, 90, 90)).save(path)
    for number in (10, 11, 12):
        (folder / f"sub02/EP01_01/img{number}.jpg").unlink()
    (folder / "sub03/EP02_01/img10.jpg").write_bytes(b"cut off")
    report = one(small, tmp_path / "data")
    reasons = {each["clip"]: each["what"] for each in report["left_out"]}
    assert reasons == {"01_EP00_01": "no face found", "02_EP01_01": "most of its frames are missing"}
    (remark,) = report["mended"]
    assert (remark["clip"], remark["detail"]) == ("03_EP02_01", "img10.jpg is no readable image")
    row = load_prepared(tmp_path / "data")[0]
    assert (row["frame_numbers"], row["apex"], row["offset"]) == ([9, 11, 12, 13], 1, 3)


def test_a_face_that_shows_up_late_aligns_the_whole_clip(small, tmp_path):
    Image.new("RGB", (160, 160), (90, 90, 90)).save(small / "CASME2_RAW_selected/sub01/EP00_01/img9.jpg")
    report = one(small, tmp_path / "data")
    (remark,) = report["mended"]
    assert (remark["clip"], remark["detail"]) == ("01_EP00_01", "frame 10")
    assert len(load_prepared(tmp_path / "data")[0]["frames"]) == 5


def test_copies_may_differ_in_capitals_and_zeros(tmp_path):
    write_copy("casme2", tmp_path / "copy", GOOD[:2], rows=2)
    root = tmp_path / "copy/CASME2_RAW_selected"
    os.rename(root / "sub01", root / "Sub1")
    os.rename(root, root.with_name("casme2_raw_selected"))
    assert one(tmp_path / "copy", tmp_path / "data")["clips"] == 2


def test_the_emotion_of_a_folder_may_be_another_than_in_the_sheet(tmp_path):
    write_copy("mmew", tmp_path / "copy", COPIES["mmew"][:2], rows=2)
    os.rename(tmp_path / "copy/Micro_Expression/anger", tmp_path / "copy/Micro_Expression/Other feelings")
    one(tmp_path / "copy", tmp_path / "data", name="mmew")
    assert load_prepared(tmp_path / "data")["emotion"][:] == ["happiness", "anger"]


def test_the_spreadsheet_may_lie_elsewhere_and_the_root_may_be_the_frames_folder(small, tmp_path):
    sheet = tmp_path / "labels.xlsx"
    os.rename(next(small.glob("*.xlsx")), sheet)
    with pytest.raises(InputError, match=r"holds no CASME2-coding-\*.xlsx.*--annotations"):
        one(small, tmp_path / "data")
    report = one(small / "CASME2_RAW_selected", tmp_path / "data", annotations=[sheet])
    assert report["clips"] == 4 and report["sheets"] == {"casme2": "labels.xlsx"}


def test_several_spreadsheets_are_not_guessed_among(small, tmp_path):
    write_copy("casme2", tmp_path / "other", GOOD[:1], rows=1)
    os.rename(next((tmp_path / "other").glob("*.xlsx")), small / "CASME2-coding-2014.xlsx")
    with pytest.raises(InputError, match="several .*CASME2-coding-2014.xlsx.*choose one by --annotations"):
        one(small, tmp_path / "data")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"size": 8}, "--size must be 16 to 1024"),
        ({"faces": "later"}, "--faces later needs --frames raw"),
    ],
)
def test_options_that_cannot_be_followed(options, message):
    with pytest.raises(InputError, match=message):
        PrepareOptions(**options)


def test_a_folder_with_other_things_is_not_touched(small, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="holds other things"):
        one(small, tmp_path / "data")
    assert (tmp_path / "data" / "thesis.txt").read_text() == "mine"


def test_the_same_name_for_several_clips_of_a_subject(tmp_path):
    clips = [FakeClip(k, 1, "EP01_01", 9 + 10 * k, 11 + 10 * k, 13 + 10 * k, "4") for k in range(2)]
    write_copy("casme2", tmp_path / "copy", clips, rows=2)
    write_frames("casme2", tmp_path / "copy", clips[0])
    one(tmp_path / "copy", tmp_path / "data")
    assert load_prepared(tmp_path / "data")["clip_id"][:] == ["01_EP01_01_9", "01_EP01_01_19"]

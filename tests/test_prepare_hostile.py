"""Spreadsheets and folders that mean harm, or are merely broken: no harm is done, and they are named."""

import pickle
import struct
import zipfile
import zlib

import openpyxl
import pytest
from fake_datasets import FakeClip, image, run, write_copy, write_sheet

from hub.licensed.plans import PrepareOptions
from hub.licensed.preparation import prepare
from hub.repos.prepared import load_prepared
from training.errors import InputError

GOOD = FakeClip(0, 1, "EP00_01", 9, 11, 13, "4")


def outcome(tmp_path, *bad, name="casme2", options=None):
    """Prepare a good clip and bad ones: the report, by clip; the good one has to be there."""
    clips = [GOOD, *bad]
    root = tmp_path / "copy"
    write_copy(name, root, [GOOD])
    write_sheet(name, next(root.glob("*.xlsx")), clips, len(clips))
    report = prepare(name, [root], tmp_path / "data", options, num_proc=1)
    assert load_prepared(tmp_path / "data")["clip_id"][0].endswith("EP00_01")
    return report


def secret(tmp_path):
    """A clip outside the root."""
    folder = tmp_path / "secret/EP66"
    folder.mkdir(parents=True)
    for number in run(9, 13):
        (folder / f"img{number}.jpg").write_bytes(image("secret", number))
    return folder


@pytest.mark.parametrize(
    "filename",
    ["../../../secret/EP66", "..", "/SECRET", "EP\\..\\66", "C:EP66", "\x1b[2J", "*"],
)
def test_names_that_lead_out_of_the_root(tmp_path, filename):
    folder = secret(tmp_path)
    filename = filename.replace("/SECRET", str(folder))
    if not filename.isprintable():
        filename = "EP\u202e66"  # openpyxl refuses to write control characters; this one turns the line around
    report = outcome(tmp_path, FakeClip(1, 2, filename, 9, 11, 13, "4"))
    (left,) = report["left_out"]
    assert left["row"] == 1 and left["what"] == "a name that could lead out of --root"
    assert repr(filename[:80]) in left["detail"] and left["clip"].isprintable()


def test_a_subject_or_an_emotion_that_leads_out_of_the_root(tmp_path):
    secret(tmp_path)
    report = outcome(tmp_path, FakeClip(1, "../../secret", "EP66", 9, 11, 13, "4"))
    assert [left["row"] for left in report["left_out"]] == [1]
    bad = FakeClip(1, 2, "EP66", 9, 11, 13, "4", emotion="../../../secret")
    report = outcome(tmp_path / "mmew", bad, name="mmew")
    assert [left["what"] for left in report["left_out"]] == ["a name that could lead out of --root"]


@pytest.mark.parametrize("what", ["folder", "file"])
def test_links_that_lead_out_of_the_root(tmp_path, what):
    folder = secret(tmp_path)
    there = tmp_path / "copy/CASME2_RAW_selected/sub02"
    there.mkdir(parents=True)
    if what == "folder":
        (there / "EP66").symlink_to(folder)
    else:
        (there / "EP66").mkdir()
        for number in run(9, 13):
            (there / f"EP66/img{number}.jpg").symlink_to(folder / f"img{number}.jpg")
    report = outcome(tmp_path, FakeClip(1, 2, "EP66", 9, 11, 13, "4"), options=PrepareOptions(frames="raw"))
    (left,) = report["left_out"]
    assert left["what"] == "a link leads out of --root" and "sub02/EP66" in left["detail"]


@pytest.mark.parametrize(
    "cells, message",
    [
        ({"onset": "=1+8"}, "onset holds the formula '=1+8'"),
        ({"offset": "=CMD|'/C calc'!A0"}, "offset holds the formula"),
        ({"filename": '=HYPERLINK("http://x")'}, "filename holds the formula"),
        ({"units": "=A1"}, "units holds the formula"),
        ({"onset": -4}, "onset is '-4', which is no frame number"),
        ({"onset": "first"}, "onset is 'first'"),
        ({"onset": 9.5}, "onset is '9.5'"),
        ({"offset": 10**30}, "offset is '1"),
        ({"units": "smile"}, "'smile' is no action unit"),
        ({"units": "12+777"}, "FACS has no number 777"),
    ],
)
def test_cells_that_hold_something_else(tmp_path, cells, message):
    cells = {"subject": 2, "filename": "EP01_01", "onset": 9, "apex": 11, "offset": 13, "units": "4"} | cells
    (left,) = outcome(tmp_path, FakeClip(1, **cells))["left_out"]
    assert left["row"] == 1 and message in left["detail"]


def test_an_array_formula(tmp_path):
    root = tmp_path / "copy"
    write_copy("casme2", root, [GOOD, FakeClip(1, 2, "EP01_01", 9, 11, 13, "4")], rows=2)
    book = openpyxl.load_workbook(next(root.glob("*.xlsx")))
    book.active["D3"] = openpyxl.worksheet.formula.ArrayFormula("D3", "=SUM(D2:D2)")
    book.save(next(root.glob("*.xlsx")))
    report = prepare("casme2", [root], tmp_path / "data", num_proc=1)
    assert [left["detail"] for left in report["left_out"]] == ["onset holds a formula, expected text or a number"]


@pytest.mark.parametrize("name", ["casme2", "casme3"])
def test_a_claim_of_very_many_frames_costs_nothing(tmp_path, name):
    bad = FakeClip(1, 2, "EP01_01", 9, 11, 10**9, "4", numbers=run(9, 13))
    root = tmp_path / "copy"
    write_copy(name, root, [GOOD, bad], rows=2)
    report = prepare(name, [root], tmp_path / "data", num_proc=1)
    (left,) = report["left_out"]
    assert left["what"] == "most of its frames are missing"
    assert left["detail"] == "5 of 999999992 from 9 to 1000000000"


def test_frames_numbered_far_apart(tmp_path):
    bad = FakeClip(1, 2, "EP01_01", 9, 10, 10, "4", numbers=(1, 10**15))
    write_copy("casme2", tmp_path / "copy", [GOOD, bad], rows=2)
    report = prepare("casme2", [tmp_path / "copy"], tmp_path / "data", num_proc=1)
    assert load_prepared(tmp_path / "data")[1]["frame_numbers"] == [1, 10**15]
    assert [each["what"] for each in report["mended"]] == [
        "frames numbered otherwise, as many as annotated: taken in order"
    ]


def test_a_clip_of_a_minute(tmp_path):
    bad = FakeClip(1, "spNO.2", "a", 1, 11, 700, "4", numbers=run(1, 700))
    write_copy("casme3", tmp_path / "copy", [GOOD, bad], rows=2)
    (left,) = prepare("casme3", [tmp_path / "copy"], tmp_path / "data", num_proc=1)["left_out"]
    assert left["what"] == "longer than 10 s, which no micro-expression is"


def png(width, height):
    """A PNG that claims a size, and holds nothing."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    packed = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


@pytest.mark.parametrize(
    "content, message",
    [
        (png(60000, 60000), "exceeds limit"),
        (png(9000, 20), "frames of 9000x20 pixels"),
        (pickle.dumps({"frames": 1}), "is no readable image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 160 160\n", "is no readable image"),
        (b"", "is no readable image"),
        (image("x", 0)[:900], "is no readable image"),
    ],
    ids=["gigapixels", "too wide", "pickle", "postscript", "empty", "cut off"],
)
def test_images_that_are_none(tmp_path, content, message):
    bad = FakeClip(1, 2, "EP01_01", 9, 11, 13, "4")
    write_copy("casme2", tmp_path / "copy", [GOOD, bad], rows=2)
    for path in (tmp_path / "copy/CASME2_RAW_selected/sub02/EP01_01").iterdir():
        path.write_bytes(content)
    report = prepare("casme2", [tmp_path / "copy"], tmp_path / "data", PrepareOptions(frames="raw"), num_proc=1)
    (left,) = report["left_out"]
    assert (left["clip"], left["what"]) == ("02_EP01_01", "most of its frames cannot be read")
    assert message in left["detail"]


def test_frames_of_different_sizes(tmp_path):
    bad = FakeClip(1, 2, "EP01_01", 9, 11, 13, "4")
    write_copy("casme2", tmp_path / "copy", [GOOD, bad], rows=2)
    (tmp_path / "copy/CASME2_RAW_selected/sub02/EP01_01/img12.jpg").write_bytes(image("x", 0, side=96))
    (left,) = prepare("casme2", [tmp_path / "copy"], tmp_path / "data", num_proc=1)["left_out"]
    assert left["what"] == "frames differ in size" and "96x96" in left["detail"]


def sheet_file(folder, kind):
    """A file that claims to be CASME II's spreadsheet."""
    path = folder / "CASME2-coding-evil.xlsx"
    if kind == "pickle":
        path.write_bytes(pickle.dumps([1, 2, 3]))
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "bomb":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("xl/worksheets/sheet1.xml", b"0" * (100 << 20))
    elif kind == "archive":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("../../evil.txt", b"evil")
    elif kind == "columns":
        book = openpyxl.Workbook()
        book.active.append(["Subject", "Filename", "OnsetFrame", "OffsetFrame"])
        book.save(path)
    else:
        book = openpyxl.Workbook()
        for number in range(6000):
            book.active.append([number])
        book.save(path)
    return path


@pytest.mark.parametrize(
    "kind, message",
    [
        ("pickle", "cannot be read as a spreadsheet"),
        ("empty", "cannot be read as a spreadsheet"),
        ("bomb", r"would take 104,857,600 bytes unpacked; at most 67,108,864"),
        ("archive", "cannot be read as a spreadsheet"),
        ("columns", r"lacks the column\(s\) ApexFrame, Action Units"),
        ("rows", "has more than 5000 rows"),
    ],
)
def test_files_that_are_no_such_spreadsheet(tmp_path, kind, message):
    write_copy("casme2", tmp_path / "copy", [GOOD], rows=1)
    next((tmp_path / "copy").glob("*.xlsx")).unlink()
    file = sheet_file(tmp_path / "copy", kind)
    with pytest.raises(InputError, match=message) as error:
        prepare("casme2", [tmp_path / "copy"], tmp_path / "data", num_proc=1)
    assert file.name in str(error.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy"]

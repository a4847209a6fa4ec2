"""Spreadsheets with any cells, flipped bytes and missing ends: read, or one line of an `InputError`."""

import io
import struct
import zipfile

import openpyxl
import pytest
from fake_datasets import COPIES, HEADERS, write_sheet
from helpers_fuzz import damaged
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.licensed.action_unit_codes import parse_action_units

ROWS = [list(filter(None, HEADERS["casme2"])), [1, "EP01_01", 8, 10, 13, "R12 + L15", "happiness"]]
SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
)
# Excel cannot hold the other control characters.
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=40)
UNITS = st.lists(st.sampled_from("AU 1 12 4 99 L R A E + , ; ( k ) ? or \uff0c / - nan".split(" ")), max_size=12).map(
    " ".join
)
CELLS = st.one_of(
    st.none(), TEXTS, UNITS, st.integers(), st.floats(), st.booleans(), st.datetimes(), st.dates(), st.times(),
    st.sampled_from(["=1+1", "#N/A", "1e400", "-0", "\u0663", "..", "9" * 400]),
)  # fmt: skip


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def parts(work):
    """Name and content of each file in a workbook."""
    write_sheet("casme2", work / "whole.xlsx", COPIES["casme2"], 12)
    with zipfile.ZipFile(work / "whole.xlsx") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(parts):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def record(kind, content):
    """A record of an Excel file of 1997."""
    return struct.pack("<HH", kind, len(content)) + content


def old_workbook(rows=ROWS, further=b""):
    """Rows as an .xls: a sheet of text and numbers and further records, in the container of sectors such files are."""
    book = record(0x809, struct.pack("<HHHHII", 0x600, 5, 0, 1996, 0, 0))
    sheet = record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 1996, 0, 0))
    for y, row in enumerate(rows):
        for x, value in enumerate(row):
            if isinstance(value, str):
                sheet += record(0x204, struct.pack("<HHHHB", y, x, 0, len(value), 0) + value.encode())
            else:
                sheet += record(0x203, struct.pack("<HHHd", y, x, 0, value))
    sheet += further
    globals_end = record(0x0A, b"")
    start = len(book) + 4 + 13 + len(globals_end)
    book += record(0x85, struct.pack("<IBBBB", start, 0, 0, 5, 0) + b"Sheet") + globals_end + sheet + record(0x0A, b"")
    book = book.ljust(4096, b"\0")  # smaller streams would lie elsewhere
    sectors = len(book) // 512
    free, end = 0xFFFFFFFF, 0xFFFFFFFE
    chain = [0xFFFFFFFD, end, *range(3, 2 + sectors), end]
    table = struct.pack("<128I", *chain, *[free] * (128 - len(chain)))
    names = (("Root Entry", 5, free, 1, end, 0), ("Workbook", 2, free, free, 2, len(book)))
    folder = b""
    for name, kind, right, child, first, size in names:
        text = name.encode("utf-16-le")
        folder += struct.pack("<64sHBB3I36xIII", text, len(text) + 2, kind, 1, free, right, child, first, size, 0)
    head = struct.pack(
        "<8s16xHHHHH6xIIIIIIIII",
        bytes.fromhex("d0cf11e0a1b11ae1"),
        0x3E,
        3,
        0xFFFE,
        9,
        6,
        0,
        1,
        1,
        0,
        4096,
        end,
        0,
        end,
        0,
    )
    return head + struct.pack("<109I", 0, *[free] * 108) + table + folder.ljust(512, b"\0") + book


def test_cells_of_any_content(reader, work):
    @given(st.lists(st.lists(CELLS, min_size=7, max_size=7), max_size=4))
    def check(rows):
        book = openpyxl.Workbook()
        for row in [ROWS[0], *rows]:
            book.active.append(row)
        book.save(work / "cells.xlsx")
        assert reader.read("sheet", work / "cells.xlsx") == "ok"  # bad cells leave out their row

    check()


@pytest.mark.parametrize("what", ["archive", "files"])
def test_damaged_workbooks(reader, work, parts, what):
    """The archive, whose checks find nearly all; and the files in it, which somebody may have packed again."""
    path = work / "damaged.xlsx"
    kinds = st.sampled_from(sorted(parts)).flatmap(lambda name: st.tuples(st.just(name), damaged(parts[name])))

    @given(damaged(packed(parts)) if what == "archive" else kinds.map(lambda part: packed(parts | dict([part]))))
    def check(content):
        path.write_bytes(content)
        reader.read("sheet", path)

    check()


def test_damaged_workbooks_of_1997(reader, work):
    path = work / "damaged.xls"
    path.write_bytes(old_workbook())
    assert reader.read("sheet", path) == "ok"

    @given(damaged(old_workbook()))
    def check(content):
        path.write_bytes(content)
        reader.read("sheet", path)

    check()


@pytest.mark.parametrize("suffix", ["csv", "tsv", "ods", "xlsx", "xls"])
def test_tables_that_are_no_workbooks(reader, work, suffix):
    path = work / f"table.{suffix}"

    @settings(max_examples=10)
    @given(st.lists(st.lists(TEXTS, max_size=7), max_size=4))
    def check(rows):
        path.write_text("\n".join(map(",".join, [map(str, row) for row in [*ROWS, *rows]])), encoding="utf-8")
        assert "spreadsheet" in reader.read("sheet", path)

    check()


@pytest.mark.parametrize(
    "rows",
    [
        '<row r="1"><c r="XFD1"><v>1</v></c></row><row r="4900"><c r="A4900"><v>1</v></c></row>',
        '<row r="999999999999"><c r="A999999999999"><v>1</v></c></row>',
        '<row r="1"><c r="ZZZZZZ1"><v>1</v></c></row>',
    ],
    ids=["wide", "deep", "wider"],
)
def test_a_sheet_that_claims_to_be_large(reader, work, parts, rows):
    (work / "large.xlsx").write_bytes(packed(parts | {"xl/worksheets/sheet1.xml": SHEET.format(rows).encode()}))
    assert reader.read("sheet", work / "large.xlsx") != "ok"


@given(st.one_of(TEXTS, UNITS, CELLS))
def test_units_are_read_or_named(cell):
    try:
        codes = parse_action_units(cell)
    except ValueError as error:
        assert "\n" not in str(error)
    else:
        if codes is not None:
            assert parse_action_units(" + ".join(map(str, codes)) or "none") == codes
            assert parse_action_units(f"{cell} + ?") is None

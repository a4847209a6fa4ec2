"""Merged cells of spreadsheets: what people see in a row stands in it."""

import struct
import zipfile

import openpyxl
import pytest
from fake_datasets import SHEETS, FakeClip, write_copy, write_sheet
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.utils import get_column_letter
from test_fuzz_annotations import old_workbook, record

from hub.licensed import LICENSED
from hub.licensed.preparation import prepare
from hub.licensed.spreadsheet import read_rows
from hub.prepare import main as prepare_command
from hub.repos.prepared import load_prepared
from training.errors import InputError

COLUMNS = LICENSED["casme2"].columns
FIELDS = ["subject", "filename", "onset", "apex", "offset", "units", "emotion"]
HEADER = [COLUMNS[field][0] for field in FIELDS]
CLIPS = [FakeClip(k, 3, f"EP0{k}_01", 9, 11, 13, "4+12") for k in range(4)]


def merge(sheet, first, last, column):
    """Merge cells as a spreadsheet program does: the others' values are gone."""
    letter = get_column_letter(column)
    sheet.merge_cells(f"{letter}{first}:{letter}{last}")


def test_a_merged_subject_is_every_rows_subject(tmp_path, capsys):
    write_copy("casme2", tmp_path / "copy", CLIPS, rows=4)
    path = tmp_path / "copy" / SHEETS["casme2"]
    book = openpyxl.load_workbook(path)
    header = [cell.value for cell in book.active[1]]
    for name in ("Subject", "Action Units", "OnsetFrame"):
        merge(book.active, 2, 5, header.index(name) + 1)
    book.save(path)
    prepare_command(["casme2", "--root", str(tmp_path / "copy"), "--out", str(tmp_path / "data"), "--num_proc", "1"])
    assert "4 clips of CASME II; 0 left out" in capsys.readouterr().out
    rows = load_prepared(tmp_path / "data")
    assert rows["subject"][:] == ["03"] * 4 and rows["action_units"][:] == [["AU4", "AU12"]] * 4


def test_rows_without_a_subject_are_listed(tmp_path):
    bare = [FakeClip(k, None, f"EP0{k}_01", 9, 11, 13, "4") for k in (1, 2)]
    write_copy("casme2", tmp_path / "copy", CLIPS[:1], rows=1)
    write_sheet("casme2", tmp_path / "copy" / SHEETS["casme2"], [CLIPS[0], *bare], 3)
    report = prepare("casme2", [tmp_path / "copy"], tmp_path / "data", num_proc=1)
    assert [(each["row"], each["what"]) for each in report["left_out"]] == [
        (1, "no subject in the spreadsheet"), (2, "no subject in the spreadsheet"),
    ]  # fmt: skip


@settings(max_examples=25)
@given(data=st.data())
def test_every_row_says_what_its_merged_cells_say(tmp_path_factory, data):
    """Any rectangles that do not overlap, against a plain fill of the table by hand."""
    rows = data.draw(st.integers(2, 6))
    table = [[f"{field}{row}" for field in FIELDS] for row in range(rows)]
    book = openpyxl.Workbook()
    for line in [["text above the header"], HEADER, *table]:
        book.active.append(line)
    taken = set()
    for _ in range(data.draw(st.integers(1, 4))):
        top, left = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, 6))
        bottom, right = data.draw(st.integers(top, rows - 1)), data.draw(st.integers(left, 6))
        cells = {(row, column) for row in range(top, bottom + 1) for column in range(left, right + 1)}
        if taken & cells or len(cells) < 2:
            continue
        taken |= cells
        book.active.merge_cells(None, top + 3, left + 1, bottom + 3, right + 1)
        value = table[top][left]
        for row, column in cells:
            table[row][column] = value
    path = tmp_path_factory.mktemp("sheet") / "sheet.xlsx"
    book.save(path)
    assert [[row.cells[field] for field in FIELDS] for row in read_rows(path, COLUMNS)] == table


def test_a_header_of_two_merged_rows(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(HEADER)
    book.active.append([])
    for column in range(1, 8):
        merge(book.active, 1, 2, column)
    book.active.append([1, "EP01_01", 8, 10, 13, "4", "happiness"])
    book.save(tmp_path / "sheet.xlsx")
    (row,) = read_rows(tmp_path / "sheet.xlsx", COLUMNS)
    assert (row.number, row.cells["subject"]) == (0, 1)


def test_merged_cells_of_an_excel_file_of_1997(tmp_path):
    rows = [[3 if k == 0 else "", f"EP0{k}", 9, 11, 13, "4", "joy"] for k in range(3)]
    merged = record(0xE5, struct.pack("<HHHHH", 1, 1, 3, 0, 0))  # rows 1 to 3 of column 0
    (tmp_path / "sheet.xls").write_bytes(old_workbook([HEADER, *rows], merged))
    found = read_rows(tmp_path / "sheet.xls", COLUMNS)
    assert [row.text("subject") for row in found] == ["3", "3", "3"]
    assert [row.text("filename") for row in found] == ["EP00", "EP01", "EP02"]


@pytest.mark.parametrize(
    ("ranges", "is_read"),
    [
        (["A1:XFD1048576"], True),
        (["A2:A1048576", "C3:XFD3"], True),
        (["A:A"], False),
        (["A1:ZZ5000"] * 20_000, False),
        (["XFC1:XFD5000"] * 20_000, False),
        (["nonsense"], False),
    ],
)
def test_ranges_that_claim_to_be_large_cost_little(tmp_path, ranges, is_read):
    book = openpyxl.Workbook()
    for line in [HEADER, *([k, "EP01_01", 8, 10, 13, "4", "happiness"] for k in range(300))]:
        book.active.append(line)
    book.save(tmp_path / "plain.xlsx")
    cells = "".join(f'<mergeCell ref="{each}"/>' for each in ranges)
    with zipfile.ZipFile(tmp_path / "plain.xlsx") as old, zipfile.ZipFile(tmp_path / "sheet.xlsx", "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "xl/worksheets/sheet1.xml":
                content = content.replace(b"</sheetData>", f"</sheetData><mergeCells>{cells}</mergeCells>".encode())
            new.writestr(name, content)
    try:
        read_rows(tmp_path / "sheet.xlsx", COLUMNS)
    except InputError as error:
        assert "lacks the column" in str(error) if is_read else "cannot be read as a spreadsheet" in str(error)
    else:
        assert is_read

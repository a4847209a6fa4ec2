"""Spreadsheets of strangers: read as values, never computed, in bounded memory, with errors that name file and cell."""

import io
import math
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import openpyxl
import pandas as pd
from openpyxl.utils import range_boundaries
from openpyxl.xml.functions import iterparse

from training.errors import InputError

MAX_BYTES = 64 << 20  # of a file, and of what it unpacks to; the published ones have well under one megabyte
MAX_ROWS = 5000  # the longest has 860
MAX_COLUMNS = 200  # the widest has under fifty
MAX_HEADER_ROW = 50  # SAMM has thirteen rows of text above its header
MAX_MERGED = MAX_ROWS * (MAX_COLUMNS + 2)  # cells of all merged ranges together, which do not overlap in a sound file

Range = tuple[int, int, int, int]  # of merged cells: first row and the one after the last, columns likewise, from 0


class CellError(ValueError):
    """A cell cannot be used; the message says which, and why, as the end of a sentence about its row."""


class Row(NamedTuple):
    """One row: its number in the data, from 0, and the cells by field; None where a cell is empty."""

    number: int
    cells: dict[str, Any]

    def text(self, field: str) -> str:
        """A cell as text without spaces around it, empty if there is none.

        Raises:
            CellError: If it holds a formula or a date.
        """
        value = self.value(field)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return "" if value is None else str(value)

    def frame_number(self, field: str) -> int | None:
        """A cell as the number of a frame; None if it is empty or `/`.

        Raises:
            CellError: If it holds anything else than a whole number from 0.
        """
        text = self.text(field)
        if text in ("", "/"):
            return None
        if not re.fullmatch(r"[0-9]{1,18}(\.0)?", text):
            raise CellError(f"{field} is {text[:60]!r}, which is no frame number")
        return int(text.removesuffix(".0"))

    def value(self, field: str) -> Any:
        """A cell as it is: text, number or None.

        Raises:
            CellError: If it holds a formula or a date.
        """
        value = self.cells.get(field)
        if isinstance(value, str) and value.startswith("="):
            raise CellError(f"{field} holds the formula {value[:60]!r}; formulas are not computed, put its value there")
        if value is not None and (isinstance(value, bool) or not isinstance(value, str | int | float)):
            what = "a formula" if hasattr(value, "ref") else f"a {type(value).__name__}"
            raise CellError(f"{field} holds {what}, expected text or a number")
        return value


def read_rows(
    path: Path, columns: dict[str, tuple[str, ...]], optional: Iterable[str] = ("emotion",), tab: str = ""
) -> list[Row]:
    """Read the rows below the header of a spreadsheet's first sheet; the header may have text above it.

    Args:
        path: `.xlsx` (openpyxl) or `.xls` (xlrd).
        columns: Field and the names that its column may go by; capitals, spaces and punctuation do not count.
        optional: Fields whose column may be missing.
        tab: Name of the sheet to read instead of the first.

    Returns:
        The rows in order, without those that are empty in all these columns. A merged cell's value stands in every row
        that the cell covers.

    Raises:
        InputError: If the file is no spreadsheet, too large, or lacks a column.
    """
    table = _read_cells(path, tab)
    required = [field for field in columns if field not in optional]
    best: dict[str, int] = {}
    for index, header in enumerate(table[:MAX_HEADER_ROW]):
        found = _match(header, columns)
        if all(field in found for field in required):
            below = index + 1
            while below < len(table) and _match(table[below], columns) == found:  # a header of merged rows
                below += 1
            return list(_rows(table[below:], found))
        best = max(best, found, key=len)
    missing = [columns[field][0] for field in required if field not in best]
    where = f"sheet {tab}" if tab else "first sheet"
    raise InputError(f"{path} lacks the column(s) {', '.join(missing)} in its {where}; is it the right file?")


def read_headless_rows(path: Path, fields: Sequence[str], tab: str = "") -> list[Row]:
    """Read the rows of a sheet without a header.

    Args:
        path: `.xlsx` (openpyxl) or `.xls` (xlrd).
        fields: Of the columns, in their order; further columns are not read.
        tab: Name of the sheet to read instead of the first.

    Returns:
        As `read_rows`.

    Raises:
        InputError: If the file is no spreadsheet, too large, or lacks the sheet.
    """
    table = [line + [None] * (len(fields) - len(line)) for line in _read_cells(path, tab)]
    return list(_rows(table, {field: place for place, field in enumerate(fields)}))


def tab_names(path: Path) -> list[str]:
    """Names of a spreadsheet's sheets, in order.

    Raises:
        InputError: If the file is no spreadsheet, or too large.
    """
    _check_size(path)
    with _reading(path):
        if zipfile.is_zipfile(path):
            book = openpyxl.load_workbook(path, read_only=True)
            try:
                return [sheet.title for sheet in book.worksheets]
            finally:
                book.close()
        with pd.ExcelFile(path, engine="xlrd", engine_kwargs={"logfile": io.StringIO()}) as file:
            return [str(name) for name in file.sheet_names]


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        with warnings.catch_warnings(action="ignore"):  # of what Excel knows and openpyxl does not
            yield
    except Exception as error:  # whatever a damaged or hostile file makes the two parsers raise
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise InputError(f"{path} cannot be read as a spreadsheet: {reason}") from error


def _read_cells(path: Path, tab: str = "") -> list[list[Any]]:
    _check_size(path)
    if path.suffix.lower() not in (".xlsx", ".xls"):
        raise InputError(f"{path} is no spreadsheet; give an .xlsx or .xls file")
    if tab and tab not in tab_names(path):
        raise InputError(f"{path} lacks the sheet {tab}; is it the right file?")
    with _reading(path):
        table = _read_xlsx(path, tab) if zipfile.is_zipfile(path) else _read_xls(path, tab)
    if len(table) > MAX_ROWS:
        raise InputError(f"{path} has more than {MAX_ROWS} rows; it is not one of the published files")
    return table


def _read_xlsx(path: Path, tab: str) -> list[list[Any]]:
    """Not by pandas, which makes every row as wide as the widest claims to be: gigabytes of a few kilobytes."""
    # Formulas as text (`data_only`): openpyxl would give the value that the file claims they have.
    book = openpyxl.load_workbook(path, read_only=True, data_only=False)
    try:
        sheet = book[tab] if tab else book.worksheets[0]
        sheet.reset_dimensions()  # what the file claims of them may be wrong
        table = [list(row) for row in sheet.iter_rows(max_row=MAX_ROWS + 1, max_col=MAX_COLUMNS, values_only=True)]
        with sheet._get_source() as source:
            _fill_merged(table, _merged_in_xlsx(source))
    finally:
        book.close()
    while table and all(cell is None for cell in table[-1]):
        table.pop()
    return table


def _merged_in_xlsx(source: IO[bytes]) -> Iterator[Range]:
    """The merged ranges: openpyxl tells them only where it also makes each of their cells, be it all the sheet has."""
    for _, element in iterparse(source):
        if element.tag.rpartition("}")[2] == "mergeCell":
            left, top, right, bottom = range_boundaries(element.get("ref"))
            yield top - 1, bottom, left - 1, right
        element.clear()


def _read_xls(path: Path, tab: str) -> list[list[Any]]:
    # `logfile`: xlrd would print what it finds odd. `formatting_info`: without it, it does not tell merged cells.
    settings = {"logfile": io.StringIO(), "formatting_info": True}
    with pd.ExcelFile(path, engine="xlrd", engine_kwargs=settings) as file:
        frame = file.parse(tab or 0, header=None, dtype=object, na_filter=False, nrows=MAX_ROWS + 1)
        table = frame.to_numpy(dtype=object).tolist()
        _fill_merged(table, (file.book.sheet_by_name(tab) if tab else file.book.sheet_by_index(0)).merged_cells)
    return table


def _fill_merged(table: list[list[Any]], ranges: Iterable[Range]) -> None:
    """Put a merged cell's value wherever the cell is: files hold it in the upper left corner alone."""
    filled = 0
    for top, bottom, left, right in ranges:
        rows = table[top:bottom]
        filled += 1 + sum(1 + len(row[left:right]) for row in rows)
        if filled > MAX_MERGED:
            raise ValueError("its merged cells overlap")
        value = rows[0][left] if rows and left < len(rows[0]) else None
        if value is not None:
            for row in rows:
                row[left:right] = [value] * len(row[left:right])


def _check_size(path: Path) -> None:
    """Refuse a file that is too large, or claims to unpack to too much."""
    size = path.stat().st_size
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                size = max(size, sum(entry.file_size for entry in archive.infolist()))
        except (ValueError, OSError, NotImplementedError, zipfile.BadZipFile) as error:
            raise InputError(f"{path} cannot be read as a spreadsheet: {error}") from error
    if size > MAX_BYTES:
        raise InputError(f"{path} would take {size:,} bytes unpacked; at most {MAX_BYTES:,} are read")


def _match(header: list[Any], columns: dict[str, tuple[str, ...]]) -> dict[str, int]:
    """Position of each field's column; the first name that is there counts."""
    names = {_plain(cell): index for index, cell in reversed(list(enumerate(header)))}
    plain = {field: [_plain(name) for name in known] for field, known in columns.items()}
    places = {field: [names[name] for name in known if name in names] for field, known in plain.items()}
    return {field: found[0] for field, found in places.items() if found}


def _plain(cell: Any) -> str:
    return re.sub(r"[^a-z0-9]", "", str(cell).lower())


def _rows(table: list[list[Any]], places: dict[str, int]) -> Iterable[Row]:
    for number, line in enumerate(table):
        cells = {field: _cell(line[place]) for field, place in places.items()}
        if any(value is not None for value in cells.values()):
            yield Row(number, cells)


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        value = value.strip()
    return None if value == "" or (isinstance(value, float) and math.isnan(value)) else value

"""Sheets of Excel and OpenDocument workbooks, by calamine. Their cells are read as those of delimited text.

calamine loads a sheet at once, and has room for every cell between its first and its last one: its size is checked
before. A formula has the value that was stored with it.
"""

import datetime as dt
import io
import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import BinaryIO

import pyarrow as pa
from django.core.exceptions import ValidationError

from catalog.readers import archives, column_names, streams
from catalog.readers.cells import conclusion, conversion, missing
from catalog.readers.cells.column_types import Column
from catalog.readers.cells.type_inference import TypeInference
from catalog.readers.delimited import footer, header
from catalog.readers.delimited import layout as layouts
from catalog.readers.detection import Head
from catalog.readers.excel import size
from catalog.readers.recipe import Finding, ParseRecipe, Reading

OLE = b"\xd0\xcf\x11\xe0"  # .xls, and workbooks with a password
FIRST_ROWS, LAST_ROWS = 1_000, 30
BATCH_CELLS = 500_000


def matches(head: Head) -> bool:
    is_zip = head.content.startswith(b"PK\x03\x04")
    return head.content.startswith(OLE) or (
        is_zip and any(mark in head.content for mark in archives.OFFICE_FILES)
    )


def detect(file: BinaryIO, head: Head, *, max_bytes: int) -> Reading:
    fixed = head.corrections
    with _opened(file, head.compression, max_bytes) as workbook:
        name, others = _chosen(workbook, fixed.sheet)
        sheet = _Sheet(workbook.get_sheet_by_name(name))
    findings = [_several(name, others)] if others and not fixed.sheet else []
    rows, lines = sheet.first_rows()
    if not rows:
        raise ValidationError(f"The sheet `{name}` is empty.", code="empty_file")
    above = header.preamble(list(map(_left_aligned, rows))) if fixed.skip is None else 0
    skip = lines[above] - 1 if fixed.skip is None else fixed.skip
    rows, lines = sheet.first_rows(skip)
    if above:
        findings.append(_skipped(rows=sheet.first_rows()[0], skip=skip))
    recipe = ParseRecipe("excel", head.compression, skip=skip, sheet=name)
    layout = layouts.of_rows(recipe, rows, lines, replace(fixed, trailing=False), "row")
    recipe, width = layout.recipe, len(layout.names)
    last = sheet.last_rows(recipe)
    if fixed.footer is not None:
        recipe = replace(recipe, footer=fixed.footer)
    elif start := footer.start_of_notes(last, width, is_complete=True):
        recipe = replace(recipe, footer=sheet.height + 1 - start)
        findings.append(
            footer.left_out(
                recipe.footer, sheet.height, [row.text for row in last if row.number >= start], "row"
            )
        )
    if fixed.footer is None:
        table, notes = [row for row in last if row.number <= sheet.height - recipe.footer], recipe.footer
        if footer.is_certain_total(table):
            recipe = replace(recipe, footer=sheet.height + 1 - table[-1].number)
            findings.append(footer.total_left_out(table[-1], notes=notes, unit="row"))
        else:
            findings += footer.total_row(table, width, last=sheet.height, is_whole=False, unit="row")
    inferences, numbers = [TypeInference() for _ in layout.names], []
    for batch in sheet.batches(recipe, layout.names, layout.names, missing.MISSING, numbers):
        for inference, cells in zip(inferences, batch.columns, strict=True):
            inference.update(cells)
    found = conclusion.conclude(layout.names, inferences, decimal=fixed.decimal)
    recipe = replace(recipe, decimal=found.decimal, columns=found.columns)
    of_values = [
        Finding(one.code, one.sentence(line), one.column, line)
        for one in found.findings
        for line in [None if one.row is None else numbers[one.row]]
    ]
    return Reading(recipe, len(numbers), (*findings, *layout.findings, *of_values))


def batches(file: BinaryIO, recipe: ParseRecipe, columns: Sequence[Column]) -> Iterator[pa.RecordBatch]:
    with _opened(file, recipe.compression, streams.MAX_BYTES) as workbook:
        sheet = _Sheet(workbook.get_sheet_by_name(recipe.sheet))
    yield from sheet.batches(recipe, recipe.names, [column.name for column in columns], missing.MISSING)


def typed(values: pa.Array, column: Column, recipe: ParseRecipe) -> pa.Array:
    return conversion.from_text(values, column, decimal=recipe.decimal)


def raw_batches(file: BinaryIO, recipe: ParseRecipe) -> Iterator[pa.RecordBatch]:
    """The cells as text; an empty batch of a table without rows."""
    with _opened(file, recipe.compression, streams.MAX_BYTES) as workbook:
        sheet = _Sheet(workbook.get_sheet_by_name(recipe.sheet))
    batch = None
    for batch in sheet.batches(recipe, recipe.names, recipe.names, ()):
        yield batch
    if batch is None:
        yield pa.RecordBatch.from_arrays([pa.array([], pa.string())] * len(recipe.names), recipe.names)


def line_of(file: BinaryIO, recipe: ParseRecipe, row: int) -> int:
    """The number of the row in the sheet."""
    with _opened(file, recipe.compression, streams.MAX_BYTES) as workbook:
        rows = _Sheet(workbook.get_sheet_by_name(recipe.sheet)).data_rows(recipe)
    return next(itertools.islice(rows, row, None))[0]


class _Sheet:
    """The rows of a sheet as texts, with their numbers; without blank rows and columns without any cell."""

    def __init__(self, sheet):
        self.sheet = sheet
        self.height = sheet.end[0] + 1 if sheet.end else 0
        self.width = sheet.width
        is_used = [False] * self.width
        for row in sheet.iter_rows() if self.width else ():
            for column, value in enumerate(row):
                is_used[column] = is_used[column] or value != ""
        self.columns = [column for column in range(self.width) if is_used[column]]

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        for number, row in enumerate(self.sheet.iter_rows() if self.columns else (), 1):
            cells = [_text(row[column]) for column in self.columns]
            if any(cells):
                yield number, cells

    def first_rows(self, skip: int = 0) -> tuple[list[list[str]], list[int]]:
        numbered = list(itertools.islice((row for row in self.rows() if row[0] > skip), FIRST_ROWS))
        return [cells for _, cells in numbered], [number for number, _ in numbered]

    def data_rows(self, recipe: ParseRecipe) -> Iterator[tuple[int, list[str]]]:
        above, is_header = recipe.skip, recipe.header
        for number, cells in self.rows():
            if number <= above or number > self.height - recipe.footer:
                continue
            if is_header:
                above, is_header = number + recipe.skip_below, False
            else:
                yield number, cells

    def last_rows(self, recipe: ParseRecipe) -> list[footer.Line]:
        rows, above = deque(maxlen=LAST_ROWS), None
        for number, cells in self.data_rows(recipe):
            rows.append(footer.Line(number, cells, ",".join(cells), above is not None and number > above + 1))
            above = number
        return list(rows)

    def batches(self, recipe, names, selected, missing_texts, numbers=None) -> Iterator[pa.RecordBatch]:
        """The selected columns as text. The numbers of the rows are appended to `numbers`."""
        nulls, places = {"", *missing_texts}, [names.index(name) for name in selected]
        rows, most = self.data_rows(recipe), max(BATCH_CELLS // max(len(names), 1), 1)
        while block := list(itertools.islice(rows, most)):
            if numbers is not None:
                numbers += [number for number, _ in block]
            arrays = [
                pa.array(
                    [None if (cell := cells[place]) in nulls else cell for _, cells in block], pa.string()
                )
                for place in places
            ]
            yield pa.RecordBatch.from_arrays(arrays, list(selected))


def _left_aligned(row):
    """A row of one cell, as a title is, with this cell in the first column."""
    filled = [cell for cell in row if cell]
    return filled + [""] * (len(row) - 1) if len(filled) == 1 else row


def _text(value) -> str:
    """A cell as it would be in a CSV file: whole numbers without decimals, dates in ISO format."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, dt.timedelta):
        return str(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _chosen(workbook, wanted: str | None) -> tuple[str, list[str]]:
    """The sheet that is wanted, else the first visible one with a table; and the others that are not empty."""
    visible = [sheet.name for sheet in workbook.sheets_metadata if "Visible" in str(sheet.visible)]
    names = [sheet.name for sheet in workbook.sheets_metadata if "WorkSheet" in str(sheet.typ)]
    if wanted is not None:
        if wanted not in names:
            error = ValidationError(
                f"The workbook has no sheet `{wanted}`, but {column_names.listed(names)}.",
                code="unknown_sheet",
            )
            raise ValidationError({"sheet": error})
        return wanted, []
    heights = {
        name: workbook.get_sheet_by_name(name).height for name in names if name in visible or len(names) == 1
    }
    tables = [name for name, height in heights.items() if height > 1] or [*heights]
    if not tables:
        raise ValidationError("The workbook has no visible sheet.", code="empty_file")
    return tables[0], [name for name in tables[1:] if heights[name]]


def _several(name, others):
    return Finding(
        "several_sheets",
        f"The workbook has several sheets: `{name[:60]}` is read, and {column_names.listed(others)} left out. "
        "To read another one, set `sheet`.",
    )


def _skipped(rows, skip):
    count = "1 row" if skip == 1 else f"{skip:,} rows"
    text = next(cell for cell in rows[0] if cell)
    return Finding("skipped_lines", f"{count} above the header skipped: `{text.strip()[:60]}`.", line=1)


@contextmanager
def _opened(file: BinaryIO, compression: str | None, max_bytes: int):
    """The workbook. Raises ValidationError if it is none, has a password, or is too large for memory."""
    import python_calamine

    with closing(streams.decompressed(file, compression, max_bytes=max_bytes)) as stream:
        content = stream.read(size.MAX_FILE + 1)
    size.check(content, max_bytes)
    try:
        with python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content)) as workbook:
            yield workbook
    except python_calamine.PasswordError as error:
        raise ValidationError(
            "The workbook needs a password. Save it without one.", code="encrypted_file"
        ) from error
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the disk or the object store
        raise ValidationError(
            "The workbook is damaged, or it is another Office file than an Excel workbook. Save the sheet as .xlsx or "
            "as CSV.",
            code="binary_file",
        ) from error

"""The records of delimited text: where each starts, and the error for one that has the wrong number of cells."""

import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import BinaryIO

from django.core.exceptions import ValidationError

from catalog.readers import streams
from catalog.readers.recipe import ParseRecipe

UNIT = "\x1f"  # a delimiter of one character, as csv needs it, in place of one of several
RULER = re.compile(r"[|+:\s]*[-=]{2,}[-=|+:\s]*")
MAX_LINE = 2 * 1024 * 1024  # characters; a record is limited to 1 MB
MAX_LINED = 200_000  # data rows whose lines are counted by Python, in about 0.3 s


class InvalidRowHandler:
    """Arrow's handler of records with the wrong number of cells.

    `end` is such a record, to be appended to the text. If Arrow does not report it, a quotation mark was never
    closed, and Arrow has read the rest of the file as one cell without an error.
    """

    def __init__(self, width, delimiter):
        self.width = width
        self.end = "\x1f" + delimiter * width
        self.has_ended = self.is_ragged = False

    def __call__(self, row):
        if row.text == self.end:
            self.has_ended = True
            return "skip"
        if not row.text.strip(" \t"):
            return "skip"
        self.is_ragged = not row.text.rstrip().endswith(self.end)
        return "error"


def records(lines: Iterable[str], recipe: ParseRecipe) -> Iterator[tuple[int, list[str]]]:
    """Yields (line number, cells) of each record as Python reads it, without blank lines."""
    if recipe.widths:
        yield from _fixed_width(lines, recipe.widths, is_padded=recipe.padded)
        return
    delimiter = recipe.delimiter
    if recipe.padded:
        lines = map(_without_frame, lines)
    elif delimiter == " ":  # aligned columns are padded with spaces
        lines = map(_without_padding, lines)
    if len(delimiter) > 1:
        lines, delimiter = (line.replace(recipe.delimiter, UNIT) for line in lines), UNIT
    reader = csv.reader(
        lines,
        delimiter=delimiter,
        escapechar=recipe.escape or None,
        quotechar=recipe.quote or None,
        quoting=csv.QUOTE_MINIMAL if recipe.quote else csv.QUOTE_NONE,
        skipinitialspace=recipe.spaced or recipe.padded or delimiter == " ",
    )
    start = 1
    for cells in reader:
        if delimiter == UNIT:
            cells = [cell.replace(UNIT, recipe.delimiter) for cell in cells]  # those that were in quotes
        if recipe.padded:
            cells = [cell.strip(" \t") for cell in cells]
        if len(cells) > 1 or (cells and (cells[0] == "" or cells[0].strip(" \t"))):
            yield start, cells
        start = reader.line_num + 1


def is_ruler(line: str) -> bool:
    """Whether a line is drawn between the header and the rows of a table, or around it."""
    return RULER.fullmatch(line.strip()) is not None


def _without_padding(line):
    text = line.rstrip("\r\n")
    return text.strip(" ") + line[len(text) :]


def _without_frame(line):
    """A row of a drawn table without the | at both ends; a ruler is a blank line."""
    text = line.strip()
    if is_ruler(text):
        return "\n"
    if len(text) > 1 and text[0] == text[-1] == "|":
        text = text[1:-1]
    return text + "\n"


def _fixed_width(lines, starts, *, is_padded):
    """Cells that start at these positions. Where they are padded, a line without the space before one is one cell."""
    slices = list(zip(starts, [*starts[1:], None], strict=True))
    for number, line in enumerate(lines, 1):
        text = line.rstrip("\r\n")
        if not text.strip() or is_ruler(text):
            continue
        if is_padded and any(start and text[start - 1 : start].strip() for start in starts):
            yield number, [text]
        else:
            yield number, [text[start:stop].strip() for start, stop in slices]


def data_rows(text: Iterable[str], recipe: ParseRecipe, width: int) -> Iterator[list[str]]:
    """Yields the cells of each record below the header. Raises RaggedLine for one of another width."""
    line = recipe.skip or 0
    try:
        for line, cells in below_header(records(_lines(text), recipe), recipe):
            if len(cells) != width:
                raise RaggedLine(line, len(cells), width)
            yield cells
    except csv.Error as error:
        raise unclosed(line + 1) from error


def line_of(file: BinaryIO, recipe: ParseRecipe, row: int) -> int | None:
    """The line of a row, counted from 0 below the header; None if Arrow has rows that are blank lines here."""
    with closing(streams.decoded(file, recipe.compression, recipe.encoding)) as stream:
        text = io.TextIOWrapper(stream, "utf-8", newline="")
        lines = (line for line, _ in below_header(records(_lines(text), recipe), recipe))
        return next(itertools.islice(lines, row, None), None)


def below_header(
    numbered: Iterator[tuple[int, list[str]]], recipe: ParseRecipe
) -> Iterator[tuple[int, list[str]]]:
    """The records of a file from the first row of the table on."""
    above = recipe.skip or 0
    numbered = (record for record in numbered if record[0] > above)
    if recipe.header:
        for start, cells in numbered:
            above = start + sum(cell.count("\n") for cell in cells) + recipe.skip_below
            break
    return (record for record in numbered if record[0] > above)


def lines_of_rows(file: BinaryIO, recipe: ParseRecipe, rows: set[int]) -> dict[int, int]:
    """The lines on which these data rows start, counted from 1; without rows beyond MAX_LINED, which take too long."""
    wanted = {row for row in rows if row < MAX_LINED}
    found = {}
    if not wanted:
        return found
    with closing(streams.decoded(file, recipe.compression, recipe.encoding)) as stream:
        text = io.TextIOWrapper(stream, "utf-8", newline="")
        starts = (line for line, _ in below_header(records(_lines(text), recipe), recipe))
        for row, line in zip(range(max(wanted) + 1), starts, strict=False):
            if row in wanted:
                found[row] = line
    return found


def error(file: BinaryIO, recipe: ParseRecipe, handler: InvalidRowHandler) -> ValidationError:
    """The error with the line number, which Arrow does not report: reads the file again to get it."""
    with closing(streams.decoded(file, recipe.compression, recipe.encoding, footer=recipe.footer)) as stream:
        text = io.TextIOWrapper(stream, "utf-8", newline="")
        line, width = _first_fault(_lines(text), recipe, handler.width)
    return RaggedLine(line, width, handler.width) if handler.is_ragged else unclosed(line)


class RaggedLine(ValidationError):
    """A record has more or fewer cells than the header; `width` is None if it is not known."""

    def __init__(self, line: int, width: int | None, expected: int):
        self.line = line
        count = f"{width} cell{'s' if width > 1 else ''}" if width else "a different number of cells"
        super().__init__(
            f"Line {line:,} has {count}, but the header has {expected}. Correct the line, or quote cells that contain "
            "the delimiter.",
            code="ragged_line",
        )


def unclosed(line: int) -> ValidationError:
    return ValidationError(
        f"The record that starts near line {line:,} does not end: it has an unclosed quotation mark, or it is longer "
        "than 1 MB.",
        code="unclosed_quote",
    )


def _lines(text):
    """The lines up to the first that exceeds the limit of a record: it could be all of a large file."""
    while line := text.readline(MAX_LINE):
        if len(line) == MAX_LINE:
            raise csv.Error("line too long")
        yield line


def _first_fault(lines, recipe, width):
    """(line, number of cells) of the first ragged record; (line, None) of the last record if none is ragged."""
    line = 1
    try:
        for line, cells in below_header(records(lines, recipe), recipe):
            if len(cells) != width:
                return line, len(cells)
    except csv.Error:  # a cell of more than 128 KB, most likely in the next record
        return line + 1, None
    return line, None

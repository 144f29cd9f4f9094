"""The records of a delimited text: where each starts, which is ragged, and the error that says so."""

import csv
import io
from contextlib import closing

from django.core.exceptions import ValidationError

from catalog.readers import streams

LONGEST_LINE = 2 * 1024 * 1024  # characters; a record may have 1 MB


class Watch:
    """Sees the records whose width is wrong, as Arrow's handler of invalid rows.

    `end` is such a record, to be put behind the last line. When it does not come by itself, a quotation mark
    was opened and never closed, and Arrow has silently taken the rest of the file as one cell.
    """

    def __init__(self, width, delimiter):
        self.width = width
        self.end = "\x1f" + delimiter * width
        self.is_ended = self.is_ragged = False

    def __call__(self, row):
        if row.text == self.end:
            self.is_ended = True
            return "skip"
        if not row.text.strip(" \t"):
            return "skip"
        self.is_ragged = not row.text.rstrip().endswith(self.end)
        return "error"


def of(lines, delimiter, escape):
    """The records as Python reads them, without blank lines, each with the line that it starts on."""
    reader = csv.reader(lines, delimiter=delimiter, escapechar=escape)
    start = 1
    for cells in reader:
        if len(cells) > 1 or (cells and (cells[0] == "" or cells[0].strip(" \t"))):
            yield start, cells
        start = reader.line_num + 1


def error(file, recipe, watch):
    """The error with the line in the file, which Arrow does not know: found by reading once more."""
    with closing(streams.decoded(file, recipe.compression, recipe.encoding)) as stream:
        text = io.TextIOWrapper(stream, "utf-8", newline="")
        line, width = _first_fault(_lines(text), recipe.delimiter, recipe.escape, watch.width)
    if not watch.is_ragged:
        return ValidationError(
            f"The record that starts near line {line:,} does not end: a quotation mark in it is not closed, "
            "or it is longer than 1 MB.",
            code="unclosed_quote",
        )
    count = f"{width} cell{'s' if width > 1 else ''}" if width else "another number of cells"
    return ValidationError(
        f"Line {line:,} has {count}, but the header has {watch.width}. Correct the line, or put quotation "
        "marks around cells that contain the delimiter.",
        code="ragged_line",
    )


def _lines(text):
    """The lines up to one that is longer than any record may be: it would be all of a large file in memory."""
    while line := text.readline(LONGEST_LINE):
        yield line
        if len(line) == LONGEST_LINE:
            return


def _first_fault(lines, delimiter, escape, width):
    """The first record of another width, as its line and its number of cells; else the last record, as its
    line and None: the one that does not end."""
    line = 1
    try:
        for line, cells in of(lines, delimiter, escape):
            if len(cells) != width:
                return line, len(cells)
    except csv.Error:  # a cell of more than 128 KB, most likely in the next record
        return line + 1, None
    return line, None

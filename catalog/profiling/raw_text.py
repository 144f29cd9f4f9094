"""The beginning of a file as it is written, to be shown beside the rows that are read from it."""

from contextlib import closing
from typing import IO

from catalog.readers import detection, tables
from catalog.readers.corrections import UNCORRECTED

LINES, LINE_LENGTH = 30, 400
LINES_ABOVE = 8  # the header, of those that are skipped
CELL_LENGTH = 100


def lines(
    file: IO[bytes],
    filename: str,
    *,
    corrections: tables.Corrections = UNCORRECTED,
    encoding: str | None = None,
    skip: int = 0,
) -> list[list]:
    """[number, text] of the first lines of a text file, and of those around its header if many are above it.

    Long lines end in an ellipsis; bytes that are not in the encoding, the most likely one by default, are replacement
    characters, and NUL is its symbol.
    """
    head = detection.read_head(file, filename, corrections=corrections)
    text = head.content.decode(encoding or head.encodings[0], errors="replace").removeprefix("\ufeff")
    text = text.replace("\0", "␀")
    first = max(skip - LINES_ABOVE, 0)
    numbered = enumerate(text.split("\n", first + LINES)[: first + LINES], 1)
    return [[number, _cut(line.rstrip("\r"), LINE_LENGTH)] for number, line in numbered if number > first]


def cells(file: IO[bytes], recipe: tables.ParseRecipe, *, rows: int) -> list[list[str | None]]:
    """The cells of the first rows as written, without quotes; None for a value that a typed format stores as null."""
    found = []
    with closing(tables.raw_batches(file, recipe, rows=rows)) as batches:
        for batch in batches:
            columns = [batch.column(name).slice(0, rows - len(found)).to_pylist() for name in recipe.names]
            found += [[_text(value) for value in row] for row in zip(*columns, strict=True)]
            if len(found) >= rows:
                break
    return found


def _text(value):
    return None if value is None else _cut(str(value), CELL_LENGTH)


def _cut(text, length):
    return text if len(text) <= length else text[: length - 1] + "…"

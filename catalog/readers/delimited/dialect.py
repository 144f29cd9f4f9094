"""Guess how delimited text is written: the delimiter, the quotes, and where the header is."""

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from django.core.exceptions import ValidationError

from catalog.readers import detection
from catalog.readers.cells import column_types, missing, type_inference
from catalog.readers.delimited.records import records
from catalog.readers.formats import TAB_SEPARATED
from catalog.readers.recipe import ParseRecipe

SAMPLE = 64 * 1024  # characters
DELIMITERS = ",;\t|"
RARE_DELIMITERS = ("::", "||", "~", "\x01", " ")  # considered if none of the others splits the header
MAX_PREAMBLE = 50  # lines above the header
SEPARATOR_LINE = re.compile(r'"?sep=([,;:\t|~^ \x01])"?(?:\r\n|\r|\n)')  # Excel writes and reads it
APOSTROPHE = re.compile(r"(?<=[^,;\t|\s'])'(?=[^,;\t|\s'])")  # O'Neil


@dataclass(frozen=True)
class _Split:
    """The records of a sample, split by one delimiter; those above the header are left out."""

    recipe: ParseRecipe  # its `skip` is the number of lines above the header
    rows: list[list[str]]

    @property
    def width(self) -> int:
        return len(self.rows[0])

    @property
    def share(self) -> float:
        """The share of the records that are as wide as the header."""
        return sum(len(row) == self.width for row in self.rows[1:]) / max(len(self.rows) - 1, 1)


def guess(head: detection.Head) -> tuple[ParseRecipe, tuple[str, ...]]:
    """How a file with this beginning is written, without encoding, decimal mark and columns; and the column names.

    What the corrections set is kept. Raises ValidationError if it has no usable header.
    """
    sample, fixed = head.text[:SAMPLE], head.corrections
    # \" followed by more of the cell escapes the quote; "C:\" followed by a delimiter does not.
    escape = "\\" if re.search(r'\\"[^"\r\n,;\t|]', sample) else None
    is_cut = len(sample) < len(head.text) or not head.is_whole_file
    separator = SEPARATOR_LINE.match(sample)
    skip = 1 if separator else 0
    recipe = ParseRecipe("csv", head.compression, escape=escape, quote=_quote(sample, is_cut), skip=skip)
    recipe = replace(recipe, **fixed.options("escape", "quote", "skip"))
    split = partial(_split, sample, is_cut=is_cut, fixed=fixed)
    if delimiter := fixed.delimiter or (separator and separator[1]):
        recipe = split(replace(recipe, delimiter=delimiter)).recipe
    else:
        hint = "\t" if head.extension in TAB_SEPARATED else ""
        recipe = _guess_delimiter(sample, recipe, split=split, hint=hint)
    skip, names = _header(head, recipe)
    recipe = replace(recipe, skip=skip)
    if len(names) == 1 and ".parquet" in head.filename.lower():
        raise ValidationError(
            "The file is named .parquet but is not a Parquet file. Export the table again.",
            code="corrupt_file",
        )
    _check_header(recipe, names, split)
    return recipe, tuple(column_types.usable_names(names))


def _quote(sample, is_cut):
    """Single quotation marks if they enclose every line, and each one in a cell is doubled."""
    lines = [line.strip() for line in sample.splitlines() if line.strip()]
    lines = lines[:-1] if is_cut and len(lines) > 1 else lines
    is_single = all(len(line) > 1 and line[0] == line[-1] == "'" for line in lines)
    return "'" if is_single and not any(map(APOSTROPHE.search, lines)) else '"'


def _guess_delimiter(sample, recipe, *, split, hint):
    """The recipe with the delimiter that splits the header and splits most records alike; "," for a single column."""
    splits = [split(replace(recipe, delimiter=mark)) for mark in DELIMITERS]
    splits = [candidate for candidate in splits if candidate.rows]
    candidates = [candidate for candidate in splits if candidate.width > 1]
    if not candidates:
        rare = [split(replace(recipe, delimiter=mark)) for mark in RARE_DELIMITERS]
        rare = next((candidate for candidate in rare if _is_table(candidate, sample)), None)
        return rare.recipe if rare else _single_column(splits, recipe, hint)

    def score(split):
        mark = split.recipe.delimiter
        is_whole = split.recipe.skip == 0  # no row is taken for a comment or a title
        # If "," ties with another, it is a decimal comma in the header and in every row.
        return split.share > 0.5, mark == hint, round(split.share, 2), is_whole, mark != ",", split.width

    best = max(candidates, key=score)
    double = best.recipe.delimiter * 2
    if double in RARE_DELIMITERS and not any(cell for row in best.rows for cell in row[1::2]):
        return replace(best.recipe, delimiter=double)
    return best.recipe


def _is_table(split, sample):
    """Whether a rare delimiter splits the records alike.

    Words of prose are not cells: a column must have numbers, and for single spaces two columns are too few, as of
    "12 EUR".
    """
    width = 3 if split.recipe.delimiter == " " and "  " not in sample.strip() else 2
    is_alike = len(split.rows) > 2 and split.width >= width and split.share > 0.9
    return is_alike and bool(_numeric_columns(split.rows))


def _single_column(splits, recipe, hint):
    """One that does not occur, so that commas in text or decimals are kept; unless all rows split alike by it:
    then the first line is a title above the header, and the error about its width says so."""
    for split in splits:
        rows, mark = split.rows[1:], split.recipe.delimiter
        width, count = Counter(map(len, rows)).most_common(1)[0] if rows else (1, 0)
        is_decimal = mark == "," and width == 2 and all(_is_decimal(row) for row in rows)
        if count > 1 and width > 1 and count == len(rows) and not is_decimal:
            return split.recipe
    absent = [split.recipe for split in splits if all(len(row) == 1 for row in split.rows)]
    hinted = next((one for one in absent if one.delimiter == hint), None)
    return hinted or next(iter(absent), replace(recipe, delimiter=","))


def _is_decimal(row):
    return type_inference.is_number(",".join(row).strip(), decimal=",")


def _split(sample, recipe, *, is_cut, fixed):
    """The sample by the delimiter of the recipe, which gets the number of lines above the header unless it is set."""
    try:
        numbered = list(records(io.StringIO(sample, newline=""), recipe))
    except csv.Error:
        return _Split(recipe, [])
    if is_cut and len(numbered) > 1:
        del numbered[-1]
    numbered = [(line, cells) for line, cells in numbered if line > recipe.skip]
    above = _preamble([cells for _, cells in numbered]) if fixed.skip is None else 0
    recipe = replace(recipe, skip=numbered[above][0] - 1 if above else recipe.skip)
    rows = [cells for _, cells in numbered[above:]]
    if _is_spaced(rows) if fixed.spaced is None else fixed.spaced:
        recipe = replace(recipe, spaced=True)
        rows = [cells for _, cells in records(io.StringIO(sample, newline=""), recipe)][
            above : above + len(rows)
        ]
    return _Split(recipe, rows)


def _preamble(rows: list[list[str]]) -> int:
    """The number of records above the header: comments that start with #, and titles of one cell.

    What is below them must look like a header: it is as wide as the records after it, and names a column of numbers.
    """
    comments = above = _comments(rows)
    while above < min(len(rows), MAX_PREAMBLE) and not any(rows[above][1:]):
        above += 1
    return above if _is_headed(rows[above:]) else comments


def _comments(rows):
    """The number of comments above the header. A header or the values of its first column can start with # too."""
    starts = (row[0].lstrip().startswith("#") for row in rows[:MAX_PREAMBLE])
    count = sum(itertools.takewhile(bool, starts))
    below = rows[count:]
    alike = sum(len(row) == len(below[0]) for row in below) if below else 0
    if alike < 2 or 2 * alike <= len(below) or len(below[0]) == 1 or not any(map(_is_name, below[0])):
        return 0
    while count and len(rows[count - 1]) == len(below[0]):
        count -= 1
    return count


def _is_headed(rows):
    if len(rows) < 3 or len(rows[0]) < 2 or not all(cell.strip() for cell in rows[0]):
        return False
    alike = sum(len(row) == len(rows[0]) for row in rows[1:])
    return alike > 0.8 * (len(rows) - 1) and any(
        _is_name(rows[0][column]) for column in _numeric_columns(rows)
    )


def _is_name(cell):
    """Whether a cell above numbers can be their name: it is not a number or a mark for a missing one, as NA and ?."""
    return any(map(str.isalpha, cell)) and cell.strip() not in missing.MISSING and not _is_number(cell)


def _is_number(cell):
    return type_inference.is_number(cell.strip(), decimal=".,")


def _numeric_columns(rows: Sequence[list[str]]) -> list[int]:
    """The columns whose cells below the header are numbers, some of which may be missing."""
    width = len(rows[0])
    alike = [row for row in rows[1:] if len(row) == width]
    return [
        column
        for column in range(width)
        if (cells := [cell for row in alike if (cell := row[column].strip()) not in missing.MISSING])
        and all(map(_is_number, cells))
    ]


def _is_spaced(rows):
    """Whether a space follows every delimiter: it is not part of the cells, nor in front of their quotes."""
    cells = [cell for row in rows for cell in row[1:] if cell]
    return bool(cells) and all(cell[0] == " " for cell in cells)


def _header(head, recipe):
    """The number of lines above the header, and its cells."""
    rows = records(io.StringIO(head.text, newline=""), recipe)
    try:
        start, names = next(((line, cells) for line, cells in rows if line > recipe.skip), (1, ()))
        is_complete = names and (head.is_whole_file or sum(map(len, names)) < detection.HEAD_BYTES // 8)
    except csv.Error:
        is_complete = False
    if not names and head.corrections.skip:
        lines = f"{'' if head.is_whole_file else 'beginning of the '}file has {len(head.text.splitlines()):,} lines"
        error = ValidationError(
            f"The {lines}: none is left as the header after {recipe.skip:,}.", code="no_header"
        )
        raise ValidationError({"skip": error})
    if not is_complete:
        raise ValidationError(
            "The header row does not end: it is too long, or it has an unclosed quotation mark.",
            code="no_header",
        )
    return start - 1, names


def _check_header(recipe, names, split):
    if all(map(_is_number, names)):
        raise ValidationError(
            "The first row contains only numbers, so it is not a header. Add a first row with the column names.",
            code="no_header",
        )
    if recipe.delimiter == " ":
        rows = split(recipe).rows
        if any(_is_number(rows[0][column]) for column in _numeric_columns(rows)):
            raise ValidationError(
                "The columns are separated by spaces, and the first row has numbers above numbers, so it is not a "
                "header. Add a first row with the column names.",
                code="no_header",
            )

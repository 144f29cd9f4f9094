"""Guess how delimited text is written: the delimiter, the quotes, and where the header is."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial

from catalog.readers import detection
from catalog.readers.cells import type_inference
from catalog.readers.delimited import fixed_width, header
from catalog.readers.delimited.records import is_ruler, records
from catalog.readers.formats import TAB_SEPARATED
from catalog.readers.recipe import Finding, ParseRecipe

SAMPLE = 64 * 1024  # characters
DELIMITERS = ",;\t|"
RARE_DELIMITERS = (
    "::",
    "||",
    "~",
    "^",
    "\x01",
    "\x1f",
    "¦",
    " ",
    ":",
)  # if none of the others splits the header
OF_PROSE = " :"
SEPARATOR_LINE = re.compile(r'"?sep=([,;:\t|~^ \x01])"?(?:\r\n|\r|\n)')  # Excel writes and reads it
APOSTROPHE = re.compile(r"(?<=[^,;\t|\s'])'(?=[^,;\t|\s'])")  # O'Neil
SINGLE_QUOTED = re.compile(r"(?:^|[,;\t|])\s*'[^']*'\s*(?:$|[,;\t|])")
NAMES = {"\t": "tabs", "\t\t": "two tabs", " ": "spaces", "\x01": "Ctrl-A", "\x1f": "unit separators (0x1F)"}


@dataclass(frozen=True)
class Split:
    """The records of a sample, split by one delimiter; those above the header are left out."""

    recipe: ParseRecipe  # its `skip` is the number of lines above the header
    rows: list[list[str]]
    lines: tuple[int, ...] = ()  # of the rows

    @cached_property
    def shape(self) -> header.Shape:
        return header.shape(self.rows)

    @property
    def width(self) -> int:
        return self.shape.width

    @property
    def share(self) -> float:
        """The share of the records that are as wide as the header says."""
        return sum(len(row) == self.shape.cells for row in self.rows[1:]) / max(len(self.rows) - 1, 1)


def guess(head: detection.Head) -> tuple[Split, list[Finding]]:
    """How a file with this beginning is written, without encoding, decimal mark and columns; and what was assumed.

    What the corrections set is kept.
    """
    sample, fixed = head.text[:SAMPLE], head.corrections
    # \" followed by more of the cell escapes the quote; "C:\" followed by a delimiter does not.
    escape = "\\" if re.search(r'\\"[^"\r\n,;\t|]', sample) else None
    is_cut = len(sample) < len(head.text) or not head.is_whole_file
    separator = SEPARATOR_LINE.match(sample)
    skip = 1 if separator else 0
    recipe = ParseRecipe("csv", head.compression, escape=escape, quote=_quote(sample, is_cut), skip=skip)
    recipe = replace(recipe, **fixed.options("escape", "quote", "skip", "padded", "widths"))
    split = partial(_split, sample, is_cut=is_cut, fixed=fixed)
    if delimiter := fixed.delimiter or (separator and separator[1]):
        best = split(replace(recipe, delimiter=delimiter))
    elif recipe.widths:
        best = split(recipe)
    else:
        hint = "\t" if head.extension in TAB_SEPARATED else ""
        best = _drawn(sample, recipe, split) or _guess_delimiter(sample, recipe, split=split, hint=hint)
    return best, list(_findings(best.recipe, fixed, separator))


def _findings(recipe: ParseRecipe, fixed, separator) -> Iterator[Finding]:
    if separator:
        yield Finding("separator_line", f"Line 1 says that the delimiter is `{separator[1]}`.", line=1)
    mark = recipe.delimiter
    if recipe.widths and not fixed.widths:
        starts = ", ".join(str(start + 1) for start in recipe.widths[:10])
        more = ", ..." if len(recipe.widths) > 10 else ""
        yield Finding(
            "fixed_width", f"The columns have fixed widths: they start at characters {starts}{more}."
        )
    elif mark and mark not in DELIMITERS and not separator and not fixed.delimiter:
        name = NAMES.get(mark, f"`{mark}`")
        yield Finding("delimiter", f"The columns are assumed to be separated by {name}.")
    if recipe.quote == "'" and not fixed.quote:
        yield Finding("single_quotes", "The cells are in single quotation marks, which are left out.")
    if recipe.escape and not fixed.escape:
        yield Finding(
            "backslashes", "Quotation marks in cells are escaped by backslashes, which are left out."
        )
    if recipe.padded and not recipe.widths and fixed.padded is None:
        yield Finding(
            "padded", "The lines that frame the table and the spaces around its cells are left out."
        )
    elif recipe.spaced and fixed.spaced is None:
        yield Finding("spaces_after_delimiters", "The spaces after the delimiters are left out.")


def _quote(sample, is_cut):
    """Single quotation marks if they enclose cells of every line, and each one in a cell is doubled."""
    lines = [line.strip() for line in sample.splitlines() if line.strip()]
    lines = lines[:-1] if is_cut and len(lines) > 1 else lines
    if any(map(APOSTROPHE.search, lines)):
        return '"'
    is_single = all(len(line) > 1 and line[0] == line[-1] == "'" for line in lines)
    has_cells = '"' not in sample and len(lines) > 2 and all(map(SINGLE_QUOTED.search, lines[1:]))
    return "'" if is_single or has_cells else '"'


def _drawn(sample, recipe, split):
    """A table that is drawn as text, with a ruler below the header, as by databases and in Markdown."""
    lines = sample.splitlines()[: header.MAX_PREAMBLE]
    rulers = [line for line in lines if is_ruler(line)]
    if not rulers:
        return None
    if starts := fixed_width.starts_of_ruler(rulers[0]):
        drawn = split(replace(recipe, widths=starts, padded=True))
    else:
        drawn = split(replace(recipe, delimiter="|", padded=True))
    return drawn if len(drawn.rows) > 1 and drawn.width > 1 and drawn.share > 0.5 else None


def _guess_delimiter(sample, recipe, *, split, hint):
    """The split by the delimiter that splits the header and splits most records alike; by "," for a single column."""
    splits = [split(replace(recipe, delimiter=mark)) for mark in DELIMITERS]
    splits = [candidate for candidate in splits if candidate.rows]
    candidates = [candidate for candidate in splits if candidate.width > 1]
    if not candidates:
        rare = [split(replace(recipe, delimiter=mark)) for mark in RARE_DELIMITERS if mark in sample]
        rare = next((candidate for candidate in rare if _is_table(candidate, sample)), None)
        return rare or _fixed_width(sample, recipe, split) or _single_column(splits, recipe, split, hint)

    def score(split):
        mark = split.recipe.delimiter
        is_whole = split.recipe.skip == 0  # no row is taken for a comment or a title
        # If "," ties with another, it is a decimal comma in the header and in every row.
        return split.share > 0.5, mark == hint, round(split.share, 2), is_whole, mark != ",", split.width

    best = max(candidates, key=score)
    double = best.recipe.delimiter * 2
    if best.width > 2 and not any(cell for row in best.rows for cell in row[1::2]):
        return split(replace(best.recipe, delimiter=double, skip=recipe.skip))
    return best


def _is_table(split, sample):
    """Whether a rare delimiter splits the records alike.

    Words of prose are not cells: a column must have values, and for single spaces two columns are too few, as of
    "12 EUR".
    """
    if len(split.rows) < 3 or split.share <= 0.9:
        return False
    mark = split.recipe.delimiter
    if mark not in OF_PROSE:
        return split.width > 1
    is_aligned = "  " in sample.strip() or sample.lstrip().startswith(split.recipe.quote)
    is_wide = split.width >= (3 if mark == " " and not is_aligned else 2)
    return is_wide and bool(header.value_columns(split.rows[1:], split.shape.cells))


def _fixed_width(sample, recipe, split):
    if starts := fixed_width.starts_of(sample):
        aligned = split(replace(recipe, widths=starts, padded=True))
        return aligned if len(aligned.rows) > 2 and aligned.share > 0.8 else None
    return None


def _single_column(splits, recipe, split, hint):
    """By one that does not occur, so that commas in text or decimals are kept; unless all rows split alike by it:
    then the first line is a title above the header, and the error about its width says so."""
    for candidate in splits:
        rows, mark = candidate.rows[1:], candidate.recipe.delimiter
        width, count = Counter(map(len, rows)).most_common(1)[0] if rows else (1, 0)
        is_decimal = mark == "," and width == 2 and all(_is_decimal(row) for row in rows)
        if count > 1 and width > 1 and count == len(rows) and not is_decimal:
            return candidate
    absent = [candidate for candidate in splits if all(len(row) == 1 for row in candidate.rows)]
    hinted = next((one for one in absent if one.recipe.delimiter == hint), None)
    return hinted or next(iter(absent), None) or split(replace(recipe, delimiter=","))


def _is_decimal(row):
    return type_inference.is_number(",".join(row).strip(), decimal=",")


def _split(sample, recipe, *, is_cut, fixed):
    """The sample by the delimiter of the recipe, which gets the number of lines above the header unless it is set."""
    numbered = _records(sample, recipe, is_cut)
    above = header.preamble([cells for _, cells in numbered]) if fixed.skip is None else 0
    recipe = replace(recipe, skip=numbered[above][0] - 1 if above else recipe.skip)
    numbered = numbered[above:]
    is_spaced = _is_spaced([cells for _, cells in numbered]) if fixed.spaced is None else fixed.spaced
    if is_spaced and not recipe.padded and not recipe.widths:
        is_padded = fixed.padded is None and all(
            cell.endswith(" ") for _, cells in numbered for cell in cells[:-1] if cell
        )
        recipe = replace(recipe, spaced=not is_padded, padded=is_padded)
        numbered = _records(sample, recipe, is_cut)
    return Split(recipe, [cells for _, cells in numbered], tuple(line for line, _ in numbered))


def _records(sample, recipe, is_cut):
    """The records of a sample below the lines that the recipe skips; without the last one if it can be cut off."""
    try:
        numbered = list(records(io.StringIO(sample, newline=""), recipe))
    except csv.Error:
        return []
    if is_cut and len(numbered) > 1:
        del numbered[-1]
    return [(line, cells) for line, cells in numbered if line > recipe.skip]


def _is_spaced(rows):
    """Whether a space follows every delimiter: it is not part of the cells, nor in front of their quotes."""
    cells = [cell for row in rows for cell in row[1:] if cell]
    return bool(cells) and all(cell[0] == " " for cell in cells)

"""Where the table is in delimited text: its header or none, the rows below it that are no data, and its names."""

import csv
import io
from dataclasses import dataclass, replace

from django.core.exceptions import ValidationError

from catalog.readers import column_names, detection
from catalog.readers.corrections import Corrections
from catalog.readers.delimited import dialect, header
from catalog.readers.delimited.records import is_ruler, records
from catalog.readers.recipe import Finding, ParseRecipe

SHOWN = 60  # characters of a line


@dataclass(frozen=True)
class Layout:
    """How to read a file, without encoding, decimal mark and columns; the column names; and what was assumed."""

    recipe: ParseRecipe
    names: list[str]
    findings: tuple[Finding, ...]


def of(head: detection.Head) -> Layout:
    """The layout of a file with this beginning; what the corrections set is kept.

    Raises ValidationError if its header cannot be read.
    """
    split, findings = dialect.guess(head)
    start, first = _first_record(head, split.recipe)
    if len(first) == 1 and ".parquet" in head.filename.lower():
        raise ValidationError(
            "The file is named .parquet but is not a Parquet file. Export the table again.",
            code="corrupt_file",
        )
    recipe, fixed = replace(split.recipe, skip=start - 1), head.corrections
    lines = len(head.text.splitlines())
    if head.is_whole_file and fixed.footer and start - 1 + fixed.footer >= lines:
        sentence = f"The file has {lines:,} lines: no row is left without {fixed.footer:,} at the end."
        raise ValidationError({"footer": ValidationError(sentence, code="no_rows")})
    layout = of_rows(recipe, [first, *split.rows[1:]], [start, *split.lines[1:]], fixed)
    if len(layout.names) == 1 and not fixed.delimiter:
        findings.append(
            Finding("one_column", "The file is one column: is the delimiter right?", column=layout.names[0])
        )
    if recipe.skip and fixed.skip is None:
        findings += _skipped(head, recipe)
    return replace(layout, findings=(*findings, *layout.findings))


def of_rows(
    recipe: ParseRecipe, rows: list[list[str]], lines: list[int], fixed: Corrections, unit: str = "line"
) -> Layout:
    """The layout of a table whose header, or first row, is the first of these; `lines` are their numbers."""
    findings = []
    shape = header.shape(rows)
    if shape.is_trailing and fixed.trailing is False:
        shape = header.Shape(shape.cells, shape.cells)
    if not (recipe.padded or recipe.widths):
        findings += _blank_lines(rows, lines, shape.cells, unit)
    findings += _repeated_header(rows, lines)
    is_grouped = fixed.skip is None and fixed.header is None and header.is_group_row(rows)
    if is_grouped:
        findings.append(_groups(rows[0], lines[0]))
        rows, lines = rows[1:], lines[1:]
        recipe = replace(recipe, skip=lines[0] - 1)
    has_header = is_grouped or (header.is_header(rows) if fixed.header is None else fixed.header)
    if has_header:
        recipe, names, found = _headed(recipe, rows, lines, shape, fixed)
        findings += found
    else:
        names = column_names.numbered(shape.width)
        recipe = replace(recipe, header=False)
        findings += [_no_header(rows[0], names, lines[0])] if fixed.header is None else []
    recipe = replace(recipe, trailing=shape.is_trailing if fixed.trailing is None else fixed.trailing)
    findings += _columns(names, shape, fixed, rows[0])
    return Layout(recipe, names, tuple(findings))


def _headed(recipe, rows, lines, shape, fixed):
    """The recipe, the names and the findings of a table with a header in the first of these rows."""
    findings = []
    below = fixed.skip_below
    if below is None and (below := header.rows_below(rows)):
        findings.append(_units(rows[1], lines[1]))
        below = lines[1] - lines[0] - sum(cell.count("\n") for cell in rows[0])  # with blank lines
    names = ["", *rows[0]] if shape.has_row_names else rows[0][: shape.width]
    names, renamed = column_names.usable(names, line=lines[0])
    numbers = [name for name in names if header.is_value(name)]
    if fixed.header is None and (len(numbers) == len(names) or header.are_counted(numbers)):
        findings.append(_numbers_as_names(numbers, lines[0]))
    return replace(recipe, skip_below=below), names, [*findings, *renamed]


def _first_record(head, recipe):
    """The line and the cells of the first record that is not skipped, most often the header."""
    rows = records(io.StringIO(head.text, newline=""), recipe)
    try:
        start, cells = next(((line, cells) for line, cells in rows if line > recipe.skip), (1, ()))
        is_complete = cells and (head.is_whole_file or sum(map(len, cells)) < detection.HEAD_BYTES // 8)
    except csv.Error:
        is_complete = cells = False
    if not cells and head.corrections.skip:
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
    return start, cells


def _skipped(head, recipe):
    """The finding about the lines above the header that are neither blank nor `sep=;`."""
    lines = head.text.splitlines()[: recipe.skip]
    if dialect.SEPARATOR_LINE.match(head.text):
        lines[0] = ""
    filled = (number for number, line in enumerate(lines, 1) if line.strip(" \t,;|") and not is_ruler(line))
    if number := next(filled, 0):
        count = "1 line" if recipe.skip == 1 else f"{recipe.skip:,} lines"
        text = lines[number - 1].strip()[:SHOWN]
        yield Finding(
            "skipped_lines", f"{count} above the header skipped: `{text}` on line {number}.", line=number
        )


def _blank_lines(rows, lines, width, unit):
    for place in range(1, len(lines)):
        end = lines[place - 1] + sum(cell.count("\n") for cell in rows[place - 1])
        if lines[place] - end > 1 and len(rows[place]) == width:
            line = lines[place] - 1
            yield Finding("blank_lines", f"Blank {unit}s are skipped: {unit} {line:,} is one.", line=line)
            return


def _repeated_header(rows, lines):
    if rows[0] in rows[1:] and header.has_names(rows):
        line = lines[rows.index(rows[0], 1)]
        yield Finding("repeated_header", f"Line {line:,} repeats the header; it is read as a row.", line=line)


def _no_header(first, names, line):
    named = f"`{names[0]}`" if len(names) == 1 else f"`{names[0]}` to `{names[-1]}`"
    return Finding(
        "no_header",
        f"The file has no header: line {line:,} ({column_names.listed(first, most=3)}) is read as the first row. "
        f"The columns are named {named}.",
        line=line,
    )


def _numbers_as_names(names, line):
    return Finding(
        "numbers_as_names",
        f"The numbers on line {line:,} ({column_names.listed(names, most=3)}) are taken for the header.",
        line=line,
    )


def _groups(row, line):
    named = column_names.listed([cell.strip() for cell in row if cell.strip()], most=3)
    return Finding(
        "skipped_lines", f"The header has two rows: line {line:,} ({named}) is skipped.", line=line
    )


def _units(row, line):
    cells = column_names.listed([cell.strip() for cell in row if cell.strip()], most=5)
    return Finding(
        "units_row", f"Line {line:,} ({cells}) is not data but units or descriptions: skipped.", line=line
    )


def _columns(names, shape, fixed, first):
    if shape.has_row_names:
        yield Finding(
            "row_names",
            f"The rows have names, and their column has none in the header: it is named `{names[0]}`.",
        )
    if shape.is_trailing and fixed.trailing is None:
        yield Finding("trailing_delimiter", "The delimiter at the end of every line starts no column.")
    elif len(first) == shape.cells + 1 and not shape.has_row_names:
        yield Finding(
            "header_delimiter", "The delimiter at the end of the header starts no column: no row has one."
        )

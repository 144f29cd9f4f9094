"""What is below a table in a file: notes and counts, which are no rows, and a row of totals, which may be one."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice, takewhile
from typing import BinaryIO

from catalog.readers import streams
from catalog.readers.delimited import header
from catalog.readers.delimited.records import records
from catalog.readers.recipe import Finding, ParseRecipe

MAX_LINES = 30
TAIL = 128 * 1024  # characters
NOTE = re.compile(
    r"\s*(?:\*|†|‡|#|--|//|©|\(?\d[\d,.]* (?:rows?|records?|lines?|results?|entries)\b|\(\d+ rows?|=====*|-----*|"
    r"(?:sources?|notes?|n\.?b\.?|remarks?|comments?|footnotes?|legend|disclaimer|copyright|generated|exported|created|"
    r"printed|downloaded|retrieved|accessed|updated|last update|as of|data (?:from|source|provided|as of)|end of|eof|"
    r"for more|see also|see https?|https?|rows? affected|query (?:ok|executed)|completion time|"
    r"quellen?|anmerkung|hinweis|stand|fuente|notas?|remarque|fonte|bron|källa|kilde|źródło|источник)\b)",
    re.IGNORECASE,
)
TOTAL = re.compile(
    r"\s*(?:(?:grand|sub|over)?[ -]?(?:totals?|all|sums?|averages?|mean)|"
    r"(?:grand |sub)?(?:totals?|sums?)\b.{0,30}|gesamt(?:summe)?|summe|insgesamt|totale|totaal|ensemble|suma|"
    r"razem|итого|всего|合計|总计|合计)\s*:?\s*",
    re.IGNORECASE,
)
MAX_SUMMED = 1_000
ROWS_OF_A_SUM = 5  # fewer numbers add up by chance


@dataclass(frozen=True)
class Line:
    """A record, its first line and the number of that, and whether a blank line is above it."""

    number: int
    cells: list[str]
    raw: str
    follows_blank: bool

    @property
    def text(self) -> str:
        return " ".join(filter(None, (cell.strip() for cell in self.cells)))

    @property
    def is_empty(self) -> bool:
        return not self.raw.strip(" \t\r\n,;|")

    @property
    def is_note(self) -> bool:
        return NOTE.match(self.text) is not None

    @property
    def is_only_first(self) -> bool:
        return not any(cell.strip() for cell in self.cells[1:])


def from_line(file: BinaryIO, recipe: ParseRecipe, line: int, *, width: int) -> int:
    """The number of lines from a ragged one on, if they are all below the table; else 0."""
    first = max(line - MAX_LINES, 1)
    stream = streams.decoded(file, recipe.compression, recipe.encoding)
    with closing(stream), io.TextIOWrapper(stream, "utf-8", newline="") as text:
        lines = list(islice(text, first - 1, line + MAX_LINES))
    if len(lines) > line - first + MAX_LINES:
        return 0
    start = start_of_notes(_parsed(lines, recipe, first), width, is_complete=_ends_with_break(lines))
    return 0 if start is None or start > line else first + len(lines) - start


def at_end(end: streams.End, recipe: ParseRecipe, *, width: int) -> int:
    """The number of lines below the table in a file that ends so, and whose records have all the same width."""
    lines = _last_lines(end)[-MAX_LINES:]
    rows = _parsed(lines, recipe, end.lines - len(lines) + 1)
    start = start_of_notes(rows, width, is_complete=_ends_with_break(lines))
    return 0 if start is None else end.lines + 1 - start


def total_at_end(end: streams.End, recipe: ParseRecipe, *, width: int) -> int:
    """The number of lines from a row on that is certainly a total; 0 if the table does not end with one."""
    rows = _last_rows(end, recipe, width)[-MAX_LINES:]
    return end.lines + 1 - rows[-1].number if is_certain_total(rows) else 0


def is_certain_total(rows: Sequence[Line]) -> bool:
    """Whether the last of these rows has a word for a total in a column of numbers or dates."""
    if len(rows) < 3:
        return False
    place, label = next(((i, cell) for i, cell in enumerate(rows[-1].cells) if cell.strip()), (0, ""))
    above = [row.cells[place] for row in rows[:-1] if row.cells[place].strip()]
    return bool(TOTAL.fullmatch(label)) and len(above) > 1 and all(map(header.is_value, above))


def findings(
    end: streams.End, recipe: ParseRecipe, *, width: int, is_set: bool, notes: int
) -> Iterator[Finding]:
    """What is below the table, given the end of the whole file; whether the last row looks like a total.

    `notes` is the number of lines below a total, which is left out with them if the footer is longer.
    """
    lines = _last_lines(end)
    if notes and not is_set:
        yield left_out(notes, end.lines, lines[-notes:])
    if end.has_mark:
        yield Finding("end_mark", "The Ctrl-Z at the end of the file is left out.", line=end.lines)
    if is_set:
        return
    rows = _last_rows(end, replace(recipe, footer=notes), width)
    if recipe.footer > notes:
        yield total_left_out(rows[-1], notes=notes)
    else:
        is_whole = end.is_whole and len(lines) == end.lines < MAX_SUMMED
        yield from total_row(rows, width, last=end.lines, is_whole=is_whole)


def _last_rows(end, recipe, width):
    """The last rows above the footer of a text that ends so; all of a short one."""
    lines = _last_lines(end)
    is_whole = end.is_whole and len(lines) == end.lines < MAX_SUMMED
    lines = lines[: len(lines) - recipe.footer]
    lines = lines if is_whole else lines[-MAX_LINES:]
    rows = _parsed(lines, recipe, end.lines - recipe.footer - len(lines) + 1)
    return [row for row in rows if len(row.cells) == width]


def left_out(footer: int, last: int, texts: Iterable[str], unit: str = "line") -> Finding:
    """The finding about the last lines or rows of a file, which are below its table."""
    line, text = last - footer + 1, next(filter(None, map(str.strip, texts)), "")
    count = f"1 {unit}" if footer == 1 else f"{footer:,} {unit}s"
    sentence = f"{count} below the table left out, from {unit} {line:,} on: `{text[:60]}`."
    return Finding("footer", sentence, line=line)


def total_row(
    rows: Sequence[Line], width: int, *, last: int, is_whole: bool, unit: str = "line"
) -> Iterator[Finding]:
    """Whether the last of these rows looks like a total of those above; if they are the whole table, by their sums.

    `last` is the number of the last line of the file.
    """
    if len(rows) < 3:
        return
    total, label = rows[-1], next(filter(None, map(str.strip, rows[-1].cells)), "")
    is_labelled = TOTAL.fullmatch(label) and not any(row.text.startswith(label) for row in rows[:-1])
    if not is_labelled and not (is_whole and _is_sum(rows, width)):
        return
    what = f"a total (`{label[:40]}`)" if is_labelled else "a total: its numbers are the sums of those above"
    yield Finding(
        "total_row",
        f"{unit.capitalize()} {total.number:,} looks like {what}. It is read as a row; to leave it out, set `footer` "
        f"to {last + 1 - total.number}.",
        line=total.number,
    )


def total_left_out(row: Line, *, notes: int, unit: str = "line") -> Finding:
    label = next(filter(None, map(str.strip, row.cells)))
    return Finding(
        "total_row",
        f"{unit.capitalize()} {row.number:,} is a total (`{label[:40]}`, in a column of numbers): it is left out. To "
        f"read it as a row, set `footer` to {notes}.",
        line=row.number,
    )


def start_of_notes(rows: Sequence[Line], width: int, *, is_complete: bool) -> int | None:
    """The line where the notes below the table start; None if there are none, or if they can be damaged rows."""
    place = len(rows)
    while place and (
        len(rows[place - 1].cells) != width or rows[place - 1].is_only_first or rows[place - 1].is_note
    ):
        place -= 1
    table, below = rows[:place], rows[place:]
    if not table or not below:
        return None
    evidence = _Evidence(table, width, is_complete)
    for place, row in enumerate(below):
        above = list(takewhile(lambda line: line.is_empty, reversed(below[:place])))  # as blank lines
        if not row.is_empty and evidence.is_note(row, follows_blank=row.follows_blank or bool(above)):
            return above[-1].number if above else row.number
        if len(row.cells) != width:
            return None
    empty = list(takewhile(lambda line: line.is_empty, reversed(below)))
    return (
        empty[-1].number if len(empty) > 1 and width > 1 else None
    )  # a single one can be a row without values


class _Evidence:
    """What tells a note below a table from a row of the table with missing cells, or one that was cut off."""

    def __init__(self, table: Sequence[Line], width: int, is_complete: bool):
        self.width, self.is_complete = width, is_complete
        self.has_blanks = any(row.follows_blank for row in table[1:])
        self.has_notes = any(row.is_note for row in table)
        self.has_words = not header.value_columns([row.cells for row in table], 1)  # in the first column

    def is_note(self, row: Line, *, follows_blank: bool) -> bool:
        is_separate = follows_blank and not self.has_blanks
        if len(row.cells) == self.width and row.raw.startswith(('"', "'")) and not is_separate:
            return False
        is_like_a_row = len(row.cells) == self.width and not (row.is_only_first and self.width > 1)
        if row.is_note and not self.has_notes:
            return is_separate or not is_like_a_row or not self.has_words
        if len(row.cells) == self.width:
            return is_separate and not is_like_a_row
        is_prose = len(row.cells) == 1 and " " in row.text and not header.is_value(row.text.split()[0])
        return is_separate or (is_prose and (self.is_complete or not self.has_words) and len(row.text) > 12)


def _is_sum(rows, width):
    """Whether the last row has the sums of at least two columns, of which one is no count of the rows."""
    *above, last = [row.cells for row in rows]
    if len(above) < ROWS_OF_A_SUM:
        return False
    sums = 0
    for column in range(width):
        total, numbers = _number(last[column]), [_number(row[column]) for row in above]
        if total is None or None in numbers or not any(numbers):
            continue
        if abs(sum(numbers) - total) > 1e-6 * max(abs(total), 1):
            return False
        sums += 1
    return sums > 1 or (sums == 1 and not last[0].strip())


def _number(text):
    try:
        return float(text)
    except ValueError:
        return None


def _last_lines(end):
    """The last lines of a text, more than are looked at; all of a short one."""
    if len(end.text) <= TAIL:
        return list(io.StringIO(end.text, newline=""))
    return list(io.StringIO(end.text[-TAIL:], newline=""))[1:]


def _ends_with_break(lines):
    return bool(lines) and lines[-1].endswith(("\n", "\r"))


def _parsed(lines, recipe, first):
    """The records below the header in these lines, of which the first has this number."""
    parsed, end = [], 0
    top = (recipe.skip or 0) + recipe.header + recipe.skip_below
    try:
        for number, cells in records(lines, recipe):
            blank = any(not line.strip(" \t\r\n") for line in lines[end : number - 1])
            if first + number - 1 > top:
                parsed.append(Line(first + number - 1, cells, lines[number - 1], blank))
            end = number
    except csv.Error:
        return []
    return parsed

"""What the rows of a table say about its header: whether there is one, and rows below it that are not data.

Works on the cells of the first rows, so that it holds for delimited text and for the sheets of workbooks.
"""

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError

from catalog.readers.cells import missing

Rows = Sequence[Sequence[str]]

NUMBER = re.compile(
    r"[(\s]*[+-]?\s*(?:[$€£¥₹]|[A-Z]{3}(?=[\s\d]))?\s*[+-]?(?:\d[\d.,'’\s]*|[.,]\d+)(?:[eE][+-]?\d+)?\s*[%‰€$£¥]?[)\s]*-?"
)
DATE = re.compile(
    r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}(?:[T ,].*)?|\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[AaPp][Mm])?"
)
BOOLEANS = {"true", "false"}
NO_NAMES = {text.lower() for text in missing.MISSING} | {
    *("?", "-", "--", "---", ".", "..", "...", "*", "\\n", "n.a.", "n.a", "na."),
    *("#div/0!", "#value!", "#ref!", "#name?", "#num!", "#null!", "inf", "-inf", "+inf", "infinity"),
}  # fmt: skip
MISSING = NO_NAMES | {
    *("none", "nil", "missing", "unknown", "err", "error", "x", "nd", "n.d.", "k.a.", "keine angabe", "tbd"),
    *("not available", "not applicable"),
}  # fmt: skip
MAX_PREAMBLE = 50  # records above the header
MAX_ROWS = 200  # that are looked at
MOSTLY = 0.9  # of the cells of a column: a few can be damaged
UNIT = re.compile(
    r"[(\[{<].{1,20}[)\]}>]|[°µμ%‰$€£¥].{0,6}|"
    r"(?:[fpnumkcdhMGT]?(?:m|g|s|l|L|A|V|W|Pa|Hz|J|N|Wh|mol|bar|B|b|K|Ω|ohm)|km|kg|t|to|min|h|d|hr|hrs|yr|in|ft|yd|mi|"
    r"mph|kn|kt|lb|lbs|oz|psi|ppm|ppb|ha|EUR|USD|GBP|CHF|JPY|deg|rad|degC|degF|C|F|count|pcs|units?|years?|months?|"
    r"weeks?|days?|hours?|minutes?|seconds?|percent|pct|text|string|str|int|integer|float|double|number|numeric|bool|"
    r"boolean|date|datetime|none|dimensionless)(?:[²³]|\^?-?[0-9])?"
    r"(?:[/·*. ](?:[a-zA-Zµ°²³0-9^-]{1,6}))*|[a-zA-Z]{1,3}/[a-zA-Z0-9²³^]{1,4}"
)


def is_value(text: str) -> bool:
    """Whether a cell is a number, a date, a time or a truth value rather than a word."""
    text = text.strip()
    return bool(NUMBER.fullmatch(text) or DATE.fullmatch(text)) or text.lower() in BOOLEANS


def is_missing(text: str) -> bool:
    """Whether a cell among values says that there is none."""
    return text.strip().lower() in MISSING


def is_name(text: str) -> bool:
    """Whether a cell above values can be their name."""
    return not is_value(text) and text.strip().lower() not in NO_NAMES


@dataclass(frozen=True)
class Shape:
    """How the first row fits the rows below it: the number of columns, and of the cells in each row.

    The header can have no name for the first column, as R writes row names. A delimiter at the end of each row starts
    no column, and can be in the header only.
    """

    width: int
    cells: int
    has_row_names: bool = False
    is_trailing: bool = False


def shape(rows: Rows) -> Shape:
    if not rows:
        return Shape(0, 0)
    first, below = rows[0], rows[1:]
    width = len(first)
    cells = Counter(map(len, below)).most_common(1)[0][0] if below else width
    if cells == width - 1 > 0 and not first[-1].strip():
        return Shape(cells, cells)
    if cells not in (width, width + 1) or any(len(row) != cells for row in below) or cells < 2:
        return Shape(width, width)
    if not any(row[-1].strip() for row in below) and (cells > width or not first[-1].strip()):
        return Shape(cells - 1, cells, is_trailing=True)
    if cells > width > 1 and len(below) > 1 and _are_row_names(below) and all(map(is_name, first)):
        return Shape(cells, cells, has_row_names=True)
    return Shape(width, width)


def _are_row_names(rows):
    """Whether the first cells are different names of rows, rather than the first half of a text with a comma."""
    return len({row[0] for row in rows}) == len(rows) and not any(row[1].startswith(" ") for row in rows)


def preamble(rows: Rows) -> int:
    """The number of records above the header: comments that start with #, and titles.

    What is below them must look like a header: it is as wide as the records after it, and names a column of values.
    """
    comments = above = _comments(rows)
    body = Counter(map(len, rows[comments:])).most_common(1)[0][0] if rows else 0
    while above < min(len(rows), MAX_PREAMBLE) and _is_title(rows[above], body):
        above += 1
    if above in (comments, len(rows)):
        return comments
    if shape(rows[comments:]) != Shape(len(rows[comments]), len(rows[comments])) and not has_names(
        rows[above:]
    ):
        return comments  # R's header without a name for the row names
    is_words = not any(cell.strip() for row in rows[comments:above] for cell in row[1:])
    return above if _is_headed(rows[above:], is_words=is_words) else comments


def _is_title(row, width):
    return not any(cell.strip() for cell in row[1:]) or len(row) != width


def _comments(rows):
    """The number of comments above the header. A header or the values of its first column can start with # too."""
    starts = (row[0].lstrip().startswith("#") for row in rows[:MAX_PREAMBLE])
    count = sum(itertools.takewhile(bool, starts))
    below = rows[count:]
    alike = sum(len(row) == len(below[0]) for row in below) if below else 0
    if alike < 2 or 2 * alike <= len(below) or len(below[0]) == 1 or not any(map(is_name, below[0])):
        return 0
    while count and len(rows[count - 1]) == len(below[0]):
        count -= 1
    return count


def _is_headed(rows, *, is_words):
    if len(rows) < 3 or len(rows[0]) < 2 or not all(cell.strip() for cell in rows[0]):
        return False
    alike = sum(len(row) == len(rows[0]) for row in rows[1:])
    if has_names(rows):
        return alike > 0.8 * (len(rows) - 1)
    # Words above words: prose can have a delimiter too.
    is_prose = all(row[1][:1] == " " for row in rows if len(row) > 1)
    is_even = alike == len(rows) - 1 > 1 and len(rows[0]) > 2
    return is_words and is_even and not is_prose and not value_columns(rows[:1], len(rows[0]))


def value_columns(rows: Rows, width: int) -> list[int]:
    """The columns of these rows whose cells are values, but for a few."""
    columns, rows = [], rows[:MAX_ROWS]
    for column in range(width):
        cells = _cells(rows, column, width)
        if cells and sum(map(is_value, cells)) >= MOSTLY * len(cells):
            columns.append(column)
    return columns


def is_header(rows: Rows) -> bool:
    """Whether the first of these rows has the names of the columns, rather than data.

    A word above values is a name. Values above values are data, unless they are years or numbers that count the
    columns. Without values, a table has no header if cells of the first row occur again in their columns.
    """
    first, below = rows[0], [row for row in rows[1 : MAX_ROWS * 5] if row != rows[0]]
    width = len(first)
    if not below:
        return not all(map(is_value, first))
    values = value_columns(below, width)
    names = sum(is_name(first[column]) for column in values)
    data = [column for column in values if is_value(first[column])]
    if (
        data
        and not names
        and (are_counted([first[column] for column in data]) or _are_years(first, below, data))
    ):
        return True
    if names or data:
        return names >= len(data)
    texts = [column for column in range(width) if first[column].strip()]
    repeated = sum(first[column] in {row[column] for row in below if len(row) == width} for column in texts)
    return not texts or 2 * repeated < len(texts)


def has_names(rows: Rows) -> bool:
    """Whether the first of these rows has a name above values: surely a header."""
    width = len(rows[0])
    return any(
        is_name(rows[0][column]) and any(map(str.isalpha, rows[0][column]))
        for column in value_columns(rows[1:], width)
    )


def is_group_row(rows: Rows) -> bool:
    """Whether the names are in the second row, and the first one only groups them, as in a pivot table.

    Raises ValidationError if the second row alone does not name the columns.
    """
    if len(rows) < 4 or len(rows[1]) != len(rows[0]):
        return False
    groups, names = rows[0], rows[1]
    filled = [cell.strip() for cell in groups if cell.strip()]
    values = value_columns(rows[2:], len(names))
    is_repeated = len(set(filled)) < len(filled) or len(filled) < len(groups) - 1
    if (
        not is_repeated
        or not values
        or not all(is_name(names[column]) and names[column].strip() for column in values)
    ):
        return False
    if len({cell.strip() for cell in names}) == len(names):
        return True
    raise ValidationError(
        f"The header has two rows: `{', '.join(groups)[:60]}` above `{', '.join(names)[:60]}`. Merge them into one row "
        "with a different name for each column.",
        code="two_headers",
    )


def rows_below(rows: Rows) -> int:
    """How many rows below the header are not data but the units of the columns, or their descriptions: 0 or 1."""
    width = len(rows[0])
    if len(rows) < 4 or len(rows[1]) != width:
        return 0
    second, values = rows[1], value_columns(rows[2:], width)
    above = [second[column] for column in values]
    words = [cell for cell in above if cell.strip() and not is_value(cell) and not is_missing(cell)]
    if not words or any(map(is_value, above)):
        return 0
    others = [second[column] for column in range(width) if column not in values]
    is_units = all(map(_is_unit, words)) and all(
        not cell.strip() or is_missing(cell) or _is_unit(cell) for cell in others
    )
    are_words = all(sum(map(str.isalpha, word)) > 2 for word in words)
    is_described = are_words and len(words) > 1 and len(words) == len(values) and len(rows) > 12
    return int(is_units or is_described)


def _is_unit(cell):
    return UNIT.fullmatch(cell.strip()) is not None


def _cells(rows, column, width):
    return [row[column] for row in rows if len(row) == width and not is_missing(row[column])]


def are_counted(names: Sequence[str]) -> bool:
    """Whether names are 0, 1, 2 ... or 1, 2, 3 ..., as pandas writes those of an array."""
    numbers = list(map(str, range(len(names) + 1)))
    return len(names) > 2 and [name.strip() for name in names] in (numbers[:-1], numbers[1:])


def _are_years(first, below, columns):
    """Whether the numbers in the first row are different years above something else."""
    years = {first[column].strip() for column in columns}
    others = [_cells(below, column, len(first)) for column in columns]
    return (
        all(map(_is_year, years))
        and len(years) == len(columns)
        and not any(all(map(_is_year, one)) for one in others)
    )


def _is_year(cell):
    return re.fullmatch(r"(?:19|20)[0-9]{2}", cell.strip()) is not None

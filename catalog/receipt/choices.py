"""What a user can choose about a finding: each choice is a correction of the recipe."""

import json
from dataclasses import dataclass

from catalog.readers.corrections import FIELDS
from catalog.receipt import notation

# The most doubtful first. Of these the platform has assumed what can be wrong; others say what was done.
DOUBTFUL = (
    "one_column", "several_tables", "ambiguous_dates", "odd_tokens", "nearly_number", "nearly_date", "nearly_boolean",
    "total_row", "sentinel_value", "missing_word", "thousands", "decimal_comma", "no_header", "guessed_encoding",
    "long_numbers", "codes", "compact_dates", "mixed_spelling",
)  # fmt: skip
EXCHANGED = {"d": "m", "m": "d"}


@dataclass(frozen=True)
class Choice:
    """`corrections` is what this choice changes, as JSON; `is_current` says that the file is read like this."""

    label: str
    corrections: dict
    is_current: bool = False

    @property
    def json(self) -> str:
        return json.dumps(self.corrections)


def of_finding(finding: dict, recipe: dict) -> list[Choice]:
    column = next((column for column in recipe["columns"] if column["name"] == finding.get("column")), None)
    if finding["code"] in OF_FILE:
        found = OF_FILE[finding["code"]](recipe)
        return [choice for choice in found if choice.corrections.keys() <= FIELDS.keys()]
    return OF_COLUMN[finding["code"]](column, finding) if column and finding["code"] in OF_COLUMN else []


def _odd_tokens(column, finding):
    return [
        _choice("Missing", column, on_error="missing", is_current=True),
        _choice("Text", column, type="text"),
        _choice("Refuse the file", column, on_error="refuse", format={"missing": [""]}),
    ]


def _nearly(kind, label):
    def choices_of(column, finding):
        return [
            _choice("Text", column, type="text", is_current=True),
            _choice(f"{label}, the rest missing", column, type=kind, on_error="missing"),
        ]

    return choices_of


def _dates(column, finding):
    """The formats that were assumed, and those with day and month exchanged."""
    formats = (column.get("format") or {}).get("date") or []
    if not all("%d" in text and "%m" in text for text in formats):
        return []
    both = sorted(
        [formats, [_exchanged(text) for text in formats]], key=lambda texts: not _is_day_first(texts)
    )
    return [
        _choice(
            "Day first" if _is_day_first(texts) else "Month first",
            column,
            type="date",
            format={"date": texts},
            is_current=texts == formats,
        )
        for texts in both
        if formats
    ]


def _is_day_first(texts):
    return texts[0].index("%d") < texts[0].index("%m")


def _exchanged(text):
    return "".join(
        EXCHANGED.get(character, character) if before == "%" else character
        for before, character in zip(" " + text, text, strict=False)
    )


def _codes(column, finding):
    return [_choice("Text", column, type="text", is_current=True), _choice("Number", column, type="number")]


def _compact_dates(column, finding):
    return [
        _choice("Numbers", column, type="integer", is_current=True),
        _choice("Dates", column, type="date", format={"date": ["%Y%m%d"]}),
    ]


def _no_header(recipe):
    return [
        Choice("Values", {"header": False}, is_current=True),
        Choice("Column names", {"header": True}),
    ]


def _total_row(recipe):
    footer = recipe.get("footer") or 0
    return [
        Choice("Keep it", {"footer": footer}, is_current=True),
        Choice("Leave it out", {"footer": footer + 1}),
    ]


OF_COLUMN = {
    "odd_tokens": _odd_tokens,
    "nearly_number": _nearly("number", "Number"),
    "nearly_date": _nearly("date", "Date"),
    "nearly_boolean": _nearly("boolean", "Boolean"),
    "ambiguous_dates": _dates,
    "date_order": _dates,
    "leading_zeros": _codes,
    "codes": _codes,
    "long_numbers": _codes,
    "compact_dates": _compact_dates,
}
OF_FILE = {"no_header": _no_header, "total_row": _total_row}


def _choice(label, column, *, is_current=False, **correction):
    source = column.get("source") or column["name"]
    return Choice(label, {"columns": [{"source": source, **correction}]}, is_current)


def merged(corrections: dict, change: dict) -> dict:
    """Corrections with those of a choice, which replace what they say about a column or an option only."""
    columns = {notation.source_of(column): column for column in corrections.get("columns", [])}
    for column in change.get("columns", []):
        before = columns.get(notation.source_of(column), {})
        form = (before.get("format") or {}) | (column.get("format") or {})
        columns[notation.source_of(column)] = before | column | ({"format": form} if form else {})
    result = corrections | change
    return result | {"columns": list(columns.values())} if columns else result

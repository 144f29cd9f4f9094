"""What a user can choose about a finding: each choice is a correction of the recipe."""

import json
import re
from dataclasses import dataclass

from catalog.readers.cells import missing

# The most doubtful first. Of these the platform has assumed what can be wrong; others say what was done.
DOUBTFUL = (
    "one_column", "several_sheets", "several_tables", "delimiter", "ambiguous_dates", "odd_tokens", "nearly_number",
    "nearly_date", "nearly_boolean", "mixed_types", "total_row", "repeated_header", "sentinel_value", "missing_word",
    "thousands", "decimal_comma", "no_header", "guessed_encoding", "long_numbers", "codes", "compact_dates",
    "mixed_spelling",
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
    return _of(finding, recipe, {column["name"]: column for column in recipe["columns"]})


def described(findings: list[dict], recipe: dict) -> list[dict]:
    """The findings with their choices, as JSON; `recipe` of a choice is the part to send."""
    columns = {column["name"]: column for column in recipe["columns"]}
    return [
        finding
        | {
            "choices": [
                {"label": choice.label, "recipe": choice.corrections, "is_current": choice.is_current}
                for choice in _of(finding, recipe, columns)
            ]
        }
        for finding in findings
    ]


def _of(finding, recipe, columns) -> list[Choice]:
    if finding["code"] in OF_FILE:
        return OF_FILE[finding["code"]](recipe, finding)
    column = columns.get(finding.get("column"))
    return OF_COLUMN[finding["code"]](column, finding) if column and finding["code"] in OF_COLUMN else []


def _odd_tokens(column, finding):
    return [
        _choice("Missing", column, format={"missing": _missing(column)}, is_current=True),
        _choice("Text", column, type="text"),
        _choice("Refuse the file", column, on_error="refuse"),
    ]


def _missing(column) -> list[str]:
    """The texts that mean a missing value in a column."""
    texts = (column.get("format") or {}).get("missing")
    return list(missing.MISSING if texts is None else texts)


def _words(label):
    """For texts that the sentence names before "occurs": they are missing values, or what the label says."""

    def choices_of(column, finding):
        subject, _, _ = finding["sentence"].partition(" occurs ")
        words = re.findall("`([^`]*)`", subject) or [subject]
        others = [text for text in _missing(column) if text not in words]
        is_missing = len(others) < len(_missing(column))
        return [
            _choice(label, column, format={"missing": others}, is_current=not is_missing),
            _choice("Missing", column, format={"missing": [*others, *words]}, is_current=is_missing),
        ]

    return choices_of


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
    kind = column["type"] if column["type"] != "text" else "number"
    return [
        _choice("Text", column, type="text", is_current=column["type"] == "text"),
        _choice("Number", column, type=kind, on_error="missing", is_current=column["type"] != "text"),
    ]


def _compact_dates(column, finding):
    return [
        _choice("Numbers", column, type="integer", is_current=True),
        _choice("Dates", column, type="date", format={"date": ["%Y%m%d"]}),
    ]


def _marks(column, finding):
    """For numbers such as 1.234 that are read as less than 2."""
    thousands, decimal = (",", ".") if "a comma" in finding["sentence"] else (".", ",")
    return [
        _choice("Decimals", column, format={"decimal": thousands}, is_current=True),
        _choice("Thousands", column, format={"decimal": decimal, "thousands": thousands}),
    ]


def _no_header(recipe, finding):
    return [
        Choice("Values", {"header": False}, is_current=True),
        Choice("Column names", {"header": True}),
    ]


def _total_row(recipe, finding):
    """The sentence says to which `footer` the other choice sets it."""
    now, other = (
        recipe.get("footer") or 0,
        int(re.findall("set `footer` to ([0-9]+)", finding["sentence"])[0]),
    )
    return [
        Choice("Keep it", {"footer": min(now, other)}, is_current=now < other),
        Choice("Leave it out", {"footer": max(now, other)}, is_current=now > other),
    ]


def _sheets(recipe, finding):
    """The sheets that the sentence names: the one that is read, then others."""
    names = dict.fromkeys(re.findall("`([^`]*)`", finding["sentence"]))
    return [
        Choice(name, {"sheet": name}, is_current=name == recipe.get("sheet"))
        for name in names
        if name != "sheet"
    ]


OF_COLUMN = {
    "odd_tokens": _odd_tokens,
    "nearly_number": _nearly("number", "Number"),
    "nearly_date": _nearly("date", "Date"),
    "nearly_boolean": _nearly("boolean", "Boolean"),
    "ambiguous_dates": _dates,
    "leading_zeros": _codes,
    "codes": _codes,
    "long_numbers": _codes,
    "compact_dates": _compact_dates,
    "decimal_comma": _marks,
    "missing_word": _words("Word"),
    "sentinel_value": _words("Number"),
}
OF_FILE = {"several_sheets": _sheets, "no_header": _no_header, "total_row": _total_row}


def _choice(label, column, *, is_current=False, **correction):
    source = column.get("source") or column["name"]
    return Choice(label, {"columns": [{"source": source, **correction}]}, is_current)

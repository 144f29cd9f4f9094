"""Input warnings: missing values, categories that training did not see, and values outside the training range."""

from itertools import compress, islice

import numpy as np

from mlplatform.number_formats import column_value
from serving.inputs.reader import TypedRows

KINDS = ("imputed", "unseen_category", "out_of_range")
MAX_DETAILS = 1000  # per request


class InputWarnings:
    """Counts and lists the warnings of typed rows."""

    def __init__(self, inputs: list[dict], categories: dict[str, frozenset]):
        """Read the ranges of a signature's inputs; `categories` are those of text columns in training, by name.

        In a column without `categories` none counts as unseen.
        """
        groups = {
            group: [column for column in inputs if column["type"] in types]
            for group, types in TypedRows.GROUPS.items()
        }
        self.names = {group: [column["name"] for column in columns] for group, columns in groups.items()}
        self.low, self.high = (_limits(groups["numbers"], end) for end in ("min", "max"))
        self.earliest, self.latest = (_date_limits(groups["dates"], end) for end in ("min", "max"))
        self.categories = [
            categories[column["name"]] | {None}
            if column["type"] == "text" and column["name"] in categories
            else None
            for column in groups["text"]
        ]

    def counts(self, rows: TypedRows) -> dict[str, int]:
        """The number of warnings of each kind that occurs."""
        totals = dict.fromkeys(KINDS, 0)
        inside = (rows.numbers >= self.low) & (rows.numbers <= self.high)
        if not inside.all():
            totals["imputed"] += int(np.count_nonzero(np.isnan(rows.numbers)))
            totals["out_of_range"] += int(
                np.count_nonzero((rows.numbers < self.low) | (rows.numbers > self.high))
            )
        if rows.dates.size:
            totals["imputed"] += int(np.count_nonzero(np.isnat(rows.dates)))
            outside = (rows.dates < self.earliest) | (rows.dates > self.latest)
            totals["out_of_range"] += int(np.count_nonzero(outside))
        for values, seen in zip(rows.text, self.categories, strict=True):
            totals["imputed"] += values.count(None)
            if seen is not None and not seen.issuperset(values):
                totals["unseen_category"] += sum(value not in seen for value in values)
        return {kind: count for kind, count in totals.items() if count}

    def details(self, rows: TypedRows) -> list[dict]:
        """Each warning with its row, from 1, and its column; at most 1,000."""
        warnings = []
        for name, values, low, high in zip(
            self.names["numbers"], rows.numbers.T, self.low, self.high, strict=True
        ):
            warnings += _flagged(np.isnan(values), name, "imputed")
            warnings += _flagged((values < low) | (values > high), name, "out_of_range")
        for name, values, low, high in zip(
            self.names["dates"], rows.dates.T, self.earliest, self.latest, strict=True
        ):
            warnings += _flagged(np.isnat(values), name, "imputed")
            warnings += _flagged((values < low) | (values > high), name, "out_of_range")
        for name, values, seen in zip(self.names["text"], rows.text, self.categories, strict=True):
            warnings += _flagged([value is None for value in values], name, "imputed")
            if seen is not None:
                unseen = [value not in seen for value in values]
                warnings += _flagged(unseen, name, "unseen_category")
        return sorted(warnings, key=lambda warning: warning["row"])[:MAX_DETAILS]


def sentence(warning: dict, *, column: dict, value) -> str:
    """A warning of details() for people: `column` of the signature has this value in the row."""
    name = f"`{column['name']}`"
    if warning["kind"] == "imputed":
        return f"{name} is missing and was imputed."
    if warning["kind"] == "unseen_category":
        return f"{name}: `{value}` is not in the training data."
    low, high = column_value(column["min"]), column_value(column["max"])
    return f"{name}: {value} is outside the training range, {low} to {high}."


def _flagged(flags, column: str, kind: str) -> list[dict]:
    rows = islice(compress(range(1, len(flags) + 1), flags), MAX_DETAILS)  # more of a column are never listed
    return [{"row": row, "column": column, "kind": kind} for row in rows]


def _limits(columns: list[dict], end: str) -> np.ndarray:
    """One end of the training ranges; a column without values in training has none, and nothing is outside it."""
    limits = [column.get(end) for column in columns]
    return np.array([np.nan if value is None else value for value in limits], dtype=float)


def _date_limits(columns: list[dict], end: str) -> np.ndarray:
    return np.array([column.get(end) or "NaT" for column in columns], dtype="M8[us]")

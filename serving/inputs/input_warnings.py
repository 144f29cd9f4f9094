"""What a caller may want to know of a row that was predicted: a gap, a category or a range that training never saw."""

from itertools import compress, islice

import numpy as np

from serving.engine.encoder import known_categories
from serving.inputs.reader import TypedRows

KINDS = ("imputed", "unseen_category", "out_of_range")
MOST = 1000  # notices of one request that are listed


class Watch:
    """Counts and lists the notices of typed rows, by the ranges of the signature and the fitted categories."""

    def __init__(self, inputs: list[dict], pipeline):
        groups = {
            group: [column for column in inputs if column["type"] in kinds]
            for group, kinds in TypedRows.GROUPS.items()
        }
        self.names = {group: [column["name"] for column in columns] for group, columns in groups.items()}
        self.low, self.high = (_ends(groups["numbers"], end) for end in ("min", "max"))
        self.earliest, self.latest = (_moments(groups["dates"], end) for end in ("min", "max"))
        known = known_categories(pipeline["columns"]) or [None] * len(groups["text"])
        self.known = [
            None if column["type"] != "text" or categories is None else categories | {None}
            for column, categories in zip(groups["text"], known, strict=True)
        ]

    def counts(self, rows: TypedRows) -> dict[str, int]:
        """How often each kind occurs; kinds that do not are left out."""
        found = dict.fromkeys(KINDS, 0)
        inside = (rows.numbers >= self.low) & (rows.numbers <= self.high)
        if not inside.all():
            found["imputed"] += int(np.count_nonzero(np.isnan(rows.numbers)))
            found["out_of_range"] += int(
                np.count_nonzero((rows.numbers < self.low) | (rows.numbers > self.high))
            )
        if rows.dates.size:
            found["imputed"] += int(np.count_nonzero(np.isnat(rows.dates)))
            outside = (rows.dates < self.earliest) | (rows.dates > self.latest)
            found["out_of_range"] += int(np.count_nonzero(outside))
        for values, known in zip(rows.text, self.known, strict=True):
            found["imputed"] += values.count(None)
            if known is not None and not known.issuperset(values):
                found["unseen_category"] += sum(value not in known for value in values)
        return {kind: count for kind, count in found.items() if count}

    def listed(self, rows: TypedRows) -> list[dict]:
        """Each notice with its row, counted from 1, and its column; at most 1,000."""
        found = []
        for name, values, low, high in zip(
            self.names["numbers"], rows.numbers.T, self.low, self.high, strict=True
        ):
            found += _at(np.isnan(values), name, "imputed")
            found += _at((values < low) | (values > high), name, "out_of_range")
        for name, values, low, high in zip(
            self.names["dates"], rows.dates.T, self.earliest, self.latest, strict=True
        ):
            found += _at(np.isnat(values), name, "imputed")
            found += _at((values < low) | (values > high), name, "out_of_range")
        for name, values, known in zip(self.names["text"], rows.text, self.known, strict=True):
            found += _at([value is None for value in values], name, "imputed")
            if known is not None:
                unseen = [value not in known for value in values]
                found += _at(unseen, name, "unseen_category")
        return sorted(found, key=lambda notice: notice["row"])[:MOST]


def _at(flags, column: str, kind: str) -> list[dict]:
    rows = islice(compress(range(1, len(flags) + 1), flags), MOST)  # more of one column are never listed
    return [{"row": row, "column": column, "kind": kind} for row in rows]


def _ends(columns: list[dict], end: str) -> np.ndarray:
    """The ends of the training's ranges; a column without any value has none, and nothing is outside it."""
    ends = [column.get(end) for column in columns]
    return np.array([np.nan if value is None else value for value in ends], dtype=float)


def _moments(columns: list[dict], end: str) -> np.ndarray:
    return np.array([column.get(end) or "NaT" for column in columns], dtype="M8[us]")

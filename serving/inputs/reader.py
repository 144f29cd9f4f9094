"""The one coercion layer: rows as a caller sends them -> typed rows, by the model's signature.

Every format ends here, so that one set of rules decides what is a number, a gap or a fault. Values are looked at
column by column; only when one does not fit are the rows read again, cell by cell, to say where.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas
from django.core.exceptions import ValidationError

from serving.inputs import cell_rules

MOST_ERRORS = 20
# A request of 60 MB may have twenty million rows that do not fit: to count them all takes half a minute.
MOST_COUNTED = 10_000
DTYPES = {
    "text": "str",
    "boolean": "boolean",
    "date": "datetime64[us]",
    "integer": "float64",
    "number": "float64",
}


@dataclass(frozen=True)
class TypedRows:
    """Rows of one signature, column by column: what a plan and a pipeline predict from."""

    inputs: list[dict]
    count: int
    numbers: np.ndarray  # float64 (rows, columns), NaN is missing
    dates: np.ndarray  # datetime64[us] (rows, columns) in UTC, NaT is missing
    text: list[Sequence]  # for each text or boolean column its values; None is missing

    GROUPS: ClassVar[dict[str, tuple]] = {
        "numbers": ("integer", "number"),
        "dates": ("date",),
        "text": ("text", "boolean"),
    }

    @classmethod
    def of_frame(cls, frame: pandas.DataFrame, inputs: list[dict]) -> "TypedRows":
        """Of a frame that is typed already, such as a chunk of a file."""
        names = {
            group: [column["name"] for column in inputs if column["type"] in kinds]
            for group, kinds in cls.GROUPS.items()
        }
        return cls(
            inputs,
            len(frame),
            _block([frame[name].astype("float64").to_numpy() for name in names["numbers"]], len(frame), "f8"),
            _block([frame[name].to_numpy() for name in names["dates"]], len(frame), "M8[us]"),
            [frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in names["text"]],
        )

    def frame(self) -> pandas.DataFrame:
        """The same rows as the frame that the pipeline was fitted on."""
        groups = {"numbers": iter(self.numbers.T), "dates": iter(self.dates.T), "text": iter(self.text)}
        group_of = {kind: groups[group] for group, kinds in self.GROUPS.items() for kind in kinds}
        return pandas.DataFrame(
            {
                column["name"]: pandas.Series(next(group_of[column["type"]]), dtype=DTYPES[column["type"]])
                for column in self.inputs
            }
        )


def _block(columns: list[np.ndarray], count: int, dtype: str) -> np.ndarray:
    block = np.empty((count, len(columns)), dtype=dtype)
    for place, values in enumerate(columns):
        block[:, place] = values
    return block


class _Misfit(Exception):
    """Some cell or row does not fit; which one is found out in a second look."""


class Reader:
    """Reads rows for one signature. Made once per model; what it needs of the signature is worked out then."""

    def __init__(self, inputs: list[dict]):
        self.inputs = inputs
        self.names = [column["name"] for column in inputs]
        self.known = set(self.names)
        self.groups = {
            group: [place for place, column in enumerate(inputs) if column["type"] in kinds]
            for group, kinds in TypedRows.GROUPS.items()
        }
        self.whole = [
            order for order, place in enumerate(self.groups["numbers"]) if inputs[place]["type"] == "integer"
        ]

    def from_rows(self, rows: Sequence, *, rules: cell_rules.Rules = cell_rules.JSON) -> TypedRows:
        """Rows that are each a list in the signature's order or an object by column name.

        A missing value is null. An integral float passes for an integer. Raises ValidationError listing row and
        column of at most 20 faults, without echoing data.
        """
        if not isinstance(rows, list) or not rows:
            raise ValidationError(
                {"input_data": ValidationError("Send at least one row.", code="invalid_input")}
            )
        try:
            return self._typed(self._columns(rows), len(rows), rules)
        except _Misfit:
            _Faults(self, rules).raise_for(rows)
            raise AssertionError("a row did not fit, and no fault was found") from None

    def from_columns(
        self,
        columns: dict[str, Sequence],
        count: int,
        *,
        rules: cell_rules.Rules = cell_rules.JSON,
        first: int = 1,
    ) -> TypedRows:
        """Columns by name, each of `count` values; those that the model does not have are ignored.

        `first` is the number of the first row, for a part of a larger table.
        """
        missing = [name for name in self.names if name not in columns]
        if missing:
            errors = Errors()
            for name in missing:
                errors.add(f"Column `{name}` is missing.")
            errors.raise_if_any()
        ordered = [columns[name] for name in self.names]
        try:
            return self._typed(ordered, count, rules)
        except _Misfit:
            _Faults(self, rules, first).raise_for([list(row) for row in zip(*ordered, strict=True)])
            raise AssertionError("a row did not fit, and no fault was found") from None

    def _columns(self, rows: list) -> list[Sequence]:
        kinds = set(map(type, rows))
        width = len(self.names)
        if kinds <= {list, dict} and set(map(len, rows)) != {width}:
            raise _Misfit
        if kinds == {list}:
            return list(zip(*rows, strict=True))
        if kinds == {dict}:
            try:
                return [[row[name] for row in rows] for name in self.names]
            except KeyError:
                raise _Misfit from None
        return list(zip(*self._ordered(rows), strict=True))

    def _ordered(self, rows: list) -> list[list]:
        """Lists and objects in one request."""
        width = len(self.names)
        for row in rows:
            if not isinstance(row, list | dict) or len(row) != width:
                raise _Misfit
        try:
            return [row if isinstance(row, list) else [row[name] for name in self.names] for row in rows]
        except KeyError:
            raise _Misfit from None

    def _typed(self, columns: list[Sequence], count: int, rules: cell_rules.Rules) -> TypedRows:
        try:
            numbers = rules.numbers([columns[place] for place in self.groups["numbers"]], count, self.whole)
            dates = rules.dates([columns[place] for place in self.groups["dates"]], count)
            text = [
                (rules.texts if self.inputs[place]["type"] == "text" else rules.booleans)(columns[place])
                for place in self.groups["text"]
            ]
        except cell_rules.Wrong:
            raise _Misfit from None
        return TypedRows(self.inputs, count, numbers, dates, text)


class Errors:
    """The faults of one request: the first of them in words, the others counted up to MOST_COUNTED."""

    def __init__(self):
        self.sentences: list[str] = []
        self.count = 0

    @property
    def are_enough(self) -> bool:
        return self.count >= MOST_COUNTED

    def add(self, sentence: str) -> None:
        self.count += 1
        if len(self.sentences) < MOST_ERRORS:
            self.sentences.append(sentence)

    def raise_if_any(self) -> None:
        if not self.count:
            return
        more = self.count - len(self.sentences)
        number = f"at least {more}" if self.are_enough else more
        sentences = self.sentences + ([f"... and {number} more."] if more else [])
        errors = [ValidationError(sentence, code="invalid_input") for sentence in sentences]
        raise ValidationError({"input_data": errors})


class _Faults:
    """The second look: row by row and cell by cell, to name those that do not fit."""

    def __init__(self, reader: Reader, rules: cell_rules.Rules, first: int = 1):
        self.reader, self.rules, self.first, self.errors = reader, rules, first, Errors()

    def raise_for(self, rows: list) -> None:
        for number, row in enumerate(rows, start=self.first):
            if self.errors.are_enough:
                break
            values = self._ordered(row, number)
            for column, value in zip(self.reader.inputs, values, strict=False):
                try:
                    self.rules.check(column["type"], value)
                except cell_rules.Wrong as wrong:
                    self.errors.add(f"Row {number}, column `{column['name']}` {wrong}.")
        self.errors.raise_if_any()

    def _ordered(self, row, number: int) -> list:
        names, errors = self.reader.names, self.errors
        if isinstance(row, dict):
            unknown = [name for name in row if name not in self.reader.known]
            missing = [name for name in names if name not in row]
            for name in unknown:
                errors.add(f"Row {number}: the model has no column `{str(name)[:100]}`.")
            for name in missing:
                errors.add(
                    f"Row {number}: column `{name}` is missing; send null where the value is not known."
                )
            return [] if unknown or missing else [row[name] for name in names]
        if isinstance(row, list):
            if len(row) == len(names):
                return row
            errors.add(f"Row {number} has {len(row)} values; the model has {len(names)} columns.")
            return []
        errors.add(f"Row {number} must be a list of values or an object keyed by column name.")
        return []

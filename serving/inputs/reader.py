"""Typed rows, and the one place that makes them from the rows of a caller, by the model's signature.

Every format ends here, so one set of rules decides what is a number, a missing value or an error. Values are checked
column by column; only if one is invalid are the rows read again, cell by cell, to report where.
"""

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas
from django.core.exceptions import ValidationError

from serving.inputs import cell_formats, cell_rules

MAX_LISTED_ERRORS = 20
# A request of 60 MB can hold twenty million invalid rows: counting all of them takes half a minute.
MAX_COUNTED_ERRORS = 10_000
MAX_COMPARED = 50  # comparing one name with 2,000 similar ones takes 0.1 s
DTYPES = {
    "text": "str",
    "boolean": "boolean",
    "date": "datetime64[us]",
    "integer": "float64",
    "number": "float64",
}


@dataclass(frozen=True)
class TypedRows:
    """Rows of one signature, stored by column: what an inference engine predicts on."""

    inputs: list[dict]
    count: int
    numbers: np.ndarray  # float64 (rows, columns), NaN is missing
    dates: np.ndarray  # datetime64[us] (rows, columns) in UTC, NaT is missing
    text: list[Sequence]  # the values of each text or boolean column, None is missing

    GROUPS: ClassVar[dict[str, tuple]] = {
        "numbers": ("integer", "number"),
        "dates": ("date",),
        "text": ("text", "boolean"),
    }

    @classmethod
    def from_frame(cls, frame: pandas.DataFrame, inputs: list[dict]) -> "TypedRows":
        """Convert a frame that already has the dtypes of the pipeline, such as a part of a dataset."""
        names = {
            group: [column["name"] for column in inputs if column["type"] in types]
            for group, types in cls.GROUPS.items()
        }
        return cls(
            inputs,
            len(frame),
            _stack([frame[name].astype("float64").to_numpy() for name in names["numbers"]], len(frame), "f8"),
            _stack([frame[name].to_numpy() for name in names["dates"]], len(frame), "M8[us]"),
            [frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in names["text"]],
        )

    def to_frame(self) -> pandas.DataFrame:
        """The same rows as a frame with the columns and dtypes that the pipeline was fitted on."""
        groups = {"numbers": iter(self.numbers.T), "dates": iter(self.dates.T), "text": iter(self.text)}
        columns_by_type = {kind: groups[group] for group, types in self.GROUPS.items() for kind in types}
        return pandas.DataFrame(
            {
                column["name"]: pandas.Series(
                    next(columns_by_type[column["type"]]), dtype=DTYPES[column["type"]]
                )
                for column in self.inputs
            }
        )


def _stack(columns: list[np.ndarray], count: int, dtype: str) -> np.ndarray:
    block = np.empty((count, len(columns)), dtype=dtype)
    for index, values in enumerate(columns):
        block[:, index] = values
    return block


class _Invalid(Exception):
    """Some row or cell is invalid; a second pass finds out which."""


class Reader:
    """Reads rows for one signature. Create one per model: it prepares what it needs of the signature."""

    def __init__(self, inputs: list[dict]):
        self.inputs = inputs
        self.names = [column["name"] for column in inputs]
        self.name_set = set(self.names)
        self.formats = cell_formats.formats_of(inputs)
        self.with_texts = [place for place, form in enumerate(self.formats or ()) if form.reads_json]
        self.groups = {
            group: [index for index, column in enumerate(inputs) if column["type"] in types]
            for group, types in TypedRows.GROUPS.items()
        }
        self.integers = [
            order for order, index in enumerate(self.groups["numbers"]) if inputs[index]["type"] == "integer"
        ]

    def from_rows(self, rows: Sequence, *, rules: cell_rules.CellRules = cell_rules.JSON) -> TypedRows:
        """Read rows: each is a list in the signature's order or an object keyed by column name.

        null is missing; 3.0 is a valid integer. Raises ValidationError with the row and column of at most 20 errors,
        without the caller's data.
        """
        if not isinstance(rows, list):
            error = ValidationError("The rows must be a list.", code="invalid_input")
            raise ValidationError({"input_data": error})
        try:
            return self._typed(self._columns(rows), len(rows), rules)
        except _Invalid:
            _ErrorReport(self, rules).raise_for(rows)
            raise AssertionError("the rows are invalid, but every cell is valid") from None

    def from_columns(
        self,
        columns: dict[str, Sequence],
        count: int,
        *,
        rules: cell_rules.CellRules = cell_rules.JSON,
        first: int = 1,
    ) -> TypedRows:
        """Read columns by name, each of `count` values; columns that the model does not have are ignored.

        `first` is the number of the first row, for a part of a larger table. Raises ValidationError like from_rows().
        """
        self.check_names(columns)
        ordered = [columns[name] for name in self.names]
        try:
            return self._typed(ordered, count, rules)
        except _Invalid:
            _ErrorReport(self, rules, first).raise_for([list(row) for row in zip(*ordered, strict=True)])
            raise AssertionError("the columns are invalid, but every cell is valid") from None

    def check_names(self, names: Collection[str]) -> None:
        """Raise ValidationError if a table with these columns lacks some of the model."""
        missing = self.name_set.difference(names)
        if not missing:
            return
        errors, others = RowErrors(), [name for name in names if name not in self.name_set]
        for name in self.names:
            if name in missing:
                near = None if errors.is_list_full else nearest_column(name, others)
                errors.add(f"Column `{name}` is missing{f'; there is a column `{near}`' if near else ''}.")
        errors.raise_if_any()

    def _columns(self, rows: list) -> list[Sequence]:
        if not rows:
            return [[] for _ in self.names]
        types = set(map(type, rows))
        width = len(self.names)
        if types <= {list, dict} and set(map(len, rows)) != {width}:
            raise _Invalid
        if types == {list}:
            return list(zip(*rows, strict=True))
        if types == {dict}:
            try:
                return [[row[name] for row in rows] for name in self.names]
            except KeyError:
                raise _Invalid from None
        return list(zip(*self._ordered(rows), strict=True))

    def _ordered(self, rows: list) -> list[list]:
        """Rows as lists, for a request that mixes lists and objects."""
        width = len(self.names)
        for row in rows:
            if not isinstance(row, list | dict) or len(row) != width:
                raise _Invalid
        try:
            return [row if isinstance(row, list) else [row[name] for name in self.names] for row in rows]
        except KeyError:
            raise _Invalid from None

    def _typed(self, columns: list[Sequence], count: int, rules: cell_rules.CellRules) -> TypedRows:
        try:
            if self.formats:
                columns, rules = self._as_json(columns, rules), cell_rules.JSON
            numbers = rules.numbers(
                [columns[index] for index in self.groups["numbers"]], count, self.integers
            )
            dates = rules.dates([columns[index] for index in self.groups["dates"]], count)
            text = [
                (rules.texts if self.inputs[index]["type"] == "text" else rules.booleans)(columns[index])
                for index in self.groups["text"]
            ]
        except cell_rules.InvalidCell:
            raise _Invalid from None
        return TypedRows(self.inputs, count, numbers, dates, text)

    def _as_json(self, columns: list[Sequence], rules: cell_rules.CellRules) -> list[Sequence]:
        """The columns with texts read by the formats of the signature."""
        if rules is cell_rules.TEXT:
            return [form.from_texts(values) for form, values in zip(self.formats, columns, strict=True)]
        columns = list(columns)
        for place in self.with_texts:
            columns[place] = self.formats[place].from_json(columns[place])
        return columns


def nearest_column(name: object, columns: Collection[str]) -> str | None:
    """The column that a name probably means, whatever its capitals; None if there are too many to compare."""
    if len(columns) > MAX_COMPARED:
        return None
    by_lower_name = {str(column)[:100].lower(): str(column)[:100] for column in columns}
    near = difflib.get_close_matches(str(name)[:100].lower(), by_lower_name, n=1)
    return by_lower_name[near[0]] if near else None


class RowErrors:
    """The errors of one request: the first ones as sentences, the others counted up to MAX_COUNTED_ERRORS."""

    def __init__(self):
        self.sentences: list[str] = []
        self.count = 0

    @property
    def is_full(self) -> bool:
        return self.count >= MAX_COUNTED_ERRORS

    @property
    def is_list_full(self) -> bool:
        return len(self.sentences) >= MAX_LISTED_ERRORS

    def add(self, sentence: str) -> None:
        self.count += 1
        if not self.is_list_full:
            self.sentences.append(sentence)

    def raise_if_any(self) -> None:
        if not self.count:
            return
        more = self.count - len(self.sentences)
        number = f"at least {more:,}" if self.is_full else f"{more:,}"
        sentences = self.sentences + ([f"... and {number} more."] if more else [])
        errors = [ValidationError(sentence, code="invalid_input") for sentence in sentences]
        raise ValidationError({"input_data": errors})


class _ErrorReport:
    """The second pass over invalid rows: reports each invalid row and cell."""

    def __init__(self, reader: Reader, rules: cell_rules.CellRules, first: int = 1):
        self.reader, self.rules, self.first, self.errors = reader, rules, first, RowErrors()

    def raise_for(self, rows: list) -> None:
        for number, row in enumerate(rows, start=self.first):
            if self.errors.is_full:
                break
            values = self._ordered(row, number)
            for place, value in enumerate(values):
                column = self.reader.inputs[place]
                try:
                    self._check(place, column["type"], value)
                except cell_rules.InvalidCell as error:
                    self.errors.add(f"Row {number:,}, column `{column['name']}` {error}.")
        self.errors.raise_if_any()

    def _check(self, place: int, kind: str, value) -> None:
        if not self.reader.formats:
            self.rules.check(kind, value)
            return
        form = self.reader.formats[place]
        read = form.from_texts if self.rules is cell_rules.TEXT else form.from_json
        cell_rules.JSON.check(kind, read([value])[0])

    def _ordered(self, row, number: int) -> list:
        names, errors = self.reader.names, self.errors
        if isinstance(row, dict):
            unknown = [name for name in row if name not in self.reader.name_set]
            missing = [name for name in names if name not in row]
            for name in unknown:
                near = None if errors.is_list_full else nearest_column(name, missing)
                hint = f"; did you mean `{near}`?" if near else "."
                errors.add(f"Row {number:,}: the model has no column `{str(name)[:100]}`{hint}")
            for name in missing:
                errors.add(f"Row {number:,}: column `{name}` is missing; send null if the value is unknown.")
            return [] if unknown or missing else [row[name] for name in names]
        if isinstance(row, list):
            if len(row) == len(names):
                return row
            values = "1 value" if len(row) == 1 else f"{len(row):,} values"
            columns = "1 column" if len(names) == 1 else f"{len(names):,} columns"
            errors.add(f"Row {number:,} has {values}; the model has {columns}.")
            return []
        errors.add(f"Row {number:,} must be a list of values or an object keyed by column name.")
        return []

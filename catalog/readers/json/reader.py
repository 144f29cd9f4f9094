"""The columns of JSON objects: their keys, and the types of their values."""

import itertools
import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from typing import BinaryIO

import pyarrow as pa
from django.core.exceptions import ValidationError

from catalog.readers import streams
from catalog.readers.cells import column_types, conclusion, conversion, dates, type_inference
from catalog.readers.cells.column_types import Column
from catalog.readers.cells.type_inference import TypeInference
from catalog.readers.detection import Head
from catalog.readers.formats import FORMATS
from catalog.readers.json import objects
from catalog.readers.recipe import Finding, ParseRecipe, Reading

BATCH_CELLS = 1_000_000
# A cell without a key costs a file no byte, but the table as much as any other: 20,000 objects with a key each of their
# own, 250 KB, would be 400 million cells.
SPARSE_CELLS, MIN_FILLED = 5_000_000, 0.05
JSON_TYPES = {
    "integer": {int, type(None)},
    "number": {int, float, type(None)},
    "boolean": {bool, type(None)},
    "date": {str, type(None)},
}
INT64 = range(-(2**63), 2**63)


def matches(head: Head) -> bool:
    start = head.text.lstrip()[:200]
    if re.match(r'\{\s*(?:"|\}|$)|\[\s*(?:\{|\]|$)', start):
        return True
    if head.extension not in FORMATS["jsonl"].extensions:
        return False
    if start[0] in "{[":
        return True
    try:
        json.loads(head.text.lstrip().partition("\n")[0])
    except (ValueError, RecursionError):
        return False
    return True


def detect(file: BinaryIO, head: Head, *, max_bytes: int) -> Reading:
    schema, notes = SchemaInference(), objects.Notes()
    encoding = head.encodings[0]
    if encoding in ("cp1252", "latin-1"):
        encoding = "utf-8"  # RFC 8259
    try:
        with closing(streams.decoded(file, head.compression, encoding, max_bytes=max_bytes)) as stream:
            for lines, rows in objects.read(stream, notes):
                schema.update(lines, rows)
    except streams.WrongEncoding as error:
        raise head.encoding_error(encoding, error.line) from error
    recipe = ParseRecipe("jsonl", head.compression, encoding, columns=schema.columns(without=notes.flattened))
    return Reading(recipe, schema.rows, (*notes.findings(), *schema.findings()))


def batches(file: BinaryIO, recipe: ParseRecipe, columns: Sequence[Column]) -> Iterator[pa.RecordBatch]:
    with closing(streams.decoded(file, recipe.compression, recipe.encoding)) as stream:
        rows = max(BATCH_CELLS // max(len(columns), 1), 1)
        for _, block in objects.read(stream):
            for start in range(0, len(block), rows):
                arrays = [_array(block[start : start + rows], column) for column in columns]
                yield pa.RecordBatch.from_arrays(arrays, [column.name for column in columns])


def typed(values: pa.Array, column: Column, recipe: ParseRecipe) -> pa.Array:
    is_typed = values.type == column_types.ARROW_TYPES[column.type] and column.format is None
    return values if is_typed else conversion.from_arrow(values, column)


def line_of(file: BinaryIO, recipe: ParseRecipe, row: int) -> int:
    with closing(streams.decoded(file, recipe.compression, recipe.encoding)) as stream:
        lines = itertools.chain.from_iterable(lines for lines, _ in objects.read(stream))
        return next(itertools.islice(lines, row, None))


def raw_batches(file: BinaryIO, recipe: ParseRecipe) -> Iterator[pa.RecordBatch]:
    return batches(file, recipe, recipe.columns)


class SchemaInference:
    """The columns of the objects so far: their keys, in order of appearance, and the types of their values."""

    def __init__(self):
        self.rows = 0
        self._types = {}
        self._rows_with = Counter()
        self._is_date = {}
        self._texts = defaultdict(TypeInference)

    def update(self, lines: list[int], rows: list[dict]) -> None:
        """Raises ValidationError for a nested value, too many keys, and objects with too few keys in common."""
        columns = defaultdict(
            list
        )  # of the values that are there: each row is read once, however many keys there are
        for row in rows:
            for name, value in row.items():
                columns[name].append(value)
        for name, values in columns.items():
            types = self._types.setdefault(name, set())
            types |= set(map(type, values))
            if dict in types or list in types:
                self._raise_nested(name, rows, lines)
            if int in types and not _fits_int64(values):
                types.add(str)  # an identifier, which a float would round
                self._is_date[name] = False
            if float in types and any(value != value for value in values):
                types.add(type(None))
            if str in types and (self._is_date.get(name, True) or not self._texts[name].is_text):
                texts = pa.array([value for value in values if type(value) is str], pa.string())
                self._texts[name].update(texts)
                self._is_date[name] = self._is_date.get(name, True) and (
                    not len(texts) or type_inference.are_dates(texts)
                )
            self._rows_with[name] += len(values)
        self.rows += len(rows)
        if len(self._types) > column_types.MAX_COLUMNS:
            column_types.usable_names(list(self._types))
        self._check_filled()

    def _check_filled(self) -> None:
        cells = self.rows * len(self._types)
        if cells > SPARSE_CELLS and self._rows_with.total() < MIN_FILLED * cells:
            raise ValidationError(
                f"The first {self.rows:,} objects have {len(self._types):,} different keys, and more than "
                f"{1 - MIN_FILLED:.0%} of the cells would be empty. Use the same keys in every object: a key is a "
                "column, not a value.",
                code="sparse_table",
            )

    def columns(self, without: Collection[str] = ()) -> tuple[Column, ...]:
        """The columns with their final types, without those of these names that are only null.

        Raises ValidationError for a key that cannot be a column name.
        """
        names = column_types.exact_names(
            [name for name, types in self._types.items() if name not in without or types != {type(None)}]
        )
        return tuple(Column(name, self._type(name), self._is_nullable(name)) for name in names)

    def findings(self) -> tuple[Finding, ...]:
        """The columns of texts that look like numbers or dates, and those of texts and other values."""
        texts = {name: inference for name, inference in self._texts.items() if self._type(name) == "text"}
        found = [Finding(one.code, one.text, one.column) for one in conclusion.text_findings(texts)]
        for name in texts:
            if len(self._types[name] - {type(None)}) > 1:
                sentence = f"`{name}` has texts and other values, such as numbers: all are read as text."
                found.append(Finding("mixed_types", sentence, name))
        return tuple(found)

    def _is_nullable(self, name):
        return type(None) in self._types[name] or self._rows_with[name] < self.rows

    def _type(self, name):
        types = self._types[name] - {type(None)}
        if types == {str}:
            return "date" if self._is_date[name] else "text"
        if types == {bool}:
            return "boolean"
        if types == {int}:
            return "integer"
        return "number" if types <= {int, float} else "text"

    @staticmethod
    def _raise_nested(name, rows, lines):
        line = next(
            line for line, row in zip(lines, rows, strict=True) if type(row.get(name)) in (dict, list)
        )
        raise ValidationError(
            f"Line {line:,}: `{name[:100]}` is a list, or an object in an object. Make plain columns of it.",
            code="nested_value",
        )


def _array(rows, column):
    """One column of the objects as an Arrow array of its type, or of texts if some are of another type."""
    values = [row.get(column.source or column.name) for row in rows]
    if column.type != "text" and set(map(type, values)) <= JSON_TYPES[column.type]:
        try:
            return _natural_array(values, column.type)
        except (pa.ArrowInvalid, OverflowError):  # texts that are no dates, integers of more than 64 bits
            pass
    values = [value if value is None or type(value) is str else json.dumps(value) for value in values]
    return pa.array(values, pa.string())


def _natural_array(values, kind):
    if kind == "number":
        values = [None if value is None or value != value else float(value) for value in values]
    if kind == "date":
        return dates.parse(pa.array(values, pa.string()))
    return pa.array(values, column_types.ARROW_TYPES[kind])


def _fits_int64(values):
    whole = [value for value in values if type(value) is int]
    return not whole or (min(whole) in INT64 and max(whole) in INT64)

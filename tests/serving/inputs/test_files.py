"""Batches and frames of a file are read like single cells and values."""

import numpy as np
import pandas
import pyarrow as pa
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as some

from catalog.readers.cells.missing import MISSING
from catalog.readers.tables import Column, ParseRecipe
from serving.inputs import cell_rules, files
from serving.inputs.reader import Reader

INPUTS = [
    {"name": "whole", "type": "integer"},
    {"name": "part", "type": "number"},
    {"name": "day", "type": "date"},
    {"name": "word", "type": "text"},
    {"name": "flag", "type": "boolean"},
]
WRITTEN = some.one_of(
    some.sampled_from([*MISSING, " NA ", "inf", "-Infinity", "1e400", "0x1", "1_0", "1,5", "\u0661", "\u00a01", "+.5",
                       "5.", "true", "FALSE", " true", "2026-01-31", "2026-01-31T10:00:00Z", "2026-02-30"]),
    some.integers().map(str),
    some.floats().map(str),
    some.text(alphabet=some.characters(codec="utf-8", exclude_characters="\0"), max_size=4),
)  # fmt: skip


def outcome(work) -> tuple:
    try:
        rows = work()
    except ValidationError as error:
        return ("refused", error.messages)
    return rows.numbers.tobytes(), rows.dates.tobytes(), [list(values) for values in rows.text]


@given(some.lists(some.tuples(*[WRITTEN] * 5), min_size=1, max_size=4))
def test_a_batch_of_texts_is_read_like_single_cells(rows):
    columns = dict(zip([column["name"] for column in INPUTS], zip(*rows, strict=True), strict=True))
    reader = Reader(INPUTS)
    batch_ = pa.RecordBatch.from_arrays(
        [pa.array(values, pa.string()) for values in columns.values()], list(columns)
    )
    recipe = ParseRecipe("csv", decimal=".", columns=tuple(Column(name, "text", True) for name in columns))
    assert outcome(lambda: files.from_batch(batch_, reader, recipe=recipe)) == outcome(
        lambda: reader.from_columns(columns, len(rows), rules=cell_rules.TEXT)
    )


@given(
    some.sampled_from(["i8", "u4", "f4", "f8", "bool", "M8[us]", "O"]),
    some.sampled_from(INPUTS),
    some.lists(some.integers(0, 5), min_size=1, max_size=4),
)
def test_a_typed_column_is_read_like_single_values(dtype, column, values):
    series = pandas.Series(np.array(values).astype(dtype))
    if series.dtype.kind == "f":
        series = series.where(series > 0) / 2
    reader, frame = Reader([column]), pandas.DataFrame({column["name"]: series})
    listed = {column["name"]: files._TypedColumns({column["name"]: series}).to_list(column["name"])}
    assert outcome(lambda: files.from_frame(frame, reader)) == outcome(
        lambda: reader.from_columns(listed, len(values))
    )

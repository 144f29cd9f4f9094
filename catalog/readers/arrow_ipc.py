"""Feather and other files of Arrow's IPC format, by record batches."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import pyarrow as pa

from catalog.readers import arrow_files, streams
from catalog.readers.cells import column_types, conclusion, conversion
from catalog.readers.cells.column_types import Column
from catalog.readers.cells.type_inference import TypeInference
from catalog.readers.detection import Head
from catalog.readers.parquet import PANDAS_INDEX
from catalog.readers.recipe import Finding, ParseRecipe, Reading

BATCH_ROWS = 50_000


def matches(head: Head) -> bool:
    return head.content.startswith(b"ARROW1")


def detect(file: BinaryIO, head: Head, *, max_bytes: int) -> Reading:
    with _opened(file, head.compression, max_bytes) as reader:
        fields = [field for field in reader.schema if not PANDAS_INDEX.fullmatch(field.name)]
        names = column_types.exact_names([field.name for field in fields])
        columns = [column_types.arrow_column(field) for field in fields]
        texts = {
            field.name: TypeInference()
            for field in fields
            if column_types.is_text(column_types.value_type(field.type))
        }
        rows = size = 0
        for batch in _batches(reader, names):
            batch.validate(full=True)
            size += batch.nbytes
            if size > max_bytes:
                raise streams.too_large()
            rows += batch.num_rows
            columns = [
                column_types.with_values(column, values)
                for column, values in zip(columns, batch.columns, strict=True)
            ]
            for name, inference in texts.items():
                inference.update(batch.column(name).cast(pa.string()))
    recipe = ParseRecipe("feather", head.compression, columns=tuple(columns))
    found = [Finding(one.code, one.text, one.column) for one in conclusion.text_findings(texts)]
    return Reading(recipe, rows, tuple(found))


def batches(file: BinaryIO, recipe: ParseRecipe, columns: Sequence[Column]) -> Iterator[pa.RecordBatch]:
    with _opened(file, recipe.compression, streams.MAX_BYTES) as reader:
        yield from _batches(reader, [column.source or column.name for column in columns])


def typed(values: pa.Array, column: Column, recipe: ParseRecipe) -> pa.Array:
    return conversion.from_arrow(values, column)


def line_of(file: BinaryIO, recipe: ParseRecipe, row: int) -> None:
    """An Arrow file has no lines."""


def raw_batches(file: BinaryIO, recipe: ParseRecipe) -> Iterator[pa.RecordBatch]:
    batch = None
    for batch in batches(file, recipe, recipe.columns):
        yield batch.rename_columns(recipe.names)
    if batch is None:
        yield pa.RecordBatch.from_arrays([pa.array([], pa.string())] * len(recipe.names), recipe.names)


def _batches(reader: pa.RecordBatchFileReader, names: list[str]) -> Iterator[pa.RecordBatch]:
    """These columns, without dictionaries."""
    for index in range(reader.num_record_batches):
        whole = reader.get_batch(index).select(names)
        for start in range(0, whole.num_rows, BATCH_ROWS):
            part = whole.slice(start, BATCH_ROWS)
            yield pa.RecordBatch.from_arrays(list(map(_decoded, part.columns)), names)


def _decoded(values: pa.Array) -> pa.Array:
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


@contextmanager
def _opened(file, compression, max_bytes):
    with arrow_files.opened(file, compression, max_bytes=max_bytes, label="Feather") as source:
        yield pa.ipc.open_file(pa.PythonFile(source, mode="r"))

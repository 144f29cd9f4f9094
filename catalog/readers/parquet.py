"""Parquet, read in batches that stay small whatever the file decompresses to."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from catalog.readers import arrow_files, streams
from catalog.readers.cells import column_types, conclusion, conversion
from catalog.readers.cells.column_types import Column
from catalog.readers.cells.type_inference import TypeInference
from catalog.readers.detection import Head
from catalog.readers.recipe import Finding, ParseRecipe, Reading

# pandas stores its index in these columns, which are not columns of the table, and describes it in the schema
# metadata with the key PANDAS.
PANDAS_INDEX = re.compile(r"__index_level_[0-9]+__")
PANDAS = b"pandas"
MAX_METADATA = 2 * 1024**2  # parsed as JSON it takes thirty times as much; 10,000 columns need 1.6 MB
MAX_INDEX_LEVELS = 32
BATCH_BYTES = 16 * 1024 * 1024
BATCH_ROWS = 50_000
# In this encoding a text stores only its difference from the previous one, so a few bytes can be many long texts,
# and Arrow does not read it as a dictionary.
DELTAS, DELTA_BATCH_ROWS = "DELTA_BYTE_ARRAY", 64


def matches(head: Head) -> bool:
    return head.content.startswith(b"PAR1")


def detect(file: BinaryIO, head: Head, *, max_bytes: int) -> Reading:
    with _opened(file, head.compression, max_bytes) as (source, table):
        schema = table.schema_arrow  # a new object on every access
        fields = [field for field in schema if not PANDAS_INDEX.fullmatch(field.name)]
        names = column_types.exact_names([field.name for field in fields])
        columns = [column_types.arrow_column(field) for field in fields]
        texts = {
            field.name: TypeInference()
            for field in fields
            if column_types.is_text(column_types.value_type(field.type))
        }
        names += _index_names(schema)
        if table.metadata.num_rows * len(names) * 8 > max_bytes:
            raise streams.too_large()
        rows = size = 0
        for raw in _dictionary_batches(source, table, names):
            raw.validate(full=True)
            sizes = _text_bytes(raw)
            size += raw.nbytes + sizes.sum()
            if size > max_bytes:  # a text that is stored once can be in every row
                raise streams.too_large()
            rows += raw.num_rows
            for batch in _decoded(raw, sizes, schema):
                values = dict(zip(batch.schema.names, batch.columns, strict=True))
                columns = [column_types.with_values(column, values[column.name]) for column in columns]
                for name, inference in texts.items():
                    inference.update(values[name].cast(pa.string()))
    recipe = ParseRecipe("parquet", head.compression, columns=tuple(columns))
    found = [Finding(one.code, one.text, one.column) for one in conclusion.text_findings(texts)]
    return Reading(recipe, rows, tuple(found))


def batches(file: BinaryIO, recipe: ParseRecipe, columns: Sequence[Column]) -> Iterator[pa.RecordBatch]:
    names = [column.source or column.name for column in columns]
    with _opened(file, recipe.compression, streams.MAX_BYTES) as (source, table):
        schema = table.schema_arrow
        for raw in _dictionary_batches(source, table, names):
            for batch in _decoded(raw, _text_bytes(raw), schema):
                yield batch if batch.schema.names == names else batch.select(names)


def row_count(file: BinaryIO) -> int:
    with _opened(file, None, streams.MAX_BYTES) as (_, table):
        return table.metadata.num_rows


def typed(values: pa.Array, column: Column, recipe: ParseRecipe) -> pa.Array:
    return conversion.from_arrow(values, column)


def line_of(file: BinaryIO, recipe: ParseRecipe, row: int) -> None:
    """A Parquet file has no lines."""


def raw_batches(file: BinaryIO, recipe: ParseRecipe) -> Iterator[pa.RecordBatch]:
    """Includes the index columns of pandas; the first batch has its metadata."""
    with _opened(file, recipe.compression, streams.MAX_BYTES) as (source, table):
        schema = table.schema_arrow
        index = set(_index_names(schema))
        names = [name for name in schema.names if name in index or not PANDAS_INDEX.fullmatch(name)]
        content = (schema.metadata or {}).get(PANDAS, b"")
        metadata = {PANDAS: content} if len(content) <= MAX_METADATA else None
        renamed = {column.source: column.name for column in recipe.columns if column.source}
        final = [renamed.get(name, name) for name in names]
        if not table.metadata.num_rows:
            yield _empty(schema, names).rename_columns(final).replace_schema_metadata(metadata)
        for raw in _dictionary_batches(source, table, names):
            for batch in _decoded(raw, _text_bytes(raw), schema):
                yield batch.rename_columns(final).replace_schema_metadata(metadata)
                metadata = None


def _empty(schema: pa.Schema, names: list[str]) -> pa.RecordBatch:
    kinds = [column_types.value_type(schema.field(name).type) for name in names]
    return pa.RecordBatch.from_arrays([pa.array([], kind) for kind in kinds], names)


def _index_names(schema: pa.Schema) -> list[str]:
    """The index columns of pandas, if they have a supported type: nested or binary ones can decompress to any size."""
    counts = Counter(name for name in schema.names if PANDAS_INDEX.fullmatch(name))
    if len(counts) > MAX_INDEX_LEVELS:
        return []
    return [
        name for name, count in counts.items() if count == 1 and column_types.kind_of(schema.field(name).type)
    ]


def _dictionary_batches(
    source: BinaryIO, table: pyarrow.parquet.ParquetFile, names: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """Batches whose texts are dictionaries, so that a text repeated in many rows is in memory once."""
    metadata = table.metadata
    groups = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
    deltas = {
        chunk.path_in_schema
        for group in groups
        for chunk in map(group.column, range(group.num_columns))
        if DELTAS in chunk.encodings
    }
    schema = table.schema_arrow
    texts = {name for name in names if column_types.is_text(column_types.value_type(schema.field(name).type))}
    row_size = sum(group.total_byte_size for group in groups) // max(metadata.num_rows, 1)
    most = DELTA_BATCH_ROWS if deltas & texts else BATCH_ROWS
    rows = min(max(BATCH_BYTES // max(row_size, 8 * len(names), 1), 1), most)
    reader = _reader(source, read_dictionary=list(texts - deltas))
    return reader.iter_batches(rows, columns=list(names), use_threads=False)


def _decoded(raw: pa.RecordBatch, sizes: np.ndarray, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The batch without dictionaries, split so that the texts of a part, given their bytes by row, stay small."""
    ends = sizes.cumsum()
    start = 0
    while start < raw.num_rows:
        before = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, before + BATCH_BYTES, side="right")), start + 1)
        part = raw.slice(start, stop - start)
        columns = [
            _plain(values, schema.field(name).type)
            for name, values in zip(part.schema.names, part.columns, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(columns, part.schema.names)
        start = stop


def _text_bytes(raw: pa.RecordBatch) -> np.ndarray:
    """The bytes of text in each row of a batch once its dictionaries are decoded."""
    sizes = np.zeros(raw.num_rows, dtype=np.int64)
    for values in raw.columns:
        if pa.types.is_dictionary(values.type) and column_types.is_text(values.type.value_type):
            lengths = pc.binary_length(values.dictionary)
            sizes += lengths.take(values.indices).fill_null(0).to_numpy(zero_copy_only=False)
    return sizes


def _plain(values: pa.Array, kind: pa.DataType) -> pa.Array:
    kind = column_types.value_type(kind)
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    return values if values.type == kind else values.cast(kind)


@contextmanager
def _opened(file, compression, max_bytes):
    with arrow_files.opened(file, compression, max_bytes=max_bytes, label="Parquet") as source:
        yield source, _reader(source)


def _reader(source: BinaryIO, **options) -> pyarrow.parquet.ParquetFile:
    # Buffered, but not read ahead: a row group can be as large as the file.
    return pyarrow.parquet.ParquetFile(
        pa.PythonFile(source, mode="r"), buffer_size=1 << 20, pre_buffer=False, **options
    )

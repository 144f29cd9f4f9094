"""Parquet files, read in parts that stay small whatever a file unpacks to."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
from django.core.exceptions import ValidationError

from catalog.readers import column_types as cells
from catalog.readers import streams

# No column: pandas keeps its row labels in it. What it says of them, and of its types, is under PANDAS.
PANDAS_INDEX = re.compile(r"__index_level_[0-9]+__")
PANDAS = b"pandas"
MOST_TOLD = 2 * 1024**2  # it is read as JSON, which takes thirty times as much; 10,000 columns need 1.6 MB
MOST_LABELS = 32  # levels of an index
BATCH = 16 * 1024 * 1024
ROWS = 50_000
# A text in this encoding says how much of the one before it it repeats, so a page of few bytes may be many long texts;
# Arrow reads it as no dictionary.
DELTAS, FEW_ROWS = "DELTA_BYTE_ARRAY", 64


def settle(
    file: BinaryIO, compression: str | None, *, max_bytes: int
) -> tuple[tuple[cells.Column, ...], int]:
    """The columns of a Parquet file and its number of rows, with every value looked at once."""
    with _opened(file, compression, max_bytes) as (source, table):
        schema = table.schema_arrow  # made anew each time
        fields = [field for field in schema if not PANDAS_INDEX.fullmatch(field.name)]
        names = cells.exact_names([field.name for field in fields])
        found = [cells.arrow_column(field) for field in fields]
        names += _labels(schema)
        if table.metadata.num_rows * len(names) * 8 > max_bytes:
            raise streams.too_large()
        rows = size = 0
        for raw in _raw(source, table, names):
            raw.validate(full=True)
            sizes = _text_bytes(raw)
            size += raw.nbytes + sizes.sum()
            if size > max_bytes:  # a text that stands in the file once may be in every row
                raise streams.too_large()
            rows += raw.num_rows
            for batch in _decoded(raw, sizes, schema):
                values = dict(zip(batch.schema.names, batch.columns, strict=True))
                found = [cells.seen(column, values[column.name]) for column in found]
    return tuple(found), rows


def batches(
    file: BinaryIO, compression: str | None, names: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """The columns of these names as they are stored, but dictionaries as what they stand for, in parts of a few MB.

    Without names all that there are, and pandas' row labels, with the first part what it says of them.
    """
    with _opened(file, compression, streams.MAX_BYTES) as (source, table):
        schema = table.schema_arrow
        told = None
        if names is None:
            labels = set(_labels(schema))
            names = [name for name in schema.names if name in labels or not PANDAS_INDEX.fullmatch(name)]
            said = (schema.metadata or {}).get(PANDAS, b"")
            told = {PANDAS: said} if len(said) <= MOST_TOLD else None
        for raw in _raw(source, table, names):
            for batch in _decoded(raw, _text_bytes(raw), schema):
                yield batch.replace_schema_metadata(told)
                told = None


def _labels(schema: pa.Schema) -> list[str]:
    """The columns with pandas' row labels, where they are plain: what is nested or binary may unpack to anything."""
    counts = Counter(name for name in schema.names if PANDAS_INDEX.fullmatch(name))
    if len(counts) > MOST_LABELS:
        return []
    return [name for name, count in counts.items() if count == 1 and cells.kind_of(schema.field(name).type)]


def _raw(
    source: BinaryIO, table: pyarrow.parquet.ParquetFile, names: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """Batches whose texts are dictionaries: of a text that is in many rows, each row then holds a number."""
    metadata = table.metadata
    groups = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
    deltas = {
        chunk.path_in_schema
        for group in groups
        for chunk in map(group.column, range(group.num_columns))
        if DELTAS in chunk.encodings
    }
    schema = table.schema_arrow
    texts = {name for name in names if cells.is_text(cells.value_type(schema.field(name).type))}
    row_size = sum(group.total_byte_size for group in groups) // max(metadata.num_rows, 1)
    rows = min(max(BATCH // max(row_size, 8 * len(names), 1), 1), FEW_ROWS if deltas & texts else ROWS)
    reader = _reader(source, read_dictionary=list(texts - deltas))
    return reader.iter_batches(rows, columns=list(names), use_threads=False)


def _decoded(raw: pa.RecordBatch, sizes: np.ndarray, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The batch without dictionaries, cut where its texts, of these sizes by row, come to much."""
    ends = sizes.cumsum()
    start = 0
    while start < raw.num_rows:
        before = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, before + BATCH, side="right")), start + 1)
        part = raw.slice(start, stop - start)
        columns = [
            _plain(values, schema.field(name).type)
            for name, values in zip(part.schema.names, part.columns, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(columns, part.schema.names)
        start = stop


def _text_bytes(raw: pa.RecordBatch) -> np.ndarray:
    """The bytes that each row of a batch gets when its texts are no dictionaries any more."""
    sizes = np.zeros(raw.num_rows, dtype=np.int64)
    for values in raw.columns:
        if pa.types.is_dictionary(values.type) and cells.is_text(values.type.value_type):
            lengths = pc.binary_length(values.dictionary)
            sizes += lengths.take(values.indices).fill_null(0).to_numpy(zero_copy_only=False)
    return sizes


def _plain(values: pa.Array, kind: pa.DataType) -> pa.Array:
    kind = cells.value_type(kind)
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    return values if values.type == kind else values.cast(kind)


@contextmanager
def _opened(file, compression, max_bytes):
    source = streams.seekable(file, compression, max_bytes=max_bytes)
    try:
        yield source, _reader(source)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ValidationError(
            "The Parquet file is damaged or was cut off. Export and upload it again.", code="corrupt_file"
        ) from error
    finally:
        if source is not file:
            source.close()


def _reader(source: BinaryIO, **options) -> pyarrow.parquet.ParquetFile:
    # Buffered, not ahead of time: a row group can be as large as the file.
    return pyarrow.parquet.ParquetFile(
        pa.PythonFile(source, mode="r"), buffer_size=1 << 20, pre_buffer=False, **options
    )

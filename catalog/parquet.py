"""Parquet files, read in parts."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet
from django.core.exceptions import ValidationError

from catalog import columns as cells
from catalog import streams

# Left out: pandas takes it for row numbers, not a column.
PANDAS_INDEX = re.compile(r"__index_level_[0-9]+__")
BATCH = 16 * 1024 * 1024


def settle(
    file: BinaryIO, compression: str | None, *, max_bytes: int
) -> tuple[tuple[cells.Column, ...], int]:
    """The columns of a Parquet file and its number of rows, with every value looked at once."""
    with _opened(file, compression, max_bytes) as table:
        fields = [field for field in table.schema_arrow if not PANDAS_INDEX.fullmatch(field.name)]
        names = cells.exact_names([field.name for field in fields])
        found = [cells.arrow_column(field) for field in fields]
        if table.metadata.num_rows * len(names) * 8 > max_bytes:
            raise streams.too_large()
        rows = size = 0
        for batch in _batches(table, names):
            batch.validate(full=True)
            rows, size = rows + batch.num_rows, size + batch.nbytes
            if size > max_bytes:  # a text that stands in the file once may be in every row
                raise streams.too_large()
            values = dict(zip(batch.schema.names, batch.columns, strict=True))
            found = [cells.seen(column, values[column.name]) for column in found]
    return tuple(found), rows


def batches(file: BinaryIO, compression: str | None, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The columns of these names as they are stored, in batches of a few MB."""
    with _opened(file, compression, streams.MAX_BYTES) as table:
        yield from _batches(table, names)


def _batches(table, names):
    sizes = [table.metadata.row_group(place).total_byte_size for place in range(table.num_row_groups)]
    row_size = max(sum(sizes) // max(table.metadata.num_rows, 1), 8 * len(names), 1)
    batch_size = min(max(BATCH // row_size, 1), 50_000)
    return table.iter_batches(batch_size, columns=names, use_threads=False)


@contextmanager
def _opened(file, compression, max_bytes):
    source = streams.seekable(file, compression, max_bytes=max_bytes)
    try:
        # Buffered, not ahead of time: a row group can be as large as the file.
        yield pyarrow.parquet.ParquetFile(
            pa.PythonFile(source, mode="r"), buffer_size=1 << 20, pre_buffer=False
        )
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ValidationError(
            "The Parquet file is damaged or was cut off. Export and upload it again.", code="corrupt_file"
        ) from error
    finally:
        if source is not file:
            source.close()

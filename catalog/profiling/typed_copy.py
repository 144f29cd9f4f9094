"""The typed copy of a table: one Parquet file with its columns and values, whatever format was uploaded.

It is written once, beside the uploaded bytes, and read instead of them by trainings, the profile and the pages.
"""

from collections.abc import Iterator, Sequence
from typing import IO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from catalog.readers.cells import column_types
from catalog.readers.cells.column_types import Column

# Of a row group, which is in memory as a whole while it is written.
GROUP_ROWS = 100_000
GROUP_CELLS = 8_000_000
GROUP_BYTES = 64 * 1024**2
BYTES_OF_CODES = 3  # a row; texts that are no codes have 4 for their length alone
BATCH_CELLS = 1_000_000
BATCH_ROWS = 64 * 1024


class Writer:
    """Writes batches with the types of `column_types.ARROW_TYPES`; not-a-number becomes missing."""

    def __init__(self, file: IO[bytes], columns: Sequence[Column]):
        self._schema = pa.schema([(column.name, column_types.ARROW_TYPES[column.type]) for column in columns])
        texts = [field.name for field in self._schema if pa.types.is_string(field.type)]
        self._writer = pyarrow.parquet.ParquetWriter(
            file,
            self._schema,
            compression="zstd",
            use_dictionary=texts,
            # The range of whole numbers gives the width in which they are read; long texts would fill the footer.
            write_statistics=[field.name for field in self._schema if field.name not in set(texts)],
        )
        self._group_rows = max(min(GROUP_ROWS, GROUP_CELLS // len(self._schema)), 1)
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = self._pending_bytes = 0
        self.rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        start = 0
        while start < batch.num_rows:
            part = batch.slice(start, self._group_rows - self._pending_rows)
            start += part.num_rows
            self._pending.append(part)
            self._pending_rows += part.num_rows
            self._pending_bytes += part.nbytes
            if self._pending_rows == self._group_rows or self._pending_bytes > GROUP_BYTES:
                self._flush()

    def _flush(self) -> None:
        arrays = [
            _without_nan(pa.chunked_array([batch.column(place) for batch in self._pending], field.type))
            for place, field in enumerate(self._schema)
        ]
        group = pa.Table.from_arrays(arrays, schema=self._schema)
        self._writer.write_table(group, row_group_size=max(group.num_rows, 1))
        self.rows += self._pending_rows
        self._pending, self._pending_rows, self._pending_bytes = [], 0, 0

    def close(self) -> None:
        if self._pending:
            self._flush()
        self._writer.close()

    def abandon(self) -> None:
        """Leave the file incomplete: its footer would be written when this is garbage-collected."""
        self._writer.is_open = False


def _without_nan(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_floating(values.type) or not pc.any(pc.is_nan(values)).as_py():
        return values
    return pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)


class TypedCopy:
    """An open typed copy. It reads only the row groups and columns that are asked for, and leaves the file open."""

    def __init__(self, file: IO[bytes], *, categories: Sequence[str] = ()):
        """`categories` are the text columns that are read as dictionaries."""
        self._parquet = pyarrow.parquet.ParquetFile(
            pa.PythonFile(file, mode="r"), buffer_size=1 << 20, pre_buffer=False, read_dictionary=categories
        )
        self._metadata = self._parquet.metadata
        self.schema = self._parquet.schema_arrow
        self.rows = self._metadata.num_rows

    @property
    def has_few_texts(self) -> list[str]:
        """The text columns that are stored as dictionaries much smaller than their rows: one of these is quick to
        read."""
        sizes = dict.fromkeys(range(len(self.schema)), 0)
        for group in map(self._metadata.row_group, range(self._metadata.num_row_groups)):
            for place in sizes:
                sizes[place] += group.column(place).total_uncompressed_size
        return [
            field.name
            for field, size in zip(self.schema, sizes.values(), strict=True)
            if column_types.is_text(field.type) and size < BYTES_OF_CODES * self.rows
        ]

    def batches(
        self, names: Sequence[str], *, groups: Sequence[int] | None = None, rows: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """Yields these columns, in this order, of all row groups or of these."""
        names = list(names)
        rows = max(min(rows, BATCH_CELLS // max(len(names), 1)), 1)
        groups = range(self._metadata.num_row_groups) if groups is None else groups
        for batch in self._parquet.iter_batches(
            rows, row_groups=list(groups), columns=names, use_threads=False
        ):
            # Of a column `a`, Arrow takes `a.b` for a part.
            yield batch if batch.schema.names == names else batch.select(names)

    def slice(self, start: int, rows: int, names: Sequence[str]) -> pa.Table:
        """Up to `rows` rows from this position, counted from 0. Reads no row group without one of them."""
        groups, parts = self._groups(start, start + rows), []
        position = groups[0][1] if groups else 0
        for batch in self.batches(names, groups=[group for group, _ in groups], rows=8 * 1024):
            low, high = max(start - position, 0), min(start + rows - position, batch.num_rows)
            if low < high:
                parts.append(batch.slice(low, high - low))
            position += batch.num_rows
            if position >= start + rows:
                break
        return pa.Table.from_batches(parts, self._selected(names))

    def take(self, positions: Sequence[int], names: Sequence[str]) -> pa.Table:
        """The rows at these ascending positions."""
        parts, wanted = [], np.asarray(positions, "int64")
        for group, start in self._groups(0, self.rows):
            last = np.searchsorted(wanted, start + self._metadata.row_group(group).num_rows)
            inside, wanted = wanted[:last], wanted[last:]
            batches = self.batches(names, groups=[group], rows=8 * 1024) if len(inside) else ()
            for batch in batches:
                last = np.searchsorted(inside, start + batch.num_rows)
                if last:
                    parts.append(batch.take(pa.array(inside[:last] - start)))
                inside, start = inside[last:], start + batch.num_rows
                if not len(inside):
                    break
        return pa.Table.from_batches(parts, self._selected(names))

    def read(self, columns: Sequence[Column]) -> pd.DataFrame:
        """These columns as a frame: `integer` in the narrowest type, categories as codes, the rest as `tables.read`."""
        # One after the other: only one is in memory twice while it is converted.
        return pd.DataFrame({column.name: self._column(column) for column in columns}, copy=False)

    def _column(self, column):
        kind = self.schema.field(column.name).type
        kind = self._integer_type(column) if column.type == "integer" else kind
        chunks = [batch.column(0) for batch in self.batches([column.name])]
        if column.type == "integer":
            chunks = [chunk.cast(kind) for chunk in chunks]
        return _to_pandas(pa.chunked_array(chunks, kind), column)

    def _selected(self, names):
        return pa.schema([self.schema.field(name) for name in names])

    def _groups(self, start, stop):
        """The row groups with rows from `start` to `stop`, each with the position of its first row."""
        groups, position = [], 0
        for group in range(self._metadata.num_row_groups):
            rows = self._metadata.row_group(group).num_rows
            if position < stop and position + rows > start:
                groups.append((group, position))
            position += rows
        return groups

    def _integer_type(self, column):
        place = self.schema.get_field_index(column.name)
        chunks = [
            self._metadata.row_group(group).column(place) for group in range(self._metadata.num_row_groups)
        ]
        ranges = [chunk.statistics for chunk in chunks if chunk.statistics and chunk.statistics.has_min_max]
        low = min((one.min for one in ranges), default=0)
        high = max((one.max for one in ranges), default=0)
        kinds = (pa.int8(), pa.int16(), pa.int32(), pa.int64())
        return next(
            kind for kind in kinds if -(2 ** (kind.bit_width - 1)) <= low <= high < 2 ** (kind.bit_width - 1)
        )


INTEGERS = {
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
}


def _to_pandas(values: pa.ChunkedArray, column: Column):
    if pa.types.is_dictionary(values.type):
        return values.to_pandas().array
    if column.type == "integer" and column.nullable:
        return INTEGERS[values.type].__from_arrow__(values)
    if column.type == "number":
        return values.to_numpy()
    return column_types.to_pandas(values.combine_chunks(), column)

"""The rows of typed copies, read in parts: a table that need not fit in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas
import pyarrow as pa

from catalog.profiling.typed_copy import TypedCopy
from catalog.readers.cells import column_types
from catalog.readers.tables import Column
from registry.training.columns import feature_frame

BATCH_ROWS = 32 * 1024


@dataclass(frozen=True)
class StoredRows:
    """The rows of one typed copy, or of two, one after the other; `columns` are those of the table.

    A position counts the rows of all copies from 0.
    """

    copies: Sequence[TypedCopy]
    columns: list[dict]
    batch_rows: int = BATCH_ROWS

    @property
    def count(self) -> int:
        return sum(copy.rows for copy in self.copies)

    def batches(
        self, names: Sequence[str], is_wanted: np.ndarray | None = None
    ) -> Iterator[tuple[np.ndarray, pa.RecordBatch]]:
        """Yields these columns of the wanted rows, a mask over all, each with the positions of its rows, in order."""
        start = 0
        for copy in self.copies:
            for batch in copy.batches(names, rows=self.batch_rows):
                stop = start + batch.num_rows
                positions = np.arange(start, stop)
                if is_wanted is not None:
                    mask = is_wanted[start:stop]
                    positions, batch = positions[mask], batch.filter(pa.array(mask))
                start = stop
                if len(positions):
                    yield positions, batch

    def frames(
        self, inputs: Sequence[dict], is_wanted: np.ndarray
    ) -> Iterator[tuple[np.ndarray, pandas.DataFrame]]:
        """As batches(), as a feature_frame of these columns."""
        names = [column["name"] for column in inputs]
        for positions, batch in self.batches(names, is_wanted):
            yield positions, feature_frame(self._frame(batch), list(inputs))

    def take(self, inputs: Sequence[dict], positions: np.ndarray) -> pandas.DataFrame:
        """The rows at these ascending positions, as a feature_frame with the positions for an index."""
        names, parts, start = [column["name"] for column in inputs], [], 0
        for copy in self.copies:
            inside = positions[(positions >= start) & (positions < start + copy.rows)]
            parts.append(copy.take((inside - start).tolist(), names))
            start += copy.rows
        frame = self._frame(pa.concat_tables(parts).combine_chunks())
        return feature_frame(frame.set_axis(pandas.Index(positions)), list(inputs))

    def whole(self, names: Sequence[str]) -> pandas.DataFrame:
        """These columns of all rows, which must fit in memory; the texts as categories."""
        columns = {column["name"]: column for column in self.columns}
        data = {}
        for name in names:
            chunks = [batch.column(0) for _, batch in self.batches([name])]
            kind = columns[name]["type"]
            values = pa.chunked_array(chunks, column_types.ARROW_TYPES[kind])
            if kind == "text":
                data[name] = values.dictionary_encode().combine_chunks().to_pandas()
            else:
                data[name] = column_types.to_pandas(values.combine_chunks(), Column.from_dict(columns[name]))
        return pandas.DataFrame(data, copy=False)

    def _frame(self, table: pa.RecordBatch | pa.Table) -> pandas.DataFrame:
        columns = {column["name"]: column for column in self.columns}
        data = {}
        for name in table.schema.names:
            values = table.column(name)
            array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
            data[name] = column_types.to_pandas(array, Column.from_dict(columns[name]))
        return pandas.DataFrame(data, copy=False)

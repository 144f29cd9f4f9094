"""Sample the rows of a table, so that later checks need not read the whole file."""

import io
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from catalog.readers import tables
from catalog.readers.tables import Column

ROWS = 500
MAX_PARTS = 50
MAX_BYTES = 64 * 1024**2  # 500 rows of prose can be 500 MB


class Sampler:
    """Samples at most 500 rows of a table of any length uniformly, and keeps their order.

    The same table gives the same sample; a table of at most 500 rows is the whole sample. If the sample exceeds
    `max_bytes`, it is halved until it fits.
    """

    def __init__(self, *, max_bytes: int = MAX_BYTES):
        self._random = np.random.default_rng(0)
        self._rows = ROWS
        # Every row draws a number; those with the lowest are the sample.
        self._numbers = np.array([])
        self._parts: list[pa.RecordBatch] = []
        self._max_bytes = max_bytes

    def update(self, batch: pa.RecordBatch) -> None:
        numbers = self._random.random(batch.num_rows)
        full = len(self._numbers) >= self._rows
        kept = np.flatnonzero(numbers < self._numbers.max()) if full else np.arange(batch.num_rows)
        if not len(kept):
            return
        # take() copies: a slice would keep its whole batch in memory.
        self._parts.append(batch.take(pa.array(kept)))
        if len(self._parts) > MAX_PARTS:
            self._parts = [pa.concat_batches(self._parts)]
        self._numbers = np.r_[self._numbers, numbers[kept]]
        self._keep_lowest(self._rows)
        while self._rows > 1 and self._bytes() > self._max_bytes:
            self._rows = max(min(self._rows, len(self._numbers)) // 2, 1)
            self._keep_lowest(self._rows)

    def result(self) -> pa.Table:
        """Raises IndexError if there was no batch."""
        return pa.Table.from_batches(self._parts or [self._parts[0]])

    def _bytes(self):
        return sum(part.nbytes for part in self._parts)

    def _keep_lowest(self, rows):
        if len(self._numbers) <= rows:
            return
        is_kept = np.zeros(len(self._numbers), bool)
        is_kept[np.argpartition(self._numbers, rows)[:rows]] = True
        parts, start = [], 0
        for part in self._parts:
            mask = is_kept[start : start + part.num_rows]
            start += part.num_rows
            if mask.any():
                parts.append(part if mask.all() else part.filter(pa.array(mask)))
        self._parts, self._numbers = parts, self._numbers[is_kept]


def to_parquet(table: pa.Table) -> io.BytesIO:
    """The sample as a Parquet file."""
    file = io.BytesIO()
    # Statistics and dictionaries are most of the cost of 5,000 columns, and nothing reads them.
    pyarrow.parquet.write_table(table, file, compression="zstd", use_dictionary=False, write_statistics=False)
    file.seek(0)
    return file


def from_parquet(
    content: bytes, columns: Sequence[Column], *, names: Sequence[str] | None = None
) -> pd.DataFrame:
    """The rows of `to_parquet` as `tables.read` has them; `names` selects and orders the columns."""
    recipe = tables.ParseRecipe("parquet", columns=tuple(columns))
    return tables.read(io.BytesIO(content), recipe, columns=names)

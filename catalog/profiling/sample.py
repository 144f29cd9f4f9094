"""Sample the rows of a table, so that later checks need not read the whole file."""

import io
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from catalog.readers import tables
from catalog.readers.cells import column_types
from catalog.readers.tables import Column

ROWS = 500
MAX_BYTES = 64 * 1024**2  # 500 rows of prose can be 500 MB


class Sampler:
    """Samples at most 500 rows of a table of `rows` rows uniformly, and keeps their order.

    The same table gives the same sample; a table of at most 500 rows is the whole sample. If the sample exceeds
    `max_bytes`, it is halved until it fits.
    """

    def __init__(self, columns: Sequence[Column], rows: int, *, max_bytes: int = MAX_BYTES):
        self._texts = [column.name for column in columns if column.type == "text"]
        # In random order, so that the first half is a uniform sample too.
        self._drawn = np.random.default_rng(0).choice(rows, min(rows, ROWS), replace=False)
        self._positions = np.sort(self._drawn)
        self._parts = []  # pairs of positions in the table and the rows at them
        self._start = self._bytes = 0
        self._max_bytes = max_bytes

    def update(self, frame: pd.DataFrame) -> None:
        low, high = np.searchsorted(self._positions, [self._start, self._start + len(frame)])
        positions = self._positions[low:high]
        if len(positions):
            self._keep(
                positions, frame if len(positions) == len(frame) else frame.take(positions - self._start)
            )
        self._start += len(frame)
        while self._bytes > self._max_bytes and len(self._drawn) > 1:
            self._halve()

    def result(self) -> pd.DataFrame:
        frames = [frame for _, frame in self._parts]
        return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)

    def _keep(self, positions, frame):
        self._parts.append((positions, frame.reset_index(drop=True)))
        self._bytes += 8 * frame.size + sum(frame[name].array.nbytes for name in self._texts)

    def _halve(self):
        self._drawn = self._drawn[: len(self._drawn) // 2]
        self._positions = np.sort(self._drawn)
        parts, self._parts, self._bytes = self._parts, [], 0
        for positions, frame in parts:
            kept = np.flatnonzero(np.isin(positions, self._positions))
            if len(kept):
                self._keep(positions[kept], frame.take(kept))


def to_parquet(frame: pd.DataFrame, columns: Sequence[Column]) -> io.BytesIO:
    """The sample as a Parquet file with the types of these columns."""
    arrays = [
        pa.array(frame[column.name].array, column_types.ARROW_TYPES[column.type], from_pandas=True)
        for column in columns
    ]
    table = pa.Table.from_arrays(arrays, [column.name for column in columns])
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

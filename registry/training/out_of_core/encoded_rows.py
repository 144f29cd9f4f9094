"""The encoded training rows on disk, shuffled once: what a fit in passes reads again and again."""

import os
import tempfile
from collections.abc import Iterator

import numpy as np

from mlplatform import storage
from registry.training.out_of_core.encoding import Encoder
from registry.training.out_of_core.row_split import RowSplit
from registry.training.out_of_core.stored_rows import StoredRows

BATCH_CELLS = 2_000_000  # of a batch, which is in memory: 16 MB
MIN_BATCH_ROWS = 1_000


class EncodedRows:
    """Batches of rows drawn at random, in a file without a name: it is gone when the process ends, however it ends.

    `order` has the numbers of the training rows as they are in the file, `starts` where each batch begins.
    """

    def __init__(self, width: int, count: int, *, batch_rows: int, seed: int | None, dtype="float64"):
        self.width, self.count, self.dtype = width, count, np.dtype(dtype)
        storage.require_temporary_space(count * width * self.dtype.itemsize)
        batch_rows = min(batch_rows, max(BATCH_CELLS // max(width, 1), MIN_BATCH_ROWS))
        batches = -(-count // batch_rows)
        self._batch = np.random.default_rng(seed).integers(batches, size=count).astype("uint32")
        self.order = np.argsort(self._batch, kind="stable")
        self.starts = np.r_[0, np.cumsum(np.bincount(self._batch, minlength=batches))]
        self._written = self.starts[:-1].copy()
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - close() does

    @classmethod
    def write(
        cls,
        encoder: Encoder,
        rows: StoredRows,
        split: RowSplit,
        *,
        seed: int | None,
        progress,
        dtype="float64",
    ) -> "EncodedRows":
        encoded = None
        for start, block in encoder.blocks(rows, split):
            if encoded is None:
                options = {"batch_rows": rows.batch_rows, "seed": seed, "dtype": dtype}
                encoded = cls(block.shape[1], len(split.train), **options)
            encoded.write_block(start, block)
            progress((start + len(block)) / len(split.train))
        return encoded

    def write_block(self, start: int, block: np.ndarray) -> None:
        batch = self._batch[start : start + len(block)]
        by_batch = np.argsort(batch, kind="stable")
        block = np.ascontiguousarray(block[by_batch], dtype=self.dtype)
        numbers, first, counts = np.unique(batch[by_batch], return_index=True, return_counts=True)
        for number, position, count in zip(numbers, first, counts, strict=True):
            self._put(int(self._written[number]), block[position : position + count])
            self._written[number] += count

    def _put(self, row: int, block: np.ndarray) -> None:
        view, offset = memoryview(block).cast("B"), row * self.width * self.dtype.itemsize
        while len(view):
            done = os.pwrite(self._file.fileno(), view, offset)
            view, offset = view[done:], offset + done

    def __len__(self) -> int:
        return len(self.starts) - 1

    def batch(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of the training rows of a batch, and these rows encoded."""
        start, stop = self.starts[number], self.starts[number + 1]
        return self.order[start:stop], self.read(start, stop)

    def read(self, start: int, stop: int) -> np.ndarray:
        """The rows of the file from `start` to `stop`."""
        block = np.empty((stop - start, self.width), self.dtype)
        view, offset = memoryview(block).cast("B"), int(start) * self.width * self.dtype.itemsize
        while len(view):
            done = os.preadv(self._file.fileno(), [view], offset)
            if not done:
                raise OSError("The temporary file of the encoded rows is incomplete.")
            view, offset = view[done:], offset + done
        return block

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields the batches that have rows."""
        for number in range(len(self)):
            if self.starts[number] < self.starts[number + 1]:
                yield self.batch(number)

    def close(self) -> None:
        self._file.close()

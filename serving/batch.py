"""Score a table file: the same table back with prediction columns, part by part, in flat memory."""

import contextlib
import tempfile
import time
from dataclasses import dataclass
from pathlib import PurePath
from typing import IO

import numpy as np
import pandas
import pyarrow
import pyarrow.parquet

from catalog import parsing
from catalog.models import Dataset
from mlplatform import access
from mlplatform.errors import UnsupportedType
from serving import files, metrics, prediction, resident

ROWS = 20_000  # of a part


@dataclass(frozen=True)
class Scored:
    """A finished table, open at its beginning; closing the file deletes it."""

    file: IO[bytes]
    format: str
    rows: int

    def named(self, filename: str) -> str:
        """The file's name for whoever sent a file of that name."""
        return f"{PurePath(filename).stem}_predictions.{self.format}"


def score(
    dataset: Dataset | str,
    *,
    stage: str,
    file: IO[bytes],
    filename: str,
    by,
    version: int | None = None,
    probabilities: bool = False,
) -> Scored:
    """Predict every row of a CSV or Parquet file, all of them by one version, whatever is released meanwhile.

    The columns of the model are found by name, others are kept as they are. Nothing is answered before the last row
    is predicted, so a fault anywhere is a ValidationError with its row. What is wrong with the file itself is one too.
    """
    access.check(by, "predict")
    start = time.perf_counter()
    name = dataset if isinstance(dataset, str) else dataset.name
    slot = resident.answering(name, stage=stage, number=version)
    prediction.check(slot, probabilities=probabilities)
    recipe = files.untyped(parsing.inspect(file, filename).recipe)
    if recipe.format not in WRITERS:
        raise UnsupportedType("Send a CSV or a Parquet file.", code="unsupported_type")
    with contextlib.ExitStack() as stack:
        scored = stack.enter_context(tempfile.TemporaryFile())
        rows = _score(slot.model, file, recipe, scored, probabilities=probabilities)
        stack.pop_all()  # it is handed on open
    scored.seek(0)
    metrics.predicted(slot, protocol="file", rows=rows, notices={}, start=start)
    return Scored(scored, recipe.format, rows)


def _score(model: resident.Model, file, recipe, scored, *, probabilities: bool) -> int:
    done = 0
    writer = WRITERS[recipe.format](scored, recipe)
    for frame in parsing.chunks(file, recipe, rows=ROWS):
        typed = files.typed(frame, model.reader, recipe=recipe, first=done + 1)
        values, chances = prediction.run(model, typed, probabilities=probabilities)
        writer.write(_with_predictions(frame, values, chances, model.version.signature["classes"]))
        done += len(frame)
    writer.close()
    return done


def _with_predictions(frame: pandas.DataFrame, values: np.ndarray, chances, classes) -> pandas.DataFrame:
    new = {
        "prediction": pandas.Series(values.tolist(), dtype="str" if values.dtype == object else values.dtype)
    }
    if chances is not None:
        new |= {f"probability_{label}": chances[:, place] for place, label in enumerate(classes)}
    taken = set(frame.columns)
    return pandas.concat(
        [
            frame.reset_index(drop=True),
            pandas.DataFrame({_free(name, taken): column for name, column in new.items()}),
        ],
        axis=1,
    )


def _free(name: str, taken: set[str]) -> str:
    """The name, or the first of name_2, name_3 ... that the table does not have."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


class CsvWriter:
    def __init__(self, file: IO[bytes], recipe: parsing.ParseRecipe):
        self.file, self.delimiter, self.is_first = file, recipe.delimiter, True

    def write(self, frame: pandas.DataFrame) -> None:
        frame.to_csv(
            self.file, sep=self.delimiter, index=False, header=self.is_first, mode="wb", encoding="utf-8"
        )
        self.is_first = False

    def close(self) -> None:
        self.file.flush()


class ParquetWriter:
    def __init__(self, file: IO[bytes], recipe: parsing.ParseRecipe):
        self.file, self.writer = file, None

    def write(self, frame: pandas.DataFrame) -> None:
        schema = self.writer.schema if self.writer else None
        table = pyarrow.Table.from_pandas(frame, schema=schema, preserve_index=False)
        if self.writer is None:
            self.writer = pyarrow.parquet.ParquetWriter(self.file, table.schema)
        self.writer.write_table(table)

    def close(self) -> None:
        self.writer.close()


WRITERS = {"csv": CsvWriter, "parquet": ParquetWriter}
CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}

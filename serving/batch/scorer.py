"""Score a table file: the same table back with prediction columns, part by part, in flat memory. No database."""

import codecs
import csv
import io
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from catalog.readers import tables
from catalog.readers.detection import BYTE_ORDER_MARKS
from catalog.readers.parquet import PANDAS
from mlplatform.errors import UnsupportedType
from serving import prediction
from serving.inputs import files
from serving.model_cache.loader import Model

ROWS = 20_000  # of a part, at most
FEWEST = 500
PART_S = 0.5  # what a part may take: between parts a job is told of, cancelled and handed back
# A spreadsheet takes UTF-8 for something else without its mark.
MARKED = {encoding for _, encoding in BYTE_ORDER_MARKS}
ROW_GROUP = 32 * 1024**2  # bytes in memory that become one row group of a Parquet file
CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


@dataclass(frozen=True)
class Table:
    """A table file and how it is read. What is wrong with it as a file was found when it was made."""

    file: IO[bytes]
    recipe: tables.ParseRecipe
    rows: int


@dataclass(frozen=True)
class Counted:
    """How many rows were predicted, and how often each kind of notice was due to them."""

    rows: int
    input_warnings: dict[str, int]


def table(file: IO[bytes], filename: str) -> Table:
    """Read a CSV or Parquet file once, to know how. Raises ValidationError for what is wrong with it anywhere."""
    recipe, rows = tables.detect(file, filename)
    if recipe.format not in WRITERS:
        raise UnsupportedType("Send a CSV or a Parquet file.", code="unsupported_type")
    return Table(file, recipe, rows)


def try_first(model: Model, given: Table, *, probabilities: bool) -> None:
    """Predict the first part and throw it away: a table that does not fit the model is found out at once."""
    for batch in tables.raw_batches(given.file, given.recipe, rows=ROWS):
        files.from_batch(batch, model.reader, recipe=given.recipe)
        few = files.from_batch(batch.slice(0, FEWEST), model.reader, recipe=given.recipe)
        prediction.run(model, few, probabilities=probabilities)
        return


def score(
    model: Model,
    given: Table,
    scored: IO[bytes],
    *,
    probabilities: bool = False,
    tell: Callable[[Counted], None] = lambda counted: None,
) -> Counted:
    """Write the table with its predictions to `scored`, telling after each part how far it has come.

    The columns of the model are found by name, others are kept as they are. A fault anywhere is a ValidationError
    with its row in the whole file.
    """
    done, input_warnings = 0, Counter()
    writer = WRITERS[given.recipe.format](scored, given.recipe)
    pace = _Pace()
    try:
        for batch in pace.parts(given):
            typed = files.from_batch(batch, model.reader, recipe=given.recipe, first=done + 1)
            values, chances = prediction.run(model, typed, probabilities=probabilities)
            columns = {"prediction": values}
            if chances is not None:
                classes = model.version.signature["classes"]
                columns |= {f"probability_{label}": chances[:, place] for place, label in enumerate(classes)}
            writer.write(batch, columns)
            done += batch.num_rows
            input_warnings.update(model.input_warnings.counts(typed))
            tell(Counted(done, dict(input_warnings)))
        writer.close()
    except BaseException:
        writer.abandon()
        raise
    return Counted(done, dict(input_warnings))


class _Pace:
    """Parts of so many rows that each takes about PART_S, whatever the estimator."""

    def __init__(self):
        self.rows = min(FEWEST, ROWS)

    def parts(self, given: Table) -> Iterator[pa.RecordBatch]:
        for batch in tables.raw_batches(given.file, given.recipe, rows=ROWS):
            start = 0
            while start < batch.num_rows:
                part = batch.slice(start, self.rows)
                begun = time.monotonic()
                yield part
                took = max(time.monotonic() - begun, 1e-6)
                start += part.num_rows
                wanted = min(part.num_rows * PART_S / took, self.rows * 4)
                self.rows = min(max(int(wanted), FEWEST), ROWS)


def _named(names: list[str], new: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The new columns, by names that the table does not have: name, else name_2, name_3 ..."""
    taken, free = set(names), {}
    for name, values in new.items():
        number, found = 1, name
        while found in taken:
            number += 1
            found = f"{name}_{number}"
        taken.add(found)
        free[found] = values
    return free


class CsvWriter:
    """Cells as they were written, quoted where they must be; numbers as Python writes them; UTF-8."""

    def __init__(self, file: IO[bytes], recipe: tables.ParseRecipe):
        self.file, self.delimiter, self.is_first = file, recipe.delimiter, True
        if recipe.encoding in MARKED:
            file.write(codecs.BOM_UTF8)

    def write(self, batch: pa.RecordBatch, new: dict[str, np.ndarray]) -> None:
        new = _named(batch.schema.names, new)
        columns = [*batch.columns, *(_as_text(values) for values in new.values())]
        if self.is_first:
            self._write_rows([[*batch.schema.names, *new]])
            self.is_first = False
        plain = io.BytesIO()
        options = pyarrow.csv.WriteOptions(
            include_header=False, delimiter=self.delimiter, quoting_style="none"
        )
        names = [str(place) for place in range(len(columns))]
        try:
            pyarrow.csv.write_csv(pa.RecordBatch.from_arrays(columns, names), plain, options)
        except pa.ArrowInvalid:  # some cell has a delimiter, a quotation mark or a line break
            self._write_rows(zip(*(column.to_pylist() for column in columns), strict=True))
        else:
            self.file.write(plain.getbuffer())

    def _write_rows(self, rows) -> None:
        lines = _Lines()
        csv.writer(lines, delimiter=self.delimiter, lineterminator=_Lines.END).writerows(rows)
        self.file.write("".join(lines).encode())

    def close(self) -> None:
        self.file.flush()

    def abandon(self) -> None:
        """Nothing is held back."""


class _Lines(list):
    """What csv.writer writes to: before 3.13 Python quotes a carriage return only where lines end with one."""

    END = "\r\n"

    def write(self, line: str) -> None:
        self.append(line.removesuffix(self.END) + "\n")


def _as_text(values: np.ndarray) -> pa.Array:
    """As Python writes them; what is no finite number is empty."""
    texts = list(map(repr if values.dtype.kind == "f" else str, values.tolist()))
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        texts = [text if finite else None for text, finite in zip(texts, np.isfinite(values), strict=True)]
    return pa.array(texts, pa.string())


def _for_pandas(schema: pa.Schema) -> dict[bytes, bytes]:
    """What pandas wrote of its row labels and types, without what would not be true of the table with predictions."""
    names = set(schema.names)
    try:
        told = json.loads((schema.metadata or {})[PANDAS])
        told["columns"] = [column for column in told["columns"] if column["field_name"] in names]
        told["index_columns"] = [
            labels for labels in told["index_columns"] if type(labels) is dict or labels in names
        ]
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}
    told["column_indexes"] = []  # the names of columns were numbers, or dates: those of predictions are not
    return {PANDAS: json.dumps(told).encode()}


class ParquetWriter:
    """Columns as they were stored, but dictionaries as what they stand for."""

    def __init__(self, file: IO[bytes], recipe: tables.ParseRecipe):
        self.file, self.writer, self.for_pandas = file, None, None
        self.waiting: list[pa.RecordBatch] = []
        self.waiting_bytes = 0

    def write(self, batch: pa.RecordBatch, new: dict[str, np.ndarray]) -> None:
        new = _named(batch.schema.names, new)
        made = [pa.array(values, from_pandas=True) for values in new.values()]
        if self.for_pandas is None:
            self.for_pandas = _for_pandas(batch.schema)
        self.waiting.append(pa.RecordBatch.from_arrays([*batch.columns, *made], [*batch.schema.names, *new]))
        self.waiting_bytes += self.waiting[-1].nbytes
        if self.waiting_bytes >= ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        group = pa.Table.from_batches(self.waiting).replace_schema_metadata(self.for_pandas)
        self.writer = self.writer or pyarrow.parquet.ParquetWriter(self.file, group.schema)
        self.writer.write_table(group, row_group_size=max(group.num_rows, 1))
        self.waiting, self.waiting_bytes = [], 0

    def close(self) -> None:
        if self.waiting:
            self._flush()
        self.writer.close()

    def abandon(self) -> None:
        """Left open, it would write its end when it is collected, to a file that is closed by then."""
        if self.writer:
            self.writer.is_open = False


WRITERS = {"csv": CsvWriter, "parquet": ParquetWriter}

"""Predict a table file: the same table with prediction columns, batch by batch, in constant memory. No database."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import IO

import pyarrow as pa
from django.conf import settings

from catalog.readers import tables
from mlplatform.errors import UnsupportedType
from serving import prediction
from serving.batch.writers import WRITERS
from serving.inputs import files
from serving.inputs.reader import Reader
from serving.model_cache.loader import Model

MIN_ROWS = 500  # of a batch


@dataclass(frozen=True)
class Table:
    """A table file that has been read once, so that its bytes are known to follow the recipe."""

    file: IO[bytes]
    recipe: tables.ParseRecipe
    rows: int


@dataclass(frozen=True)
class Totals:
    """The number of predicted rows, and of their input warnings of each kind."""

    rows: int
    input_warnings: dict[str, int]


def open_table(file: IO[bytes], filename: str, reader: Reader) -> Table:
    """Detect how to read a CSV or Parquet file for a model. Raises ValidationError if any part of it is malformed."""
    recipe, rows = tables.detect(file, filename, rows_required=False)
    if recipe.format not in WRITERS:
        raise UnsupportedType("Send a CSV or a Parquet file.", code="unsupported_type")
    if recipe.format == "csv":
        names = files.model_names(recipe.names, reader)
        columns = [replace(column, name=name) for column, name in zip(recipe.columns, names, strict=True)]
        recipe = replace(recipe, columns=tuple(columns))
    return Table(file, recipe, rows)


def check_first_rows(model: Model, table: Table, *, probabilities: bool) -> None:
    """Predict the first rows and discard the result. Raises ValidationError if they do not match the signature."""
    for batch in tables.raw_batches(table.file, table.recipe, rows=settings.SCORING_BATCH_ROWS):
        files.from_batch(batch, model.reader, recipe=table.recipe)
        few = files.from_batch(batch.slice(0, MIN_ROWS), model.reader, recipe=table.recipe)
        prediction.run(model, few, probabilities=probabilities)
        return


def score(
    model: Model,
    table: Table,
    output: IO[bytes],
    *,
    probabilities: bool = False,
    report: Callable[[Totals], None] = lambda totals: None,
) -> Totals:
    """Write the table with its predictions to `output`, and report after each batch; `report` may raise to stop it.

    Input columns are matched by name; other columns are kept. Raises ValidationError with the number of the first
    invalid row.
    """
    rows, input_warnings = 0, Counter()
    writer = WRITERS[table.recipe.format](output, table.recipe)
    try:
        for batch in timed_batches(table):
            typed = files.from_batch(batch, model.reader, recipe=table.recipe, first=rows + 1)
            predictions, scores = prediction.run(model, typed, probabilities=probabilities)
            columns = {"prediction": predictions}
            if scores is not None:
                classes = model.version.signature["classes"]
                columns |= {f"probability_{label}": scores[:, index] for index, label in enumerate(classes)}
            writer.write(batch, columns)
            rows += batch.num_rows
            input_warnings.update(model.input_warnings.counts(typed))
            report(Totals(rows, dict(input_warnings)))
        writer.close()
    except BaseException:
        writer.abandon()
        raise
    return Totals(rows, dict(input_warnings))


def timed_batches(table: Table) -> Iterator[pa.RecordBatch]:
    """The rows in batches whose processing takes about SCORING_BATCH_S each, as measured at the batches before.

    A table without rows is one empty batch.
    """
    max_rows = settings.SCORING_BATCH_ROWS
    size = min(MIN_ROWS, max_rows)
    for stored in tables.raw_batches(table.file, table.recipe, rows=settings.SCORING_BATCH_ROWS):
        if not stored.num_rows:
            yield stored
        start = 0
        while start < stored.num_rows:
            batch = stored.slice(start, size)
            started = time.monotonic()
            yield batch
            duration = max(time.monotonic() - started, 1e-6)
            start += batch.num_rows
            size = min(int(batch.num_rows * settings.SCORING_BATCH_S / duration), size * 4)
            size = min(max(size, MIN_ROWS), max_rows)

"""Predict a table file: the same table with prediction columns, batch by batch, in constant memory. No database."""

import contextlib
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import IO, TypeVar

import pyarrow as pa
from django.conf import settings
from django.core.exceptions import ValidationError

from catalog.readers import tables
from catalog.readers.encodings import is_guess as is_guessed_encoding
from mlplatform.errors import UnsupportedType
from registry.estimators.threads import limited_to
from serving import prediction
from serving.batch.writers import WRITERS
from serving.inputs import files
from serving.inputs.reader import Reader
from serving.model_cache.loader import Model

MIN_ROWS = 500  # of a batch
Result = TypeVar("Result")


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


def open_table(
    file: IO[bytes],
    filename: str,
    reader: Reader,
    *,
    trained: Callable[[], tables.ParseRecipe | None] = lambda: None,
) -> Table:
    """Detect how to read a CSV or Parquet file for a model. Raises ValidationError if any part of it is malformed.

    `trained` returns the recipe of the table that the model was trained on. It decides what a short file leaves open.
    """
    if tables.format_of(file, filename) not in WRITERS:
        raise UnsupportedType("Send a CSV or a Parquet file.", code="unsupported_type")
    reading = tables.detect(file, filename, rows_required=False)
    if reading.recipe.format == "csv":
        files.check_duplicates(reading, reader)
        reading = _as_trained(file, filename, reading, reader, trained)
    recipe = reading.recipe
    if recipe.spaced and files.has_leading_spaces(reader):
        recipe = replace(recipe, spaced=False)
    if recipe.format == "csv":
        names = files.model_names(recipe.names, reader)
        columns = [replace(column, name=name) for column, name in zip(recipe.columns, names, strict=True)]
        recipe = replace(recipe, columns=tuple(columns))
    return Table(file, recipe, reading.rows)


def _as_trained(file, filename, reading, reader, trained):
    """The reading; that by the training recipe, if only it has the model's columns, or if the encoding is a guess."""
    is_guess = is_guessed_encoding(reading.recipe.encoding)
    lacks_columns = not reader.name_set.issubset(files.model_names(reading.recipe.names, reader))
    recipe = trained() if is_guess or lacks_columns else None
    if recipe is None or recipe.format != "csv":
        return reading
    options = {"encoding": recipe.encoding} if is_guess and is_guessed_encoding(recipe.encoding) else {}
    if lacks_columns:
        options |= {
            name: getattr(recipe, name) for name in ("delimiter", "quote", "header", "widths", "padded")
        }
        options["skip"] = 0 if not recipe.header else None
    try:
        corrections = tables.Corrections(**options)
        again = tables.detect(file, filename, corrections=corrections, rows_required=False)
    except ValidationError:
        return reading
    fits = reader.name_set.issubset(files.model_names(again.recipe.names, reader))
    return again if fits else reading


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
    threads: int = 1,
) -> Totals:
    """Write the table with its predictions to `output`, and report after each batch; `report` may raise to stop it.

    Input columns are matched by name; other columns are kept. `threads` batches are predicted at the same time. Raises
    ValidationError with the number of the first invalid row.
    """
    rows, input_warnings = 0, Counter()
    writer = WRITERS[table.recipe.format](output, table.recipe)
    pace = Pace()
    predict = partial(predict_batch, model, table.recipe, pace, probabilities=probabilities)
    calls = (partial(predict, batch, first=first) for first, batch in numbered_batches(table, pace))
    try:
        with contextlib.closing(in_order(calls, threads)) as results:
            for batch, columns, warnings in results:
                writer.write(batch, columns)
                rows += batch.num_rows
                input_warnings.update(warnings)
                report(Totals(rows, dict(input_warnings)))
        writer.close()
    except BaseException:
        writer.abandon()
        raise
    return Totals(rows, dict(input_warnings))


class Pace:
    """The rows of a batch, so that it takes about SCORING_BATCH_S, as measured at the batches before."""

    def __init__(self):
        self.rows = min(MIN_ROWS, settings.SCORING_BATCH_ROWS)

    def measured(self, rows: int, duration_s: float) -> None:
        fitting = min(int(rows * settings.SCORING_BATCH_S / max(duration_s, 1e-6)), rows * 4)
        self.rows = min(max(fitting, MIN_ROWS), settings.SCORING_BATCH_ROWS)


def numbered_batches(table: Table, pace: Pace) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The rows in batches, each with the number of its first row. A table without rows is one empty batch."""
    first = 1
    for stored in tables.raw_batches(table.file, table.recipe, rows=settings.SCORING_BATCH_ROWS):
        if not stored.num_rows:
            yield first, stored
        start = 0
        while start < stored.num_rows:
            batch = stored.slice(start, pace.rows)
            yield first, batch
            start += batch.num_rows
            first += batch.num_rows


def predict_batch(
    model: Model,
    recipe: tables.ParseRecipe,
    pace: Pace,
    batch: pa.RecordBatch,
    *,
    first: int,
    probabilities: bool,
) -> tuple[pa.RecordBatch, dict, Counter]:
    """The batch, its prediction columns, and the numbers of its input warnings."""
    started = time.monotonic()
    typed = files.from_batch(batch, model.reader, recipe=recipe, first=first)
    predictions, scores = prediction.run(model, typed, probabilities=probabilities)
    columns = {"prediction": predictions}
    if scores is not None:
        classes = model.version.signature["classes"]
        columns |= {f"probability_{label}": scores[:, index] for index, label in enumerate(classes)}
    warnings = model.input_warnings.counts(typed)
    if batch.num_rows:
        pace.measured(batch.num_rows, time.monotonic() - started)
    return batch, columns, warnings


def in_order(calls: Iterator[Callable[[], Result]], threads: int) -> Iterator[Result]:
    """The results of the calls, in their order; `threads` of them run at the same time.

    Each runs its OpenMP loops alone: two teams of threads on the same cores only wait for each other.
    """
    if threads == 1:
        yield from (call() for call in calls)
        return
    running = deque()
    with limited_to(1), ThreadPoolExecutor(threads, initializer=partial(limited_to, 1)) as pool:
        try:
            for call in calls:
                running.append(pool.submit(call))
                if len(running) > threads:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

"""Ingest a table file: one pass that writes its typed copy, and keeps a sample and a preview; then its profile."""

import io
import json
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import IO

import pyarrow as pa
from django.core.exceptions import ValidationError

from catalog.profiling import quality, statistics, typed_copy
from catalog.profiling.sample import Sampler
from catalog.readers import detection, tables
from catalog.readers.cells.missing import MISSING
from catalog.readers.corrections import UNCORRECTED, Corrections
from catalog.readers.recipe import Finding
from mlplatform import hashing

PREVIEW_ROWS = 20


@dataclass(frozen=True)
class Content:
    """The content of a table file.

    `sha256` is that of the typed copy; `profile` has one entry per column (see `statistics.profile`) and `warnings` say
    what is unusual; `sample` has at most 500 rows; `preview` has the first 20 rows as lists of JSON values.
    """

    rows: int
    sha256: str
    size: int
    profile: list[dict]
    warnings: list[Finding]
    sample: pa.Table
    preview: list[list]


class _Output:
    """What a pass over the rows of a table leaves: its typed copy, a sample and a preview."""

    def __init__(self, copy: IO[bytes], columns: tuple[tables.Column, ...]):
        self.copy, self.columns = copy, columns
        self.writer, self.sampler, self.preview = typed_copy.Writer(copy, columns), Sampler(), []

    def add(self, batch: pa.RecordBatch) -> None:
        self.writer.write(batch)
        self.sampler.update(batch)
        if len(self.preview) < PREVIEW_ROWS:
            rows = batch.slice(0, PREVIEW_ROWS - len(self.preview))
            self.preview += _as_json(tables.frame(rows, self.columns))

    def described(self, progress: Callable[[float], None] | None) -> Content:
        """Completes the copy, and profiles it."""
        self.writer.close()
        sample, copy = self.sampler.result(), self.copy
        profile, warnings = describe(copy, self.columns, sample=sample, progress=progress)
        size = copy.seek(0, 2) or copy.tell()
        return Content(self.writer.rows, hashing.sha256(copy), size, profile, warnings, sample, self.preview)


class Speculation:
    """The output by the recipe of a file's first 4 MB, made while all of it is read for the recipe that is right.

    Nearly always they are the same, and the file is read once. It observes the inference, which another thread does not
    hold up: it converts, unless the inference did, and writes meanwhile.
    """

    MAX_PENDING = 2  # batches in memory

    def __init__(self, copy: IO[bytes], expected: tables.ParseRecipe):
        self._copy, self._expected = copy, expected
        self._output: _Output | None = None
        self._pending: deque[Future] = deque()
        self._thread = ThreadPoolExecutor(1, "typed-copy")

    def start(self, recipe: tables.ParseRecipe, *, missing: Sequence[str]) -> None:
        self.discard()
        if len(missing) == len(MISSING) and _layout(recipe) == _layout(self._expected):
            self._output = _Output(self._copy, self._expected.columns)

    def update(self, cells: pa.RecordBatch, parsed: Sequence[pa.Array | None]) -> None:
        if self._output is None:
            return
        if cells.schema.names[: len(self._expected.columns)] != self._expected.names:
            self.discard()
            return
        if len(self._pending) == self.MAX_PENDING:
            self._pending.popleft().exception()
        self._pending.append(self._thread.submit(self._add, self._output, cells, parsed))

    def _add(self, output: _Output, cells: pa.RecordBatch, parsed: Sequence[pa.Array | None]) -> None:
        try:
            columns = cells.columns[: len(output.columns)]
            for batch in tables.typed(columns, self._expected, output.columns, parsed=parsed):
                output.add(batch)
        except pa.ArrowInvalid:  # a cell has another type
            output.writer.abandon()
            self._output = None

    def output(self, reading: tables.Reading) -> _Output | None:
        """The output, if it is that of this reading."""
        self._wait()
        is_same = _without_gaps(reading.recipe) == _without_gaps(self._expected)
        if self._output and is_same and all(map(_needs_no_words, reading.recipe.columns)):
            self._output.columns = reading.recipe.columns
            return self._output
        self.discard()
        return None

    def discard(self) -> None:
        """Empty the copy."""
        self._wait()
        if self._output:
            self._output.writer.abandon()
        self._output = None
        self._copy.seek(0)
        self._copy.truncate()

    def _wait(self) -> None:
        while self._pending:
            self._pending.popleft().exception()

    def __enter__(self) -> "Speculation":
        return self

    def __exit__(self, kind, *_) -> None:
        if kind:
            self.discard()
        self._thread.shutdown()


def _layout(recipe):
    return replace(recipe, columns=(), decimal=None, compression=None, member=None)


def _without_gaps(recipe):
    return replace(recipe, columns=tuple(replace(column, nullable=True) for column in recipe.columns))


def _needs_no_words(column):
    """Whether the parser may have made a missing value of what it takes for one in every column."""
    own = column.format and column.format.missing
    return own is None or (column.type != "text" and {*own, ""} >= set(MISSING))


def ingest_new(
    file: IO[bytes],
    filename: str,
    *,
    copy: IO[bytes],
    corrections: Corrections = UNCORRECTED,
    progress: Callable[[float], None] | None = None,
) -> tuple[tables.Reading, Content]:
    """Detect the recipe of a file, and ingest it: in one pass if its rows are like those of its first 4 MB.

    Raises what tables.detect() raises.
    """
    expected = _expected(file, filename, corrections)
    if expected is None:
        reading = tables.detect(file, filename, corrections=corrections)
        return reading, ingest(file, reading.recipe, copy=copy, progress=progress)
    with Speculation(copy, expected) as speculation:
        reading = tables.detect(file, filename, corrections=corrections, observer=speculation)
        output = speculation.output(reading)
    if output is None:
        return reading, ingest(file, reading.recipe, copy=copy, progress=progress)
    return reading, output.described(progress)


def _expected(file, filename, corrections):
    """The recipe of the beginning of a large file of delimited text."""
    head = detection.read_head(file, filename, corrections=corrections)
    if head.is_whole_file or head.is_binary:
        return None
    beginning = io.BytesIO(detection.whole_records(head.content))
    try:
        of_table = replace(corrections, member=None)
        recipe = tables.detect(beginning, head.filename, corrections=of_table).recipe
    except ValidationError:
        return None
    if not recipe.delimiter:
        return None
    return replace(recipe, compression=head.compression, member=corrections.member)


def ingest(
    file: IO[bytes],
    recipe: tables.ParseRecipe,
    *,
    copy: IO[bytes],
    progress: Callable[[float], None] | None = None,
    max_rows: int | None = None,
) -> Content:
    """Read a file of this recipe once, in constant memory, and write its typed copy to `copy`, an empty file.

    With `max_rows`, only the first rows, about as many.

    `progress` is called with the share of the profile, after the copy is written. Run it in a child process: it uses
    DuckDB.
    """
    batches = tables.typed_batches(file, recipe)
    return ingest_batches(batches, recipe.columns, copy=copy, progress=progress, max_rows=max_rows)


def ingest_batches(
    batches: Iterable[pa.RecordBatch],
    columns: tuple[tables.Column, ...],
    *,
    copy: IO[bytes],
    progress: Callable[[float], None] | None = None,
    max_rows: int | None = None,
) -> Content:
    """The same for the typed batches of a table."""
    output = _Output(copy, columns)
    try:
        for batch in batches:
            output.add(batch)
            if max_rows and output.writer.rows >= max_rows:
                break
    except BaseException:
        output.writer.abandon()
        raise
    return output.described(progress)


def describe(
    copy: IO[bytes],
    columns: tuple[tables.Column, ...],
    *,
    sample: pa.Table,
    progress: Callable[[float], None] | None = None,
) -> tuple[list[dict], list[Finding]]:
    """The profile of a typed copy, and its warnings."""
    opened = typed_copy.TypedCopy(copy)
    if opened.rows >= statistics.MANY_ROWS:
        opened = typed_copy.TypedCopy(copy, categories=opened.has_few_texts)
    profile = statistics.profile(opened, columns, sample=sample, progress=progress)
    return profile, quality.warnings(opened, profile, sample=sample)


def _as_json(frame):
    return json.loads(frame.to_json(orient="values", date_format="iso", date_unit="s"))

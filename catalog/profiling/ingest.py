"""Ingest a table file: one pass that writes its typed copy, and keeps a sample and a preview; then its profile."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

import pyarrow as pa

from catalog.profiling import quality, statistics, typed_copy
from catalog.profiling.sample import Sampler
from catalog.readers import tables
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
    writer, sampler, preview = typed_copy.Writer(copy, recipe.columns), Sampler(), []
    try:
        for batch in tables.typed_batches(file, recipe):
            writer.write(batch)
            sampler.update(batch)
            if len(preview) < PREVIEW_ROWS:
                preview += _as_json(tables.frame(batch.slice(0, PREVIEW_ROWS - len(preview)), recipe.columns))
            if max_rows and writer.rows >= max_rows:
                break
    except BaseException:
        writer.abandon()
        raise
    writer.close()
    sample = sampler.result()
    profile, warnings = describe(copy, recipe.columns, sample=sample, progress=progress)
    size = copy.seek(0, 2) or copy.tell()
    return Content(writer.rows, hashing.sha256(copy), size, profile, warnings, sample, preview)


def describe(
    copy: IO[bytes],
    columns: tuple[tables.Column, ...],
    *,
    sample: pa.Table,
    progress: Callable[[float], None] | None = None,
) -> tuple[list[dict], list[Finding]]:
    """The profile of a typed copy, and its warnings."""
    opened = typed_copy.TypedCopy(copy)
    profile = statistics.profile(opened, columns, sample=sample, progress=progress)
    return profile, quality.warnings(opened, profile, sample=sample)


def _as_json(frame):
    return json.loads(frame.to_json(orient="values", date_format="iso", date_unit="s"))

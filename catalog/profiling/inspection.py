"""Inspect a table file: its parse recipe, a profile of its columns, a sample and a preview of its rows."""

import json
from dataclasses import dataclass
from typing import IO

import pandas as pd

from catalog.profiling.sample import Sampler
from catalog.profiling.statistics import Profiler
from catalog.readers import tables

PREVIEW_ROWS = 20


@dataclass(frozen=True)
class Inspection:
    """The content of a table file.

    `profile` has one entry per column (see Profiler); `sample` has at most 500 rows; `preview` has the first 20
    rows as lists of JSON values, so that a page need not read the file.
    """

    recipe: tables.ParseRecipe
    rows: int
    profile: list[dict]
    sample: pd.DataFrame
    preview: list[list]


def inspect(file: IO[bytes], filename: str) -> Inspection:
    """Detect the parse recipe and profile the values. Raises ValidationError for any fault in the file."""
    reading = tables.detect(file, filename)
    return profile(file, reading.recipe, reading.rows)


def profile(file: IO[bytes], recipe: tables.ParseRecipe, rows: int) -> Inspection:
    """Read a file of this recipe and number of rows once, in constant memory."""
    profiler, sampler, preview = Profiler(recipe.columns), Sampler(recipe.columns, rows), []
    for frame in tables.chunks(file, recipe):
        profiler.update(frame)
        sampler.update(frame)
        if len(preview) < PREVIEW_ROWS:
            preview += _as_json(frame.head(PREVIEW_ROWS - len(preview)))
    return Inspection(recipe, rows, profiler.result(), sampler.result(), preview)


def _as_json(frame):
    return json.loads(frame.to_json(orient="values", date_format="iso", date_unit="s"))

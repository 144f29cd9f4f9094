"""The sample of a dataset version: a few of its rows, kept beside its file, to try things on at once."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from catalog.models import DatasetVersion
from catalog.profiling.statistics import SAMPLE_ROWS
from catalog.readers import column_types as cells
from catalog.readers import tables
from mlplatform import storage


@dataclass(frozen=True)
class Sample:
    """At most 500 rows of a version, in the order and the dtypes of its file; `is_whole` when these are all."""

    frame: pd.DataFrame
    is_whole: bool


def to_parquet(frame: pd.DataFrame, columns: Sequence[cells.Column]) -> io.BytesIO:
    """The rows that `tables.inspect` took, as the file that `read` reads."""
    arrays = [
        pa.array(frame[column.name].array, cells.ARROW_TYPES[column.type], from_pandas=True)
        for column in columns
    ]
    table = pa.Table.from_arrays(arrays, [column.name for column in columns])
    file = io.BytesIO()
    # Neither statistics nor dictionaries: they are most of the price of 5,000 columns, and nobody asks for them.
    pyarrow.parquet.write_table(table, file, compression="zstd", use_dictionary=False, write_statistics=False)
    file.seek(0)
    return file


def read(version: DatasetVersion, *, columns: Sequence[str] | None = None) -> Sample:
    """The sample of a version; the first 500 rows of one that was added before samples were kept.

    `columns` picks and orders. Raises NotReady when the object store does not answer.
    """
    recipe = tables.ParseRecipe.from_dict(version.recipe)
    if version.sample_key:
        recipe = tables.ParseRecipe("parquet", columns=recipe.columns)
    with storage.open_file(storage.datasets(), version.sample_key or version.key) as file:
        frame = tables.read(file, recipe, columns=columns, limit=SAMPLE_ROWS)
    return Sample(frame, is_whole=len(frame) == version.row_count)

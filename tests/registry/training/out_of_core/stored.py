"""A table with a column of every kind, as stored rows, and fits of it in passes and in memory."""

import io

import numpy as np
import pandas
import pyarrow as pa

from catalog.profiling.typed_copy import TypedCopy, Writer
from catalog.readers.cells.column_types import ARROW_TYPES
from catalog.readers.tables import Column
from registry.estimators.algorithms import find
from registry.training import pipelines
from registry.training.out_of_core import fit as out_of_core
from registry.training.out_of_core.stored_rows import StoredRows
from registry.training.request import TrainingRequest
from tests.registry.training.tables import column

ROWS = 800
INPUTS = [
    column("size", "number", nullable=True),
    column("legs", "integer"),
    column("colour", "text", nullable=True),
    column("city", "text"),
    column("tame", "boolean", nullable=True),
    column("born", "date", nullable=True),
    column("nothing", "number", nullable=True),
]
TARGETS = {"kind": column("kind", "text"), "price": column("price", "number"), "size": INPUTS[0]}


def table(rows=ROWS) -> pandas.DataFrame:
    """Gaps in most columns, dates before 1970, and the rarest colour and the last cities in the last rows only."""
    rng = np.random.default_rng(0)
    colours = np.array(["red", "blue", "grey", None], object)[rng.integers(0, 4, rows)]
    colours[-6:] = "violet"
    frame = pandas.DataFrame(
        {
            "size": np.where(rng.random(rows) < 0.1, np.nan, rng.normal(5, 2, rows)),
            "legs": rng.integers(0, 9, rows),
            "colour": pandas.Series(colours, dtype="str"),
            "city": pandas.Series([f"city {n:02d}" for n in np.sort(rng.integers(0, 60, rows))], dtype="str"),
            "tame": pandas.array(rng.random(rows) < 0.5, dtype="boolean"),
            "born": pandas.date_range("1965-03-01", periods=rows, freq="97h").as_unit("us"),
            "nothing": np.full(rows, np.nan),
        }
    )
    frame.loc[::9, "tame"], frame.loc[::11, "born"] = pandas.NA, pandas.NaT
    signal = frame["size"].fillna(9) + 2 * (frame["colour"] == "red") + 3 * (frame["city"] > "city 30")
    kind = pandas.Series(np.where(signal + rng.normal(size=rows) > 7, "cat", "dog"), dtype="str")
    return frame.assign(kind=kind, price=signal * 10 + rng.normal(size=rows))


def stored(frame: pandas.DataFrame, columns: list[dict], *, batch_rows: int = 150) -> StoredRows:
    file = io.BytesIO()
    writer = Writer(file, [Column.from_dict(one) for one in columns])
    schema = pa.schema([(one["name"], ARROW_TYPES[one["type"]]) for one in columns])
    names = [one["name"] for one in columns]
    for batch in pa.Table.from_pandas(frame[names], schema=schema, preserve_index=False).to_batches():
        writer.write(batch)
    writer.close()
    file.seek(0)
    return StoredRows([TypedCopy(file)], columns, batch_rows)


def profile(frame: pandas.DataFrame, columns: list[dict]) -> list[dict]:
    return [
        {
            "name": one["name"],
            "type": one["type"],
            "distinct": int(frame[one["name"]].nunique()),
            "missing": int(frame[one["name"]].isna().sum()),
            "top": None,
            "min": "1965-03-01T00:00:00",
            "max": "1975-03-01T00:00:00",
        }
        for one in columns
    ]


def request_of(name: str, params=None, *, target="kind", inputs=INPUTS, **options) -> TrainingRequest:
    algorithm, features = find(name), [one["name"] for one in inputs]
    options = {"random_state": 1} | options
    return TrainingRequest(algorithm.module, name, params or {}, target=target, features=features, **options)


def columns_of(request: TrainingRequest, inputs=INPUTS) -> list[dict]:
    known = {one["name"]: one for one in [*inputs, *TARGETS.values()]}
    return [known.get(name) or column(name, "text", nullable=True) for name in request.columns]


def in_passes(request: TrainingRequest, frame=None, columns=None, *, batch_rows: int = 150, **options):
    frame = table() if frame is None else frame
    columns = columns_of(request) if columns is None else columns
    rows = stored(frame, columns, batch_rows=batch_rows)
    return out_of_core.fit_rows(rows, profile(frame, columns), request, **options)


def in_memory(request: TrainingRequest, frame=None, columns=None):
    frame = table() if frame is None else frame
    return pipelines.fit(frame, columns=columns_of(request) if columns is None else columns, request=request)

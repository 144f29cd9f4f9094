"""Statistics of columns."""

import io
import json
import tracemalloc

import numpy as np
import pandas as pd

from catalog.profiling.inspection import inspect
from catalog.profiling.statistics import Profiler
from catalog.readers.cells.column_types import Column


def profile(content):
    """The profile of each column by name, through JSON as it is stored."""
    result = inspect(io.BytesIO(content.encode()), "t.csv").profile
    return {column["name"]: column for column in json.loads(json.dumps(result, allow_nan=False))}


def test_numbers_have_a_range_a_mean_missing_and_distinct_values():
    result = profile("a,b\n1,1.5\n3,\n3,2.5\n")
    assert result["a"] == {"name": "a", "type": "integer", "nullable": False, "missing": 0, "top": None} | {
        "distinct": 2, "distinct_above": None, "min": 1, "max": 3, "mean": 7 / 3,
    }  # fmt: skip
    assert [result["b"][key] for key in ("missing", "min", "max", "mean")] == [1, 1.5, 2.5, 2.0]


def test_texts_and_booleans_have_the_most_frequent_values():
    result = profile("city,flag\nOslo,true\nRome,false\nOslo,true\n,\n")
    assert result["city"]["top"] == [["Oslo", 2], ["Rome", 1]]
    assert result["flag"]["top"] == [[True, 2], [False, 1]]
    assert result["city"]["min"] is result["city"]["mean"] is None


def test_statistics_of_dates_are_iso_texts():
    result = profile("a\n2024-01-01\n2024-01-03\n2024-01-01T12:00\n")["a"]
    assert (result["min"], result["max"], result["mean"]) == (
        "2024-01-01",
        "2024-01-03",
        "2024-01-01T20:00:00",
    )


def test_statistics_ignore_infinities():
    result = profile("a\n1.5\ninf\n-inf\n1e308\n1.7e308\n1e308\n")["a"]
    assert (result["min"], result["max"], result["mean"]) == (1.5, 1.7e308, None)


def test_a_column_without_values_has_no_statistics():
    result = profile("a,b\n1,\n2,\n")["b"]
    assert (result["missing"], result["distinct"], result["min"], result["mean"]) == (2, 0, None, None)


def test_distinct_values_are_counted_up_to_a_thousand():
    result = profile("a,b\n" + "".join(f"{i},n{i}\n" for i in range(1001)))
    assert result["a"]["distinct"] is result["b"]["distinct"] is result["b"]["top"] is None
    assert profile("a\n" + "".join(f"n{i}\n" for i in range(1000)))["a"]["distinct"] == 1000


def test_long_texts_have_no_distinct_count():
    assert profile("a\n" + "x" * 201 + "\n")["a"]["distinct"] is None


def test_statistics_do_not_depend_on_the_chunks():
    columns = [Column("n", "integer", True), Column("t", "text", True), Column("b", "boolean", False)]
    frame = pd.DataFrame(
        {
            "n": pd.array([1, None, 5, 5], "Int64"),
            "t": pd.array(["x", "y", None, "x"], "str"),
            "b": [True, False, True, True],
        }
    )
    whole, pieces = Profiler(columns), Profiler(columns)
    whole.update(frame)
    for start in range(4):
        pieces.update(frame.iloc[start : start + 1])
    assert whole.result() == pieces.result()
    assert whole.result()[0]["mean"] == 11 / 3


def test_wide_tables_of_distinct_values_are_profiled_in_bounded_memory():
    columns = [Column(f"c{i}", "number", False) for i in range(1000)]
    profiler = Profiler(columns)
    tracemalloc.start()
    for seed in range(3):
        values = np.random.default_rng(seed).normal(size=(200, 1000))
        profiler.update(pd.DataFrame(values, columns=[column.name for column in columns]))
    assert tracemalloc.get_traced_memory()[0] < 40_000_000
    tracemalloc.stop()


def test_the_profile_says_whether_values_were_too_many_or_too_long_to_count():
    many = profile("a,b\n" + "".join(f"{i},v{i}\n" for i in range(1_001)))
    assert [(many[name]["distinct"], many[name]["distinct_above"]) for name in "ab"] == [(None, 1_000)] * 2
    long = profile(f"a\n{'x' * 300}\ny\n")["a"]
    assert (long["distinct"], long["distinct_above"]) == (None, None)

"""The profile of columns, from all rows."""

import pytest

from catalog.profiling import number_statistics, statistics, text_statistics
from tests.catalog.profiling.tables import csv, profile, typed_copy


def test_the_profile_of_numbers():
    result = profile(csv(a=list(range(101)), b=[None, *(i / 2 for i in range(100))]))
    a, b = result["a"], result["b"]
    assert [a[key] for key in ("count", "missing", "distinct", "min", "max", "mean")] == [
        101,
        0,
        101,
        0,
        100,
        50,
    ]
    assert a["quantiles"] == [5, 25, 50, 75, 95]
    assert a["deviation"] == pytest.approx(29.3, abs=0.1)
    assert [b[key] for key in ("count", "missing", "min", "max")] == [100, 1, 0, 49.5]
    assert not a["is_estimated"]


def test_texts_and_booleans_have_the_most_frequent_values():
    result = profile("city,flag\nOslo,true\nRome,false\nOslo,true\n,\n")
    assert result["city"]["top"] == [["Oslo", 2], ["Rome", 1]]
    assert result["flag"]["top"] == [[True, 2], [False, 1]]
    assert result["city"]["min"] is result["city"]["mean"] is result["city"]["histogram"] is None


def test_integers_of_few_values_have_them_too():
    result = profile(csv(stars=[1, 5, 5, 3], price=[0.5, 1.5, 1.5, 2.5]))
    assert result["stars"]["top"] == [[5, 2], [1, 1], [3, 1]]
    assert result["price"]["top"] is None


def test_a_histogram_covers_the_range():
    result = profile(csv(x=[0.0, 0.5, 9.9, 10.0], few=[1, 1, 2, 4]))
    assert result["x"]["histogram"] == {"low": 0, "high": 10, "counts": [1, 1, *[0] * 17, 2]}
    assert result["few"]["histogram"] == {"low": 1, "high": 4, "counts": [2, 1, 0, 1]}


def test_statistics_of_dates_are_iso_texts():
    result = profile("a\n2024-01-01\n2024-01-03\n2024-01-01T12:00\n")["a"]
    assert [result[key] for key in ("min", "max", "mean")] == [
        "2024-01-01",
        "2024-01-03",
        "2024-01-01T20:00:00",
    ]
    assert result["quantiles"][2] == "2024-01-01T12:00:00"
    assert sum(result["histogram"]["counts"]) == 3


def test_infinities_are_left_out():
    result = profile("a\n1.5\ninf\n-inf\n2.5\n")["a"]
    assert [result[key] for key in ("count", "min", "max", "mean")] == [4, 1.5, 2.5, 2]
    assert sum(result["histogram"]["counts"]) == 2


def test_zeros_with_a_minus_sign_are_zeros():
    result = profile("a\n-0.0\n0.0\n-0.0\n")["a"]
    assert [str(result[key]) for key in ("distinct", "min", "max")] == ["1", "0.0", "0.0"]


def test_numbers_whose_sum_overflows_have_a_mean():
    result = profile("a\n1e308\n1.7e308\n-1.7e308\n1.2e308\n")["a"]
    assert result["mean"] == pytest.approx(5.5e307)
    assert sum(result["histogram"]["counts"]) == 4


def test_the_profile_of_a_wide_table_is_that_of_its_columns(monkeypatch):
    columns = {
        "x": [1.5, None, float("inf"), 4],
        "n": [1, 2, 2, -7],
        "huge": [1e300, 1e301, 2.0, None],
        "t": list("abca"),
    }
    together = profile(csv(**columns))
    monkeypatch.setattr(number_statistics, "GROUP_COLUMNS", 1)
    assert profile(csv(**columns)) == together


def test_what_is_exact_is_the_same_by_sql_as_in_memory(monkeypatch):
    table = csv(
        x=[1.5, None, float("inf"), 4, 4], n=[1, 2, 2, -7, None], t=["a", "7", "c d", "a", None], e=[None] * 5
    )
    in_memory = profile(table)
    monkeypatch.setattr(number_statistics, "MAX_ROWS", 0)
    monkeypatch.setattr(text_statistics, "MAX_ROWS", 0)
    for name, one in profile(table).items():
        expected = in_memory[name] | {"quantiles": one["quantiles"]}
        assert one == expected | {key: pytest.approx(expected[key]) for key in ("mean", "deviation")}


def test_means_of_whole_numbers_are_exact():
    assert profile(csv(a=[2**62, 2**62 - 2, -(2**62)]))["a"]["mean"] == (2**62 - 2) / 3


def test_many_values_are_measured_as_few(monkeypatch):
    days = [f"2024-01-{1 + i * 7 % 30:02}" for i in range(500)]
    table = csv(a=[i * i % 1_009 / 7 for i in range(500)], b=[i % 13 - 6 for i in range(500)], c=days)
    one_by_one = profile(table)
    monkeypatch.setattr(number_statistics, "FEW", 0)
    assert profile(table) == one_by_one


def test_texts_in_many_rows_are_counted_as_in_few(monkeypatch):
    table = csv(
        city=["Oslo", "7", "Oslo", "Rome", "São Paulo"] * 20 + [None], empty=[None] * 100 + ["x" * 300]
    )
    few = profile(table)
    monkeypatch.setattr(statistics, "MANY_ROWS", 1)
    assert profile(table) == few


def test_a_column_of_infinities_has_no_statistics():
    result = profile("a,b\ninf,1\n-inf,2\n")["a"]
    assert [result[key] for key in ("count", "min", "mean", "histogram")] == [2, None, None, None]


def test_a_column_without_values_has_no_statistics():
    result = profile("a,b\n1,\n2,\n")["b"]
    assert [result[key] for key in ("missing", "distinct", "min", "mean")] == [2, 0, None, None]


def test_many_distinct_values_are_counted_exactly():
    result = profile(csv(a=list(range(5_000)), b=[f"n{i % 4_000}" for i in range(5_000)]))
    assert (result["a"]["distinct"], result["b"]["distinct"]) == (5_000, 4_000)


def test_prose_has_no_top_values():
    result = profile("a,b\n" + "x" * 201 + ",1\n")["a"]
    assert (result["distinct"], result["top"], result["max_length"]) == (1, None, 201)


def test_a_large_table_has_estimates_that_say_so(monkeypatch):
    monkeypatch.setattr(number_statistics, "MAX_ROWS", 1_000)
    monkeypatch.setattr(statistics, "EXACT_DISTINCT", 1_000)
    result = profile(csv(a=list(range(10_000)), b=["x"] * 10_000))["a"]
    assert result["is_estimated"]
    assert 9_000 < result["distinct"] <= 10_000
    assert result["quantiles"][2] == pytest.approx(5_000, rel=0.05)


def test_columns_with_hostile_names_are_profiled():
    names = ['x"; DROP TABLE t; --', "Age", "age", "a.b", "a", "count(*)", "c1", "t", "ü 'x'", "$1"]
    header = ",".join('"' + name.replace('"', '""') + '"' for name in names)
    result = profile(header + "\n" + ",".join(map(str, range(len(names)))) + "\n")
    assert [one["min"] for one in result.values()] == list(range(len(names)))
    assert list(result) == names


def test_a_wide_table_is_profiled_in_groups():
    result = profile(csv(**{f"c{i}": [i, i + 1] for i in range(130)}))
    assert [result[f"c{i}"]["min"] for i in (0, 49, 50, 129)] == [0, 49, 50, 129]


def test_the_most_frequent_values_of_a_column_can_be_listed_further():
    copy = typed_copy(csv(a=[f"v{i % 30:02}" for i in range(60)]))
    assert len(statistics.top(copy, 0, limit=30)) == 30

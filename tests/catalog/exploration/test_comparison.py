"""What changes between two tables."""

import random

import pytest

from catalog.exploration import comparison
from catalog.exploration.comparison import Side
from tests.catalog.profiling.tables import csv, ingested, typed_copy

RANDOM = random.Random(2)
NOISE = [RANDOM.gauss(50, 10) for _ in range(400)]
OTHER = [RANDOM.gauss(50, 10) for _ in range(400)]
KINDS = ["a", "b", "b", "c"] * 100


def side(content: str) -> Side:
    profile = ingested(content).profile
    return Side(
        [{"name": one["name"], "type": one["type"]} for one in profile], profile, ingested(content).rows
    )


def compared(before: str, after: str) -> dict:
    return comparison.tables(typed_copy(before), typed_copy(after), side(before), side(after))


def distribution(before: list, after: list) -> dict:
    found = compared(*(csv(x=values, n=range(len(values))) for values in (before, after)))
    return next(one for one in found["distributions"] if one["name"] == "x")


def test_the_means_of_the_largest_numbers_are_compared():
    found = distribution([1e308, -1e308] * 30, [1e308, 1.0] * 30)
    assert (found["effect"], found["smd"]) == ("large", pytest.approx(0.63, abs=0.01))


def test_columns_that_were_added_removed_and_retyped():
    found = compared(csv(a=[1, 2], b=["x", "y"], c=[1, 2]), csv(a=[1, 2], c=["p", "q"], d=[1.5, 2]))
    assert found["added"] == [{"name": "d", "type": "number"}]
    assert found["removed"] == [{"name": "b", "type": "text"}]
    assert found["retyped"] == [{"name": "c", "from": "integer", "to": "text"}]
    assert [one["name"] for one in found["distributions"]] == ["a"]


def test_the_same_distribution_has_no_effect():
    found = distribution(NOISE, OTHER)
    assert (found["effect"], abs(found["smd"]) < 0.15, found["psi"] < 0.1) == ("none", True, True)
    assert found["rows"] == {"from": 400, "to": 400}


def test_a_distribution_that_moved_by_one_deviation_has_a_large_effect():
    found = distribution(NOISE, [x + 10 for x in OTHER])
    assert found["effect"] == "large"
    assert found["smd"] == pytest.approx(1, abs=0.2)


def test_a_difference_that_so_few_values_have_by_chance_is_unclear():
    assert distribution(NOISE[:12], OTHER[:12])["effect"] in ("none", "unclear")
    assert distribution(NOISE[:12], [x + 9 for x in OTHER[:12]])["effect"] == "unclear"
    assert distribution(NOISE, [x + 50 for x in OTHER[:12]])["effect"] == "large"


def test_values_that_are_missing_now_are_an_effect():
    found = distribution(NOISE, [None if i % 2 else x for i, x in enumerate(OTHER)])
    assert (found["effect"], found["missing"]) == ("large", {"from": 0, "to": 200})
    assert found["bars"][-1] == {"label": "missing", "from": 0, "to": 0.5}


def test_categories_are_compared_by_their_shares():
    assert distribution(KINDS, KINDS[::-1])["psi"] == 0
    moved = distribution(KINDS, ["a"] * 300 + ["d"] * 100)
    assert moved["effect"] == "large"
    assert {bar["label"]: bar["to"] for bar in moved["bars"]} == {
        "a": 0.75, "b": 0, "c": 0, "other values": 0.25, "missing": 0,
    }  # fmt: skip


def test_the_largest_effect_comes_first():
    before = csv(same=NOISE, moved=NOISE, kind=KINDS)
    after = csv(same=OTHER, moved=[x + 30 for x in OTHER], kind=KINDS)
    assert compared(before, after)["distributions"][0]["name"] == "moved"


def test_new_identifiers_are_no_effect():
    found = compared(csv(id=range(200), n=NOISE[:200]), csv(id=range(200, 400), n=NOISE[200:]))[
        "distributions"
    ]
    assert {one["name"]: (one["psi"], one["effect"]) for one in found}["id"] == (None, "none")


def test_dates_and_booleans_are_compared():
    days = [f"2026-01-{1 + i % 28:02}" for i in range(100)]
    later = [f"2026-03-{1 + i % 28:02}" for i in range(100)]
    assert distribution(days, later)["effect"] == "large"
    assert distribution(["true", "false"] * 50, ["true"] * 100)["effect"] == "large"


def test_a_column_under_another_name_is_perhaps_renamed():
    found = compared(csv(age=NOISE, kind=KINDS), csv(years=OTHER, group=KINDS))
    assert found["renamed"] == [{"from": "age", "to": "years"}, {"from": "kind", "to": "group"}]
    assert compared(csv(age=NOISE), csv(price=[x * 5 for x in NOISE]))["renamed"] == []


def test_columns_without_values_have_no_index():
    found = compared("a,b\n1,\n2,\n", "a,b\n1,\n2,\n")["distributions"]
    assert {one["name"]: one["effect"] for one in found} == {"a": "none", "b": "none"}


def test_two_versions_are_compared_in_a_child_process(make_dataset):
    before = make_dataset("people", csv(age=NOISE))
    after = make_dataset("people", csv(age=[x + 30 for x in NOISE]), new_version=True)
    found = comparison.compare(before, after)
    assert (found["rows"], found["models"]) == ({"from": 400, "to": 400}, [])
    assert found["distributions"][0]["effect"] == "large"

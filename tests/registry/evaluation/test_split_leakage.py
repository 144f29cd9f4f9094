"""Columns that name groups of rows, which a random split divides."""

import numpy as np
import pandas

from registry.evaluation import split_leakage

CHANCE = np.random.default_rng(0)


def found(y, **columns) -> list[str]:
    sentences = split_leakage.group_warnings(
        pandas.DataFrame(columns), y, target="y", is_classification=y.dtype.kind != "f"
    )
    return [sentence.split("`")[1] for sentence in sentences]


def test_many_small_groups_are_found_by_their_number_or_by_a_measurement():
    """The sample of a dry run has hardly two rows of any of them."""
    group = CHANCE.integers(0, 2_000, 10_000)
    flag = CHANCE.choice(["yes", "no"], 2_000)[group]
    height = CHANCE.normal(170, 10, 2_000).round(6)[group]
    assert found(flag, x=CHANCE.normal(size=10_000).round(3), number=group, height=height) == [
        "number",
        "height",
    ]
    level = CHANCE.normal(size=2_000)[group] * 10 + CHANCE.normal(size=10_000)
    assert found(level, name=group.astype(str), height=height) == ["name", "height"]


def test_two_measurements_can_name_groups_together():
    group = CHANCE.integers(0, 1_000, 8_000)
    flag = CHANCE.choice(["yes", "no"], 1_000)[group]
    height, weight = (CHANCE.normal(170, 10, 1_000).round(1)[group] for _ in range(2))
    x = CHANCE.normal(size=8_000).round(2)
    sentences = split_leakage.group_warnings(
        pandas.DataFrame({"height": height, "x": x, "weight": weight}),
        flag,
        target="y",
        is_classification=True,
    )
    assert len(sentences) == 1
    assert "`height`" in sentences[0] and "`weight`" in sentences[0]
    assert found(np.where(height + weight > 340, "yes", "no"), height=height, x=x, weight=weight) == []


def test_a_number_that_predicts_the_target_is_no_group():
    age = CHANCE.integers(18, 90, 2_000)
    assert found(np.where(age > 50, "yes", "no"), age=age) == []
    assert found(age * 2.0, age=age) == []


def test_the_values_of_duplicate_rows_are_no_groups():
    x, y = CHANCE.normal(size=1_000), CHANCE.choice(["yes", "no"], 1_000)
    twice = np.repeat(np.arange(1_000), 2)
    assert found(y[twice], x=x[twice]) == []

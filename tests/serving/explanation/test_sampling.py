"""Sampled Shapley values."""

import time
from itertools import permutations

import numpy as np
import pytest

from serving.explanation import sampling
from serving.inputs.reader import Reader

INPUTS = [
    {"name": "a", "type": "number", "nullable": True},
    {"name": "b", "type": "integer", "nullable": False},
    {"name": "c", "type": "text", "nullable": True},
    {"name": "d", "type": "date", "nullable": True},
]
BACKGROUND = [[0.0, 1, "x", "2026-01-01"], [1.0, 2, None, None], [None, 3, "y", "2025-01-01"]]
ROW = [[2.0, 5, "z", "2026-05-05"]]


def typed(rows):
    return Reader(INPUTS).from_rows(rows)


def output(rows):
    """A product, so that the order of the columns matters."""
    a, b = np.nan_to_num(rows.numbers).T
    is_z = np.array([value == "z" for value in rows.text[0]])
    return (1 + a) * b * (1 + is_z) + np.isnat(rows.dates[:, 0])


def by_definition():
    """The mean change that each column brings over all orders and background rows."""
    changes = np.zeros(4)
    for start in BACKGROUND:
        for order in permutations(range(4)):
            row = list(start)
            for column in order:
                before = output(typed([row]))[0]
                row[column] = ROW[0][column]
                changes[column] += output(typed([row]))[0] - before
    return changes / (24 * len(BACKGROUND))


@pytest.fixture(scope="module")
def found():
    return sampling.shapley(output, typed(ROW), typed(BACKGROUND), deadline=time.monotonic() + 60)


def test_contributions_are_within_their_error_of_the_shapley_values(found):
    distance = np.abs(found.contributions - by_definition())
    assert (distance <= 4 * found.standard_errors + 1e-9).all() and found.standard_errors.max() < 1.5


def test_contributions_add_up_to_the_output(found):
    assert found.base_value + found.contributions.sum() == pytest.approx(output(typed(ROW))[0], abs=1e-9)


def test_one_batch_is_sampled_even_if_the_time_is_over():
    calls = []

    def counted(rows):
        calls.append(rows.count)
        return output(rows)

    sampling.shapley(counted, typed(ROW), typed(BACKGROUND), deadline=0)
    assert len(calls) == 1 and calls[0] <= sampling.BATCH_ROWS


def test_a_row_of_the_background_alone_has_no_contributions():
    found = sampling.shapley(output, typed(ROW), typed(ROW), deadline=0)
    assert not found.contributions.any() and found.base_value == output(typed(ROW))[0]


def test_a_walk_over_thousands_of_columns_is_predicted_in_parts():
    inputs = [{"name": f"c{n}", "type": "number", "nullable": True} for n in range(2_500)]
    rows = [Reader(inputs).from_rows([[value] * len(inputs)]) for value in (1.0, 0.0)]
    cells = []

    def total(part):
        cells.append(part.count * len(inputs))
        return part.numbers.sum(axis=1)

    found = sampling.shapley(total, *rows, deadline=0)
    assert max(cells) <= sampling.BATCH_CELLS
    assert (found.contributions == 1).all() and found.base_value == 0

"""Many columns that are inferred at once are inferred as one by one."""

import random

import pyarrow as pa
import pytest

from catalog.readers.cells import conclusion
from catalog.readers.cells.type_inference import TypeInference
from catalog.readers.delimited import plain_numbers

CELLS = {
    "whole": ["1", "-2", None, "30"],
    "fractions": ["1.5", "-2.25", "0.125", None],
    "three decimals": ["1.234", "22.345", "3.456", "4.567"],
    "three decimals, one sure": ["1.234", "22.345", "-0.456", ".567"],
    "four digits": ["1234.567", "1234.568", "2345.678", "3456.789"],
    "few points": ["1", "2", "3.5", "4"],
    "padded": ["1", "2", "007", "4"],
    "hexadecimal": ["1", "2", "0x1F", "4"],
    "negative padded": ["1", "2", "-07", "4"],
    "exponents": ["1.5", "2e-05", "3", "4"],
    "plus": ["+1", "2", "3", "4"],
    "codes for missing": ["1", "-999", "3", "-999"],
    "compact dates": ["20240131", "20231201", "20220615", "20240229"],
    "dates": ["2024-01-31", "2023-12-01", "2022-06-15", None],
    "large": ["9007199254740993", "1", "2", "3"],
    "long": ["12345678901234567890", "1", "2", "3"],
    "long fractions": ["0.12345678901234567", "1", "2", "3"],
    "minus alone": ["-", "1", "2", "3"],
    "versions": ["1.2.3", "1", "2", "3"],
    "texts": ["a", "b", "c", "1"],
    "words": ["yes", "no", "no", None],
    "empty": [None] * 4,
    "spaces": [" 1", "2 ", "3", "4"],
    "point behind": ["1.", "2.", "3.", "4."],
    "zeros": ["-0", "0", "-0.0", "0.0"],
}


def inferred(batches, names):
    inferences = [TypeInference() for _ in names]
    for batch in batches:
        plain_numbers.update(inferences, batch)
    found = conclusion.conclude(names, inferences)
    seen = [(one.rows, one.missing, one.seen, one.is_integer, vars(one.range)) for one in inferences]
    numbers = [one.numbers and vars(one.numbers) for one in inferences]
    return found, seen, numbers


@pytest.mark.parametrize("seed", range(6))
def test_columns_are_inferred_together_as_one_by_one(monkeypatch, seed):
    chance, names = random.Random(seed), list(CELLS)
    batches = []
    for _ in range(3):
        kinds = [name if chance.random() < 0.8 else chance.choice(names) for name in names]
        batches.append([pa.array(chance.choices(CELLS[kind], k=9), pa.string()) for kind in kinds])
    monkeypatch.setattr(plain_numbers, "MANY", 1_000)
    one_by_one = inferred(batches, names)
    monkeypatch.setattr(plain_numbers, "MANY", 1)
    together = inferred(batches, names)
    assert together == one_by_one


def test_columns_of_plain_numbers_take_no_step_each(monkeypatch):
    monkeypatch.setattr(plain_numbers, "MANY", 1)
    monkeypatch.setattr(TypeInference, "update", None)
    inferences = [TypeInference() for _ in range(3)]
    plain_numbers.update(inferences, [pa.array(CELLS[name]) for name in ("whole", "fractions", "few points")])
    assert [one.seen for one in inferences] == [3, 3, 4]

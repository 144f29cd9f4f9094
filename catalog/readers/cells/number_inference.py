"""Infer how the numbers of a column are written: their marks, and what is in front of them or behind."""

import functools
import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catalog.readers.cells import numbers

MARKS = [(thousands, decimal) for thousands in (None, " ", "'", ",", ".") for decimal in ".,"]
MARKS = [(thousands, decimal) for thousands, decimal in MARKS if thousands != decimal]
# "1,234" can be one thousand; "1,5", "0,125" and "1234,567" can only be decimals.
SURELY_DECIMAL = r"{mark}(?:[0-9]{{0,2}}|[0-9]{{4,}})(?:[eE]|$)|^0?{mark}|^[0-9]{{4,}}{mark}"
# Programs write 1e+05, 1.2E5 or 1e5; 12E5 is more likely a code, and so is what exceeds a float64.
CODE = "^[0-9]{2,}[eE][0-9]+$"
HUGE = r"[eE]\+?[0-9]{3,}$"
PADDED = r"^0[0-9]+(?:[.,][0-9]*)?$"
MAX_AFFIXES = 3


@dataclass
class Fit:
    """How well one pair of marks fits the numbers so far."""

    misfits: int = 0
    first_misfit: tuple[int, str] | None = None  # its row and text
    is_sure: bool = False
    is_grouped: bool = False
    has_fraction: bool = False

    def add_misfits(self, misfits: pa.Array, values: pa.Array, row: int) -> None:
        count = pc.sum(misfits).as_py() or 0
        self.add(count, first(misfits, values, row) if count and self.first_misfit is None else None)

    def add(self, count: int, example: tuple[int, str] | None) -> None:
        """Numbers that do not fit, and the first of them."""
        self.misfits += count
        self.first_misfit = self.first_misfit or example


class NumberInference:
    """The pairs (thousands, decimal) of marks that fit all numbers so far, and their affixes."""

    def __init__(self):
        self.fits = {marks: Fit() for marks in MARKS}
        self.affixes: Counter[str] = Counter()
        self.count = 0
        self.padded: tuple[int, str] | None = None  # the first with leading zeros: its row and text
        self.code: tuple[int, str] | None = None
        self.too_long: tuple[int, str] | None = None

    def is_sure(self, decimal: str) -> bool:
        return any(fit.is_sure and not fit.misfits for (_, mark), fit in self.fits.items() if mark == decimal)

    @property
    def are_points_sure(self) -> bool:
        """Whether a number showed that the point is the decimal mark."""
        return all(fit.is_sure for (_, decimal), fit in self.fits.items() if decimal == ".")

    @property
    def are_commas_out(self) -> bool:
        """Whether no decimal comma fits any more."""
        return all(fit.misfits for (_, decimal), fit in self.fits.items() if decimal == ",")

    def update_plain(self, values: pa.Array, *, row: int) -> None:
        """Numbers that have at most a decimal point: Arrow has parsed them."""
        sure = points = None
        if not self.are_points_sure:
            is_sure = pc.match_substring_regex(values, SURELY_DECIMAL.format(mark=r"\."))
            sure = pc.sum(is_sure).as_py() or 0, first(is_sure, values, row)
        if not self.are_commas_out:
            has_point = pc.match_substring(values, ".")
            points = pc.sum(has_point).as_py() or 0, first(has_point, values, row)
        self.add_plain(len(values), len(values) - values.null_count, sure=sure, points=points)

    def add_plain(
        self,
        rows: int,
        count: int,
        *,
        sure: tuple[int, tuple[int, str] | None] | None,
        points: tuple[int, tuple[int, str] | None] | None,
    ) -> None:
        """What update_plain() adds, given how many of the numbers have a point, and a point that is surely decimal, and
        the first of each; None if that is not needed any more."""
        self.count += count
        for (thousands, decimal), fit in self.fits.items():
            if decimal == ".":
                fit.has_fraction = True
                fit.is_sure = fit.is_sure or bool(sure and sure[0])
            elif fit.misfits:  # rejected already: how often matters little
                fit.misfits += rows
            elif thousands == "." and sure is not None:
                # With a decimal comma, points can only group the digits of thousands.
                fit.add(*sure)
                fit.is_grouped |= not fit.misfits
            else:
                fit.add(*points)

    def update(self, values: pa.Array, *, row: int) -> pa.Array:
        """Normalized texts, the first of which is in this row. Returns which are numbers with some marks."""
        body, around = numbers.split(values)
        is_number = self._update_affixes(around)
        body = pc.if_else(is_number, body, pa.scalar(None, pa.string()))
        body, is_special = self._without_special(body, values, row)
        present = {mark for mark in "., '" if pc.any(pc.match_substring(body, mark)).as_py()}
        results = {
            (thousands, decimal): _evidence(body, thousands, decimal, present)
            for thousands, decimal in MARKS
            if thousands is None or thousands in present
        }
        fits = [result[0] for result in results.values()]
        is_number = pc.fill_null(functools.reduce(pc.or_, fits), False)
        self._update_marks(results, pc.if_else(is_number, body, pa.scalar(None, pa.string())), row)
        is_number = pc.or_(is_number, is_special)
        self.count += pc.sum(is_number).as_py() or 0
        return is_number

    def _update_affixes(self, around):
        encoded = around.dictionary_encode()
        known = [numbers.surroundings(text) for text in encoded.dictionary.to_pylist()]
        counts = np.bincount(encoded.indices.drop_null().to_numpy(), minlength=len(known)).tolist()
        for found, count in zip(known, counts, strict=True):
            if found and found[1] and len(self.affixes) < 100:
                self.affixes[found[1]] += count
        valid = pa.array([bool(found) for found in known], pa.bool_())
        return pc.fill_null(valid.take(encoded.indices), False)

    def _without_special(self, body, values, row):
        """The digits without codes and zero-padded numbers, and which are these; the first of each is kept."""
        is_code = pc.or_(pc.fill_null(pc.match_substring_regex(body, CODE), False), _is_infinite(body))
        is_padded = pc.fill_null(pc.match_substring_regex(body, PADDED), False)
        self.code = self.code or first(is_code, values, row)
        self.padded = self.padded or first(is_padded, values, row)
        if self.too_long is None and (pc.max(pc.binary_length(body)).as_py() or 0) >= 19:
            whole = pc.match_substring_regex(body, "^[0-9]{19,}$")
            texts = pc.replace_substring_regex(values, "[^0-9-]", "")
            too_long = [
                bool(is_whole) and int(text or 0) not in numbers.INT64
                for is_whole, text in zip(whole.to_pylist(), texts.to_pylist(), strict=True)
            ]
            self.too_long = first(pa.array(too_long, pa.bool_()), values, row)
        is_special = pc.or_(is_code, is_padded)
        return pc.if_else(is_special, pa.scalar(None, pa.string()), body), is_special

    def _update_marks(self, results, body, row):
        for (thousands, decimal), fit in self.fits.items():
            is_grouped = (thousands, decimal) in results and thousands is not None
            matches, is_sure, has_fraction = results[thousands if is_grouped else None, decimal]
            fit.add_misfits(pc.and_(pc.invert(matches), pc.is_valid(body)), body, row)
            fit.is_sure |= is_sure
            fit.has_fraction |= has_fraction
            fit.is_grouped |= is_grouped


def _is_infinite(body):
    is_huge = pc.fill_null(pc.match_substring_regex(body, HUGE), False)
    if not pc.any(is_huge).as_py():
        return is_huge
    texts = pc.if_else(is_huge, body, "0").to_pylist()
    return pa.array([float(re.sub("[, ']", "", text)) == float("inf") for text in texts])


def _evidence(body, thousands, decimal, present):
    """Which digits match these marks, whether the marks are sure, and whether there are fractions."""
    matches = pc.match_substring_regex(body, numbers.pattern(thousands, decimal))
    if pc.any(pc.invert(matches)).as_py() and not pc.any(matches).as_py():
        return matches, False, False
    fraction = pc.or_(pc.match_substring(body, decimal), pc.match_substring_regex(body, "[eE]"))
    has_fraction = pc.any(pc.and_(fraction, matches)).as_py() or False
    if thousands in (" ", "'"):
        return matches, decimal in present, has_fraction
    surely = SURELY_DECIMAL.format(mark=rf"\{decimal}")
    if thousands:  # twice, or with a decimal mark behind
        mark = rf"\{thousands}"
        surely = f"{mark}.*{mark}|{mark}.*\\{decimal}"
    is_sure = pc.any(pc.and_(pc.match_substring_regex(body, surely), matches)).as_py() or False
    return matches, is_sure, has_fraction


def first(mask: pa.Array, values: pa.Array, row: int) -> tuple[int, str] | None:
    """The row and the text of the first value for which the mask is true."""
    place = pc.index(mask, True).as_py()
    return None if place < 0 else (row + place, values[place].as_py())

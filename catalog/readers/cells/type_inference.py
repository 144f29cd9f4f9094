"""Infer the type of a column and how its cells are written from their texts, chunk by chunk."""

import re
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catalog.readers.cells import booleans, dates, missing, numbers
from catalog.readers.cells.cell_format import CellFormat
from catalog.readers.cells.date_inference import DateInference
from catalog.readers.cells.number_inference import NumberInference, first
from catalog.readers.cells.number_range import NumberRange

NUMBER = (
    r"^[+-]?(?:(?:(?:0|[1-9][0-9]*)(?:{mark}[0-9]*)?|{mark}[0-9]+)(?:[eE][+-]?[0-9]+)?|(?i:inf|infinity))$"
)
SMALL = r"^-?[0-9](?:\.[0-9]+)?e-[0-9]{2,3}$"  # as programs write numbers below 0.0001
PHONE = r"^\+[0-9]{7,15}$"
SAMPLE = 40  # values of a column that decide which types are considered at all
MAX_WORDS = 50
STATES = {"numbers": ("integer", "number"), "dates": ("date",), "booleans": ("boolean",)}


@dataclass
class OddValues:
    """The values that do not fit a type: how many, the first, and the different ones as long as they are few."""

    count: int = 0
    first: tuple[int, str] | None = None  # its row and text
    words: Counter[str] = field(default_factory=Counter)

    def add(self, values: pa.Array, mask: pa.Array, row: int) -> None:
        count = pc.sum(mask).as_py() or 0
        if not count:
            return
        self.count += count
        self.first = self.first or first(mask, values, row)
        if len(self.words) < MAX_WORDS:
            for entry in values.filter(mask).value_counts().to_pylist()[:MAX_WORDS]:
                self.words[entry["values"]] += entry["counts"]

    def is_rare(self, fitting: int, share: float) -> bool:
        return self.count <= share * (self.count + fitting)


class TypeInference:
    """What the cells of a column are so far. `conclusion.conclude` decides, given the whole file.

    Plain numbers and ISO dates are parsed by Arrow at once; only other values cost more. A column of texts costs
    nothing after its first chunk.
    """

    def __init__(self, *, kind: str | None = None, form: CellFormat | None = None):
        """`kind` is the type of the column and `form` has what is known of its format, if a user has set them."""
        self.kind, self.form = kind, form or CellFormat()
        self.tokens = None if self.form.missing is None else ("", *self.form.missing)
        self.rows = self.missing = self.blank = 0
        self.marks: OddValues = OddValues()  # the texts that usually mean a missing value
        self.numbers: NumberInference | None = NumberInference()
        self.dates: DateInference | None = DateInference()
        self.booleans: Counter[str] | None = Counter()  # by spelling
        self.odd = {"number": OddValues(), "date": OddValues(), "boolean": OddValues()}
        self.range = NumberRange()
        self.is_integer = True
        self.phones = 0
        self.seen = 0  # values, without those that mean a missing one
        self.parsed: pa.Array | None = None  # the last cells as numbers or dates, if Arrow parsed all of them
        if kind is not None:
            for name, kinds in STATES.items():
                if kind not in kinds:
                    setattr(self, name, None)

    @property
    def is_text(self) -> bool:
        return self.numbers is None and self.dates is None and self.booleans is None

    def update(self, cells: pa.Array) -> None:
        row, self.parsed = self.rows, None
        self.rows += len(cells)
        if self.tokens is not None:
            cells = missing.with_nulls(cells, self.tokens, trim=self.kind != "text")
        self.missing += cells.null_count
        if self.is_text or cells.null_count == len(cells):
            return
        if not (
            self._update_numbers(cells, row) or self._update_iso_dates(cells) or self._update_words(cells)
        ):
            self._update_others(cells, row)

    def _update_numbers(self, cells, row):
        if self.numbers is None:
            return False
        parsed = _cast(cells, pa.int64()) if self.is_integer else None
        is_whole = parsed is not None
        if not is_whole and (parsed := _cast(cells, pa.float64())) is None:
            return False
        if len(numbers.padded(cells)):
            return False
        if not is_whole and pc.any(odd := _not_plain(cells, parsed)).as_py():
            return self._update_most_numbers(cells, odd, row)
        self.parsed = parsed
        self._update_range(parsed, row)
        self._add_numbers(cells, row, is_whole=is_whole)
        if is_whole:
            self.numbers.count += len(cells) - cells.null_count
        else:
            self.numbers.update_plain(cells, row=row)
        return True

    def _add_numbers(self, cells, row, *, is_whole):
        self.is_integer &= is_whole
        self.seen += len(cells) - cells.null_count
        self._reject_others(cells, row)

    @property
    def can_be_plain(self) -> bool:
        """Whether update_plain() can do what update() does."""
        others = [name for name in ("dates", "booleans") if getattr(self, name) is not None]
        return self.numbers is not None and self.tokens is None and not any(map(self._has, others))

    def update_plain(
        self, cells: pa.Array, parsed: pa.Array, ends: tuple, *, is_whole: bool, **marks
    ) -> None:
        """Update with numbers of digits, a minus sign and a point, parsed as float64 with nulls.

        `ends` are the least and the greatest; `marks` are those of NumberInference.add_plain().
        """
        row, count = self.rows, len(cells) - cells.null_count
        self.rows += len(cells)
        self.missing += cells.null_count
        self.parsed = parsed.cast(pa.int64()) if is_whole else parsed
        if not self.range.extend(*ends, is_whole=is_whole):
            self._update_range(self.parsed, row)
        self._add_numbers(cells, row, is_whole=is_whole)
        if is_whole:
            self.numbers.count += count
        else:
            self.numbers.add_plain(len(cells), count, **marks)

    def _update_most_numbers(self, cells, odd, row):
        """Parsed numbers of which some are written in another way, as 5e-07: the slow way is only for these."""
        none = pa.scalar(None, pa.string())
        if pc.sum(odd).as_py() > len(cells) / 4 or not self._update_numbers(
            pc.if_else(odd, none, cells), row
        ):
            return False
        self._update_others(pc.if_else(odd, cells, none), row)
        self.parsed = None
        return True

    def _reject_others(self, cells, row):
        """Numbers are neither dates nor booleans."""
        for name in ("dates", "booleans"):
            if getattr(self, name) is not None and not self._has(name):
                setattr(self, name, None)
        for kind in self._open_kinds:
            if kind != "number":
                self.odd[kind].add(cells, pc.is_valid(cells), row)

    def _has(self, name):
        state = getattr(self, name)
        return bool(state.count if name == "dates" else state)

    @property
    def _open_kinds(self):
        states = {"number": self.numbers, "date": self.dates, "boolean": self.booleans}
        return [kind for kind, state in states.items() if state is not None]

    def _update_range(self, parsed, row):
        values = parsed.to_numpy(zero_copy_only=False)
        if parsed.null_count:
            rows = np.flatnonzero(parsed.is_valid().to_numpy(zero_copy_only=False))
            self.range.update(parsed.drop_null().to_numpy(), rows + row)
        else:
            self.range.update(values, row=row)

    def _update_iso_dates(self, cells):
        if self.dates is None or self.seen > self.dates.count:
            return False
        if (parsed := _cast(cells, pa.timestamp("us"))) is None:
            return False
        self.parsed = parsed
        count = len(cells) - cells.null_count
        self.dates.count += count
        self.seen += count
        self.numbers = self.numbers if self.numbers and self.numbers.count else None
        self.booleans = self.booleans or None
        return True

    def _update_words(self, cells):
        """Words for true and false that were in earlier chunks, counted without a look at each cell."""
        if not self.booleans or self.numbers is not None or self.dates is not None:
            return False
        counts = {entry["values"]: entry["counts"] for entry in cells.value_counts().to_pylist()}
        counts.pop(None, None)
        if not counts.keys() <= self.booleans.keys():
            return False
        self.booleans.update(counts)
        self.seen += sum(counts.values())
        return True

    def _update_others(self, cells, row):
        values = numbers.normalized(cells)
        values = missing.with_nulls(values, missing.MISSING if self.tokens is None else self.tokens)
        self.blank += values.null_count - cells.null_count
        if self.tokens is None:
            is_mark = pc.fill_null(pc.is_in(pc.utf8_lower(values), pa.array(sorted(missing.KNOWN))), False)
            self.marks.add(values, is_mark, row)
            values = pc.if_else(is_mark, pa.scalar(None, pa.string()), values)
        count = len(values) - values.null_count
        if not count:
            return
        if not self.seen and self.kind is None:
            self._choose_kinds(values)
        self.seen += count
        for kind in self._open_kinds:
            fits = {"number": self._fit_numbers, "date": self._fit_dates, "boolean": self._fit_booleans}[kind]
            mask = pc.fill_null(fits(values, row), False)
            self.odd[kind].add(values, pc.and_not(pc.is_valid(values), mask), row)
            odd = self.odd[kind]
            if self.kind is None and odd.count > 3 and not odd.is_rare(self.seen - odd.count, 0.25):
                setattr(self, {"number": "numbers", "date": "dates", "boolean": "booleans"}[kind], None)

    def _choose_kinds(self, values):
        """Whether half of a few values are numbers, dates or words for booleans: most columns have one type."""
        present = values.drop_null()
        sample = present.take(
            pa.array(np.linspace(0, len(present) - 1, min(SAMPLE, len(present))).astype(int))
        )
        half = len(sample) / 2
        is_number = pc.or_(
            NumberInference().update(sample, row=0), pc.match_substring_regex(sample, numbers.INFINITY)
        )
        if pc.sum(is_number).as_py() < half:
            self.numbers = None
        if not re.search("[0-9]", sample[0].as_py() + sample[-1].as_py()) or (
            pc.sum(DateInference().update(sample, row=0)).as_py() < half
        ):
            self.dates = None
        if pc.sum(pc.is_in(pc.utf8_lower(sample), pa.array(sorted(booleans.WORDS)))).as_py() < half:
            self.booleans = None

    def _fit_numbers(self, values, row):
        fits = self.numbers.update(values, row=row)
        self.phones += pc.sum(pc.match_substring_regex(values, PHONE)).as_py() or 0
        is_word = pc.match_substring_regex(values, numbers.INFINITY)
        decimal = "." if not self.numbers.fits[None, "."].misfits else ","
        self._update_range(numbers.parse(values, pa.float64(), decimal=decimal), row)
        return pc.or_(fits, is_word)

    def _fit_dates(self, values, row):
        is_zero = pc.is_in(values, pa.array(sorted(missing.ZERO_DATES)))
        if pc.any(is_zero).as_py():
            self.marks.add(values, is_zero, row)
            values = pc.if_else(is_zero, pa.scalar(None, pa.string()), values)
        return pc.or_(self.dates.update(values, row=row), is_zero)

    def _fit_booleans(self, values, row):
        fits = pc.is_in(pc.utf8_lower(values), pa.array(sorted(booleans.WORDS)))
        for entry in values.filter(fits).value_counts().to_pylist():
            self.booleans[entry["values"]] += entry["counts"]
        return fits


def is_number(text: str, *, decimal: str) -> bool:
    """Whether a text is a number with one of these decimal marks."""
    return re.search(NUMBER.format(mark=f"[{decimal}]"), text) is not None


def are_dates(values: pa.Array) -> bool:
    """Whether every value is an ISO date or date and time that exists in the calendar."""
    return not pc.any(pc.is_null(dates.parse(values))).as_py()


def _cast(cells, kind):
    try:
        return cells.cast(kind)
    except pa.ArrowInvalid:
        return None


def _not_plain(cells, parsed):
    """Which numbers have more than 18 digits, an exponent or a plus sign, as codes and phone numbers have."""
    values = parsed.to_numpy(zero_copy_only=False)
    is_odd = ~(np.abs(values) < 1e18)
    is_odd &= parsed.is_valid().to_numpy(zero_copy_only=False)
    is_odd = pa.array(is_odd)
    texts = numbers.text_bytes(cells)
    if b"e" in texts:
        has_exponent = pc.fill_null(pc.match_substring(cells, "e"), False)
        if not pc.all(pc.match_substring_regex(cells.filter(has_exponent), SMALL)).as_py():
            is_odd = pc.or_(is_odd, pc.and_not(has_exponent, pc.match_substring_regex(cells, SMALL)))
    for mark in "E+":
        if mark.encode() in texts:
            is_odd = pc.or_(is_odd, pc.match_substring(cells, mark))
    return pc.fill_null(is_odd, False)

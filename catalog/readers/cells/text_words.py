"""What the values of text columns say: words that can mean a missing value, and spellings of one word."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from catalog.readers.cells import missing
from catalog.readers.cells.cell_format import CellFormat
from catalog.readers.cells.column_types import Column
from catalog.readers.cells.value_findings import PLACE, ValueFinding, listed

MAX_DISTINCT = 1_000
MAX_LENGTH = 50
CODE = re.compile("[A-Z]{2}")  # of countries, states and currencies
MIN_CODES = 3
# Marks for a missing value that are no words.
MARKS = frozenset(
    text for text in missing.KNOWN if not re.search("[a-z]{3}|^[a-z]*$", text) or text[:1] == "#"
)
SUSPECTS = pa.array(sorted({*missing.WORDS, *MARKS, *map(str.upper, MARKS), "n.A.", "N.a."}))


class TextWords:
    """The words of one text column, as they are in the file, with what means a missing value."""

    def __init__(self, column: Column):
        self.column = column
        self.rows = 0
        self.suspects: Counter[str] = Counter()
        self.first: dict[str, int] = {}
        self.values: Counter[str] | None = Counter()  # None once there are too many

    def update(self, cells: pa.Array) -> None:
        is_suspect = pc.fill_null(pc.is_in(cells, SUSPECTS), False)
        if pc.any(is_suspect).as_py():
            for place in pc.indices_nonzero(is_suspect).to_pylist():
                text = cells[place].as_py()
                self.suspects[text] += 1
                self.first.setdefault(text, self.rows + place)
        self.rows += len(cells)
        if self.values is None:
            return
        counts = (
            cells.value_counts() if (pc.max(pc.binary_length(cells)).as_py() or 0) <= MAX_LENGTH else None
        )
        if counts is None or len(counts) > MAX_DISTINCT or len(self.values) > MAX_DISTINCT:
            self.values = None
            return
        for entry in counts.to_pylist():
            self.values[entry["values"]] += entry["counts"]

    def concluded(self, *, is_whole: bool) -> tuple[Column, list[ValueFinding]]:
        """The column, in which NA can be a word, and what is not certain. `is_whole`: all rows have been seen."""
        column, findings = self.column, []
        words = [text for text in self.suspects if text in missing.MISSING]
        marks = [text for text in self.suspects if text not in missing.MISSING]
        if words == ["NA"] and self._are_codes():
            rest = tuple(text for text in missing.MISSING if text != "NA")
            is_nullable = any(self.values[text] for text in rest) if is_whole else column.nullable
            column = replace(column, format=CellFormat(missing=rest), nullable=is_nullable)
            findings.append(
                self._finding(words, "read as a word, for all other values are codes of two letters")
            )
        elif words:
            findings.append(self._finding(words, "read as missing"))
        if marks:
            findings.append(self._finding(marks, "read as a value"))
        if spellings := self._spellings():
            findings.append(self._mixed(spellings))
        return column, findings

    def _are_codes(self):
        others = [text for text in self.values or () if text not in missing.MISSING]
        return len(others) >= MIN_CODES and all(map(CODE.fullmatch, others))

    def _finding(self, words, reading):
        count, row = sum(self.suspects[word] for word in words), min(self.first[word] for word in words)
        times = "once" if count == 1 else f"{count:,} times"
        text = f"{listed(words)} occurs {times} in the text column `{self.column.name}`, first on {PLACE}: {reading}."
        return ValueFinding("missing_word", self.column.name, text, row)

    def _spellings(self):
        """The spellings of the most frequent word of which there are several."""
        if self.values is None or 2 * len(self.values) > self.rows:
            return None
        groups = defaultdict(list)
        for text in self.values:
            groups[" ".join((text or "").split()).casefold()].append(text)
        several = [group for word, group in groups.items() if len(group) > 1 and word]
        return max(several, key=lambda group: sum(map(self.values.get, group)), default=None)

    def _mixed(self, spellings):
        text = (
            f"{listed(spellings, 'and')} in `{self.column.name}` differ only in upper and lower case or spaces: "
            "kept as different values."
        )
        return ValueFinding("mixed_spelling", self.column.name, text)


def concluded(
    columns: Sequence[Column], words: Sequence[TextWords], *, is_whole: bool
) -> tuple[list[Column], list[ValueFinding]]:
    """The columns of a table, of which `words` have seen the text columns, and the findings about them."""
    found, results = [], {}
    for one in words:
        results[one.column.name], findings = one.concluded(is_whole=is_whole)
        found += findings
    return [results.get(column.name, column) for column in columns], found

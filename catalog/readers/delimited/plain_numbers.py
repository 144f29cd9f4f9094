"""Infer the types of many columns at once, if they are plain numbers: digits, a minus sign and a decimal point.

A wide table has few rows in a block, so that calls for each column cost more than its cells do.
"""

import itertools
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catalog.readers.cells import numbers
from catalog.readers.cells.type_inference import TypeInference

IS_PLAIN = np.zeros(256, bool)
IS_PLAIN[list(b"0123456789.-")] = True
MANY = 50  # columns; fewer are faster one by one
MAX_WHOLE = 15  # characters: a float64 has all its digits
MAX_NUMBER = 2.0**53


def update(inferences: Sequence[TypeInference], columns: Sequence[pa.Array]) -> None:
    """Update each inference with the cells of its column, as its own method does."""
    candidates = [
        place
        for place, (one, cells) in enumerate(zip(inferences, columns, strict=True))
        if one.can_be_plain and cells.null_count < len(cells)
    ]
    done = _update_plain(inferences, columns, candidates) if len(candidates) >= MANY else []
    for place in set(range(len(columns))).difference(done):
        inferences[place].update(columns[place])


def _update_plain(inferences, columns, candidates):
    """Update those of the candidates that have plain numbers; returns their places."""
    cells = _Cells([columns[place] for place in candidates])
    chosen = np.flatnonzero(cells.are_plain())
    if len(chosen) < len(candidates):
        candidates = [candidates[place] for place in chosen]
        cells = _Cells([columns[place] for place in candidates]) if candidates else None
    if not cells:
        return []
    if (parsed := cells.parsed()) is None:
        half = len(candidates) // 2
        parts = (candidates[:half], candidates[half:]) if half else ()
        return [place for part in parts for place in _update_plain(inferences, columns, part)]
    values = parsed.to_numpy(zero_copy_only=False).reshape(-1, cells.rows)  # nan if they are missing
    ends = np.column_stack([np.fmin.reduce(values, axis=1), np.fmax.reduce(values, axis=1)])
    is_whole = cells.count(".") == 0
    is_safe = (np.abs(ends) < MAX_NUMBER).all(axis=1) & (~is_whole | (cells.longest() <= MAX_WHOLE))
    done = [place for place in range(len(candidates)) if is_safe[place]]
    fractions = [
        place for place in done if not (is_whole[place] and inferences[candidates[place]].is_integer)
    ]
    marks = _marks(
        [inferences[candidates[place]] for place in fractions], [cells.columns[p] for p in fractions]
    )
    marks = dict(zip(fractions, marks, strict=True))
    bounds = ends.tolist()
    for place in done:
        found = marks.get(place)
        inferences[candidates[place]].update_plain(
            cells.columns[place],
            parsed.slice(place * cells.rows, cells.rows),
            bounds[place],
            is_whole=found is None,
            **(found or {}),
        )
    return [candidates[place] for place in done]


class _Cells:
    """The texts of several columns of the same length, one after the other."""

    def __init__(self, columns: Sequence[pa.Array]):
        self.columns, self.rows = columns, len(columns[0])
        self.values = pa.concat_arrays(columns)
        self.places = numbers.places(self.values)
        self.bytes = np.frombuffer(self.values.buffers()[2], "uint8")
        self.starts = self.places[: -1 : self.rows]  # of the columns

    def are_plain(self) -> np.ndarray:
        """Which columns have only characters of numbers, minus signs only in front, and no padded number."""
        filled = self.places[self.rows :: self.rows] > self.starts
        starts, is_filled = self.places[:-1], self.places[1:] > self.places[:-1]
        in_front = np.zeros(len(self.values), bool)
        in_front[is_filled] = self.bytes[starts[is_filled]] == ord("-")
        is_padded = np.zeros(len(self.values), bool)
        is_padded[numbers.padded(self.values)] = True
        is_alone = in_front & (np.diff(self.places) == 1)  # a mark for a missing value
        odd = self._sums(~IS_PLAIN[self.bytes])
        is_odd = (is_padded | is_alone).reshape(-1, self.rows).any(axis=1)
        in_front = in_front.reshape(-1, self.rows).sum(axis=1)
        return filled & (odd == 0) & (self.count("-") == in_front) & ~is_odd

    def count(self, character: str) -> np.ndarray:
        """How often each column has a character."""
        return self._sums(self.bytes == ord(character))

    def _sums(self, mask):
        """The number of bytes of each column for which the mask is true."""
        bounds = [*self.starts.tolist(), int(self.places[-1])]
        return np.array([np.count_nonzero(mask[start:end]) for start, end in itertools.pairwise(bounds)])

    def longest(self) -> np.ndarray:
        return np.diff(self.places).reshape(-1, self.rows).max(axis=1)

    def points(self) -> dict[str, np.ndarray]:
        """Which numbers have a point, and which have one that can only be a decimal mark: see SURELY_DECIMAL."""
        place = pc.fill_null(pc.find_substring(self.values, "."), -1).to_numpy()
        behind = np.diff(self.places) - place - 1
        first = self.bytes[np.minimum(self.places[:-1], self.places[-1] - 1)]
        is_long = (place >= 4) & (first != ord("-"))
        is_short = (place == 0) | ((place == 1) & (first == ord("0")))
        has_point = place >= 0
        is_sure = has_point & ((behind != 3) | is_short | is_long)
        return {
            name: mask.reshape(-1, self.rows) for name, mask in (("points", has_point), ("sure", is_sure))
        }

    def parsed(self) -> pa.Array | None:
        """The numbers of all columns."""
        try:
            return self.values.cast(pa.float64())
        except pa.ArrowInvalid:  # as 1.2.3
            return None


def _marks(inferences, columns):
    """What NumberInference.add_plain() needs for each column of numbers, of which some have a point."""
    found = [{"sure": None, "points": None} for _ in columns]
    needs = [
        {"sure": not one.numbers.are_points_sure, "points": not one.numbers.are_commas_out}
        for one in inferences
    ]
    places = [place for place, need in enumerate(needs) if any(need.values())]
    if not places:
        return found
    cells = _Cells([columns[place] for place in places])
    for name, mask in cells.points().items():
        counts, firsts = mask.sum(axis=1).tolist(), mask.argmax(axis=1).tolist()
        for place, count, row in zip(places, counts, firsts, strict=True):
            if needs[place][name]:
                example = (inferences[place].rows + row, columns[place][row].as_py()) if count else None
                found[place][name] = count, example
    return found

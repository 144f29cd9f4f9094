"""Typed rows to the numbers that the estimator sees: what the fitted ColumnTransformer does, without pandas.

Each step is the arithmetic of the scikit-learn class it was read from, in its order, so that the result is
equal to the last bit. Anything that was not fitted by `registry.training.preprocessing` is refused, never guessed.
"""

from collections.abc import Callable

import numpy as np

from serving.inputs.reader import TypedRows

FEW = 16  # rows up to which setting single cells is faster than numpy's indexing by lists


class NotCompilable(Exception):
    """The pipeline has a step that this module does not know; the sentence says which."""


class Encoder:
    """Typed rows -> one float64 array, numbers first, then dates, then one-hot columns."""

    def __init__(self, columns, inputs: list[dict]):
        """Of a fitted ColumnTransformer, for a signature's inputs. Raises NotCompilable."""
        groups = {
            name: (step, list(names)) for name, step, names in columns.transformers_ if name != "remainder"
        }
        if set(groups) - {"numbers", "dates", "text"}:
            raise NotCompilable("its columns are grouped in an unknown way")
        for group, kinds in TypedRows.GROUPS.items():
            expected = [column["name"] for column in inputs if column["type"] in kinds]
            if expected != groups.get(group, (None, []))[1]:
                raise NotCompilable(f"its {group} are not those of its signature")
        self.numbers = _scaled(groups["numbers"][0], skip=0) if "numbers" in groups else None
        self.dates = _scaled(groups["dates"][0], skip=3) if "dates" in groups else None
        self.text = _tables(groups["text"][0]) if "text" in groups else []
        self.dense = sum(len(groups[group][1]) for group in ("numbers", "dates") if group in groups)
        self.width = self.dense + sum(width for _, width in self.text)
        self.order = _order(columns, inputs)

    def __call__(self, rows: TypedRows) -> np.ndarray:
        encoded = np.zeros((rows.count, self.width), order=self.order)
        numbers = rows.numbers.shape[1]
        if self.numbers:
            encoded[:, :numbers] = self.numbers(rows.numbers.copy())
        if self.dates:
            encoded[:, numbers : self.dense] = self.dates(_seconds(rows.dates))
        start = self.dense
        for (places, width), values in zip(self.text, rows.text, strict=True):
            _set(encoded, start, list(map(places.__getitem__, values)))
            start += width
        return encoded


def _order(columns, inputs: list[dict]) -> str:
    """How the transformer's arrays lie in memory, by rows (C) or by columns (F): sums over them round accordingly."""
    counts = {
        group: sum(column["type"] in kinds for column in inputs) for group, kinds in TypedRows.GROUPS.items()
    }
    gaps = TypedRows(
        inputs,
        2,
        np.full((2, counts["numbers"]), np.nan),
        np.full((2, counts["dates"]), np.datetime64("NaT"), dtype="M8[us]"),
        [[None, None]] * counts["text"],
    )
    return "F" if np.isfortran(columns.transform(gaps.frame())) else "C"


def _set(encoded: np.ndarray, start: int, places: list[int]) -> None:
    """One 1 a row, in the column that its category has; -1 is a category without any."""
    if len(places) <= FEW:
        for row, place in enumerate(places):
            if place >= 0:
                encoded[row, start + place] = 1.0
        return
    found = np.array(places, dtype=np.intp)
    known = np.flatnonzero(found >= 0)
    encoded[known, start + found[known]] = 1.0


def _seconds(dates: np.ndarray) -> np.ndarray:
    """Seconds since 1970 as pandas divides them; a gap is NaN."""
    return (dates - np.datetime64(0, "us")) / np.timedelta64(1, "s")


def _scaled(pipe, *, skip: int) -> Callable[[np.ndarray], np.ndarray]:
    """Median and scale of a fitted group, on an array that may be written to."""
    imputer, scaler = _steps(pipe, skip, "SimpleImputer", None)
    if imputer.strategy != "median" or imputer.add_indicator or not imputer.keep_empty_features:
        raise NotCompilable("its gaps are filled in an unknown way")
    medians, scale = imputer.statistics_, _scaler(scaler)

    def encode(cells: np.ndarray) -> np.ndarray:
        gaps = np.isnan(cells)
        if gaps.any():
            cells[gaps] = np.broadcast_to(medians, cells.shape)[gaps]
        return scale(cells)

    return encode


def _scaler(scaler) -> Callable[[np.ndarray], np.ndarray]:
    kind = type(scaler).__name__
    if kind == "StandardScaler" and scaler.with_mean and scaler.with_std:
        return lambda cells: (cells - scaler.mean_) / scaler.scale_
    if kind == "MinMaxScaler" and scaler.clip:
        low, high = scaler.feature_range
        return lambda cells: np.clip(cells * scaler.scale_ + scaler.min_, low, high)
    if kind == "KBinsDiscretizer" and scaler.encode == "ordinal":
        inner = [edges[1:-1] for edges in scaler.bin_edges_]

        def binned(cells: np.ndarray) -> np.ndarray:
            for place, edges in enumerate(inner):
                cells[:, place] = np.searchsorted(edges, cells[:, place], side="right")
            return cells

        return binned
    raise NotCompilable(f"its numbers are scaled by {kind}")


class Places(dict):
    """Category -> one-hot place, and `other` for every text that is none of them; -1 is no place."""

    def __init__(self, places: dict, other: int):
        super().__init__(places)
        self.other = other

    def __missing__(self, value) -> int:
        return self.other


def _tables(pipe) -> list[tuple[Places, int]]:
    """For each text column: the places of its categories, and their number."""
    imputer, one_hot = _steps(pipe, 1, "SimpleImputer", "OneHotEncoder")
    if (
        imputer.strategy != "constant"
        or one_hot.handle_unknown != "infrequent_if_exist"
        or one_hot.drop is not None
    ):
        raise NotCompilable("its texts are encoded in an unknown way")
    rare = getattr(one_hot, "infrequent_categories_", [None] * len(one_hot.categories_))
    return [
        _table(categories.tolist(), [] if few is None else few.tolist(), imputer.fill_value)
        for categories, few in zip(one_hot.categories_, rare, strict=True)
    ]


def known_categories(columns) -> list[frozenset] | None:
    """Of each text and boolean column every category that training saw, the rare ones too; None where it is unknown."""
    pipe = columns.named_transformers_.get("text")
    encoder = pipe.steps[-1][1] if hasattr(pipe, "steps") else None
    if not hasattr(encoder, "categories_"):
        return None
    return [frozenset(categories.tolist()) for categories in encoder.categories_]


def _table(categories: list[str], rare: list[str], gap: str) -> tuple[Places, int]:
    few = set(rare)
    frequent = [category for category in categories if category not in few]
    other = len(frequent) if rare else -1
    places = Places({category: place for place, category in enumerate(frequent)}, other)
    # A cell is text, or a boolean that the pipeline turns into the texts "True" and "False", or a gap.
    places |= {None: places[gap]}
    places |= {value: places[str(value)] for value in (True, False)}
    return places, len(frequent) + bool(rare)


def _steps(pipe, skip: int, *kinds: str | None) -> list:
    """The steps behind `skip` FunctionTransformers, which must be of these kinds."""
    steps = [step for _, step in pipe.steps]
    made = ["FunctionTransformer"] * skip + list(kinds)
    names = [type(step).__name__ for step in steps]
    if len(names) != len(made) or any(
        kind not in (None, name) for kind, name in zip(made, names, strict=True)
    ):
        raise NotCompilable(f"a group of its columns goes through {', '.join(names)}")
    return steps[skip:]

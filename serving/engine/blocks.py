"""The blocks of an encoder: each repeats a fitted group of the pipeline's ColumnTransformer on typed rows."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import pandas

from serving.engine.date_parts import PARTS
from serving.inputs.reader import TypedRows

SMALL_BATCH_ROWS = 16  # up to here setting single cells is faster than numpy's fancy indexing


class UnsupportedPipeline(Exception):
    """The pipeline has a step that cannot be reproduced; the message names it."""


class Block(Protocol):
    """A group of columns; `sources` has for each encoded column the number of the one that it is made of."""

    sources: list[int]

    def encode(self, rows: TypedRows, out: np.ndarray) -> None:
        """Write the encoded columns into `out`, zeros (rows, columns)."""


def of(step, group: str, places: list[int]) -> Block:
    """The block of a fitted step for these columns of a group of TypedRows. Raises UnsupportedPipeline."""
    steps = [one for _, one in step.steps]
    names = [type(one).__name__ for one in steps]
    match group, names:
        case "numbers", ["FunctionTransformer"]:
            return Numbers(places)
        case "numbers", ["SimpleImputer", _]:
            return Numbers(places, _impute_and_scale(*steps), flagged=_with_indicator(steps[0]))
        case "dates", [
            "FunctionTransformer",
            "FunctionTransformer",
            "FunctionTransformer",
            "SimpleImputer",
            _,
        ]:
            return Dates(places, [("seconds", None)], _impute_and_scale(*steps[3:]))
        case "dates", ["FunctionTransformer", "FeatureUnion"]:
            return Dates(places, steps[1].transformer_list)
        case "dates", ["FunctionTransformer", "FeatureUnion", "SimpleImputer", _]:
            return Dates(places, steps[1].transformer_list, _impute_and_scale(*steps[2:]))
        case "text", ["FunctionTransformer", "SimpleImputer", "OneHotEncoder"]:
            return OneHot(places, *steps[1:])
        case "text", ["FunctionTransformer", "OrdinalEncoder"]:
            return Categories(places, steps[1])
        case "text", ["FunctionTransformer", "TargetEncoder"]:
            return Categories(places, steps[1])
        case "text", ["FunctionTransformer", "TargetEncoder", "StandardScaler"]:
            return Categories(places, steps[1], _scaling(steps[2]))
        case "text", ["FunctionTransformer", "FunctionTransformer", "TfidfVectorizer", "TruncatedSVD", *_]:
            return Words(places, step)
    raise UnsupportedPipeline(f"it transforms a group of {group} with {', '.join(names)}")


class Numbers:
    """Numbers as they are, or imputed and scaled, with indicators of the gaps of the `flagged` ones."""

    def __init__(
        self,
        places: list[int],
        complete: Callable[[np.ndarray], np.ndarray] = lambda cells: cells,
        *,
        flagged: Sequence[int] = (),
    ):
        self.columns, self.complete = _columns(places), complete
        self.sources = [*range(len(places)), *map(int, flagged)]

    def encode(self, rows, out):
        out[:] = self.complete(rows.numbers[:, self.columns].copy())


class Dates:
    """Seconds since 1970 and calendar parts; each part of all columns is one after the other."""

    def __init__(
        self,
        places: list[int],
        parts: Sequence[tuple[str, object]],
        complete: Callable[[np.ndarray], np.ndarray] = lambda cells: cells,
    ):
        self.columns, self.complete = _columns(places), complete
        self.sources = list(range(len(places))) * len(parts)
        self.parts = [_date_part(name, step) for name, step in parts]

    def encode(self, rows, out):
        dates = rows.dates[:, self.columns]
        out[:] = self.complete(np.concatenate([part(dates) for part in self.parts], axis=1))


class OneHot:
    """One column per frequent category of each text or boolean column, and one for its infrequent categories."""

    def __init__(self, places: list[int], imputer, encoder):
        if (
            imputer.strategy != "constant"
            or encoder.handle_unknown != "infrequent_if_exist"
            or encoder.drop is not None
        ):
            raise UnsupportedPipeline("it encodes text in an unsupported way")
        infrequent = getattr(encoder, "infrequent_categories_", [None] * len(encoder.categories_))
        self.columns = [
            (place, *_one_hot(categories.tolist(), [] if rare is None else rare.tolist(), imputer.fill_value))
            for place, categories, rare in zip(places, encoder.categories_, infrequent, strict=True)
        ]
        self.sources = [number for number, column in enumerate(self.columns) for _ in range(column[2])]

    def encode(self, rows, out):
        start = 0
        for place, indices, width in self.columns:
            _set_ones(out, start, list(map(indices.__getitem__, rows.text[place])))
            start += width


class Categories:
    """Each text or boolean column by a table of its categories: their codes, or the means of the target."""

    def __init__(
        self,
        places: list[int],
        encoder,
        scale: Callable[[np.ndarray], np.ndarray] = lambda cells: cells,
    ):
        """The tables are what the encoder makes of its own categories, of an unseen one, and of a missing value."""
        unseen = "\u2047"
        while any(unseen in categories for categories in encoder.categories_):
            unseen += "\u2047"
        longest = max(map(len, encoder.categories_))
        known = {
            name: [*categories, *[unseen] * (longest - len(categories)), unseen, np.nan]
            for name, categories in zip(encoder.feature_names_in_, encoder.categories_, strict=True)
        }
        values = scale(encoder.transform(pandas.DataFrame(known, dtype=object)))
        self.columns, size = [], values.shape[1] // len(places)
        self.sources = [number for number in range(len(places)) for _ in range(size)]
        for number, place in enumerate(places):
            categories = encoder.categories_[number].tolist()
            indices = Indices({text: index for index, text in enumerate(categories)}, longest)
            indices |= {None: longest + 1}
            indices |= {value: indices[str(value)] for value in (True, False)}
            columns = slice(number * size, (number + 1) * size)
            self.columns.append((place, indices, columns, np.ascontiguousarray(values[:, columns])))

    def encode(self, rows, out):
        for place, indices, columns, table in self.columns:
            out[:, columns] = table.take(list(map(indices.__getitem__, rows.text[place])), axis=0)


class Words:
    """The fitted steps themselves: a vocabulary is not worth a second implementation."""

    def __init__(self, places: list[int], step):
        [self.place], self.step = places, step
        self.sources = [0] * step.steps[3][1].n_components

    def encode(self, rows, out):
        out[:] = self.step.transform(pandas.Series(rows.text[self.place], dtype="str"))


class Indices(dict):
    """Category -> its index; any other text gets the index of unseen categories."""

    def __init__(self, indices: dict, unseen: int):
        super().__init__(indices)
        self.unseen = unseen

    def __missing__(self, value) -> int:
        return self.unseen


def _columns(places: list[int]):
    """A slice if they are consecutive: a view costs less than a selection."""
    return slice(places[0], places[-1] + 1) if places == list(range(places[0], places[-1] + 1)) else places


def _set_ones(out: np.ndarray, start: int, indices: list[int]) -> None:
    """Set one cell per row to 1, in the column of its category; -1 is a category without a column."""
    if len(indices) <= SMALL_BATCH_ROWS:
        for row, index in enumerate(indices):
            if index >= 0:
                out[row, start + index] = 1.0
        return
    columns = np.array(indices, dtype=np.intp)
    rows = np.flatnonzero(columns >= 0)
    out[rows, start + columns[rows]] = 1.0


def _one_hot(categories: list[str], infrequent: list[str], missing: str) -> tuple[Indices, int]:
    rare = set(infrequent)
    frequent = [category for category in categories if category not in rare]
    indices = Indices(
        {category: index for index, category in enumerate(frequent)}, len(frequent) if infrequent else -1
    )
    # A cell is text, a boolean that the pipeline turns into the text "True" or "False", or missing.
    indices |= {None: indices[missing]}
    indices |= {value: indices[str(value)] for value in (True, False)}
    return indices, len(frequent) + bool(infrequent)


def _impute_and_scale(imputer, scaler) -> Callable[[np.ndarray], np.ndarray]:
    """Imputation and scaling of a fitted group; the function overwrites its argument."""
    is_median = type(imputer).__name__ == "SimpleImputer" and imputer.strategy == "median"
    if not is_median or not imputer.keep_empty_features:
        raise UnsupportedPipeline("it imputes numbers in an unsupported way")
    medians, flagged, scale = imputer.statistics_, _with_indicator(imputer), _scaling(scaler)

    def complete(cells: np.ndarray) -> np.ndarray:
        missing = np.isnan(cells)
        if missing.any():
            cells[missing] = np.broadcast_to(medians, cells.shape)[missing]
        return scale(np.concatenate([cells, missing[:, flagged]], axis=1) if len(flagged) else cells)

    return complete


def _with_indicator(imputer) -> Sequence[int]:
    """The columns whose gaps have a column of their own, after all others."""
    return imputer.indicator_.features_ if imputer.add_indicator else ()


def _scaling(scaler) -> Callable[[np.ndarray], np.ndarray]:
    name = type(scaler).__name__
    if name == "StandardScaler" and scaler.with_mean and scaler.with_std:
        return lambda cells: (cells - scaler.mean_) / scaler.scale_
    if name == "MinMaxScaler" and scaler.clip:
        low, high = scaler.feature_range
        return lambda cells: np.clip(cells * scaler.scale_ + scaler.min_, low, high)
    if name == "KBinsDiscretizer" and scaler.encode == "ordinal":
        inner_edges = [edges[1:-1] for edges in scaler.bin_edges_]

        def discretize(cells: np.ndarray) -> np.ndarray:
            for index, edges in enumerate(inner_edges):
                cells[:, index] = np.searchsorted(edges, cells[:, index], side="right")
            return cells

        return discretize
    raise UnsupportedPipeline(f"it scales numbers with {name}, which is not supported")


def _date_part(name: str, step) -> Callable[[np.ndarray], np.ndarray]:
    """A part of dates (rows, columns) as float64, by its name and step in the pipeline; missing is NaN.

    The step of a sine or cosine has the factor and the function.
    """
    part = PARTS.get(name.rpartition(" ")[2])
    if part is None:
        raise UnsupportedPipeline(f"it uses the part {name} of dates")
    if " " not in name:
        return part
    _, scale, wave = (one for _, one in step.steps)
    return lambda dates: wave.func(part(dates) * scale.kw_args["other"])

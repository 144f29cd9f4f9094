"""Encode typed rows as the numbers that the estimator sees: what the fitted ColumnTransformer does, without pandas.

Each step repeats the arithmetic of the scikit-learn class it replaces, in the same order, so the result is equal to the
last bit. A transformer that `registry.training.preprocessing` does not build is rejected, never guessed.
"""

from collections.abc import Callable

import numpy as np

from serving.inputs.reader import TypedRows

SMALL_BATCH_ROWS = 16  # up to here setting single cells is faster than numpy's fancy indexing


class UnsupportedPipeline(Exception):
    """The pipeline has a step that this module cannot reproduce; the message names it."""


class Encoder:
    """Typed rows -> one float64 array (rows, columns): numbers first, then dates, then one-hot columns."""

    def __init__(self, transformer, inputs: list[dict]):
        """Read a fitted ColumnTransformer and the inputs of a signature. Raises UnsupportedPipeline."""
        groups = {
            name: (step, list(names))
            for name, step, names in transformer.transformers_
            if name != "remainder"
        }
        if set(groups) - {"numbers", "dates", "text"}:
            raise UnsupportedPipeline("it groups its columns in an unsupported way")
        for group, types in TypedRows.GROUPS.items():
            expected = [column["name"] for column in inputs if column["type"] in types]
            if expected != groups.get(group, (None, []))[1]:
                raise UnsupportedPipeline(f"its {group} differ from those of its signature")
        self.numbers = _dense_encoder(groups["numbers"][0], skip=0) if "numbers" in groups else None
        self.dates = _dense_encoder(groups["dates"][0], skip=3) if "dates" in groups else None
        self.text = _one_hot_encoders(groups["text"][0]) if "text" in groups else []
        self.dense = sum(len(groups[group][1]) for group in ("numbers", "dates") if group in groups)
        self.width = self.dense + sum(width for _, width in self.text)
        self.order = _memory_order(transformer, inputs)

    def __call__(self, rows: TypedRows) -> np.ndarray:
        encoded = np.zeros((rows.count, self.width), order=self.order)
        numbers = rows.numbers.shape[1]
        if self.numbers:
            encoded[:, :numbers] = self.numbers(rows.numbers.copy())
        if self.dates:
            encoded[:, numbers : self.dense] = self.dates(_seconds(rows.dates))
        start = self.dense
        for (indices, width), values in zip(self.text, rows.text, strict=True):
            _set_ones(encoded, start, list(map(indices.__getitem__, values)))
            start += width
        return encoded


def _memory_order(transformer, inputs: list[dict]) -> str:
    """The memory layout of the transformer's arrays, C or F: sums over them are rounded accordingly."""
    counts = {
        group: sum(column["type"] in types for column in inputs) for group, types in TypedRows.GROUPS.items()
    }
    rows = TypedRows(
        inputs,
        2,
        np.full((2, counts["numbers"]), np.nan),
        np.full((2, counts["dates"]), np.datetime64("NaT"), dtype="M8[us]"),
        [[None, None]] * counts["text"],
    )
    return "F" if np.isfortran(transformer.transform(rows.to_frame())) else "C"


def _set_ones(encoded: np.ndarray, start: int, indices: list[int]) -> None:
    """Set one cell per row to 1, in the column of its category; -1 is a category without a column."""
    if len(indices) <= SMALL_BATCH_ROWS:
        for row, index in enumerate(indices):
            if index >= 0:
                encoded[row, start + index] = 1.0
        return
    columns = np.array(indices, dtype=np.intp)
    rows = np.flatnonzero(columns >= 0)
    encoded[rows, start + columns[rows]] = 1.0


def _seconds(dates: np.ndarray) -> np.ndarray:
    """Seconds since 1970, divided as pandas does; missing is NaN."""
    return (dates - np.datetime64(0, "us")) / np.timedelta64(1, "s")


def _dense_encoder(pipe, *, skip: int) -> Callable[[np.ndarray], np.ndarray]:
    """Imputation and scaling of a fitted group; the function overwrites its argument."""
    imputer, scaler = _steps(pipe, skip, "SimpleImputer", None)
    if imputer.strategy != "median" or imputer.add_indicator or not imputer.keep_empty_features:
        raise UnsupportedPipeline("it imputes numbers in an unsupported way")
    medians, scale = imputer.statistics_, _scaling(scaler)

    def encode(cells: np.ndarray) -> np.ndarray:
        missing = np.isnan(cells)
        if missing.any():
            cells[missing] = np.broadcast_to(medians, cells.shape)[missing]
        return scale(cells)

    return encode


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


class CategoryIndices(dict):
    """Category -> its one-hot column; any other text gets the column of infrequent categories, or -1 for none."""

    def __init__(self, indices: dict, infrequent: int):
        super().__init__(indices)
        self.infrequent = infrequent

    def __missing__(self, value) -> int:
        return self.infrequent


def _one_hot_encoders(pipe) -> list[tuple[CategoryIndices, int]]:
    """For each text column the one-hot column of each category, and the number of one-hot columns."""
    imputer, one_hot = _steps(pipe, 1, "SimpleImputer", "OneHotEncoder")
    if (
        imputer.strategy != "constant"
        or one_hot.handle_unknown != "infrequent_if_exist"
        or one_hot.drop is not None
    ):
        raise UnsupportedPipeline("it encodes text in an unsupported way")
    infrequent = getattr(one_hot, "infrequent_categories_", [None] * len(one_hot.categories_))
    return [
        _one_hot_encoder(categories.tolist(), [] if rare is None else rare.tolist(), imputer.fill_value)
        for categories, rare in zip(one_hot.categories_, infrequent, strict=True)
    ]


def _one_hot_encoder(
    categories: list[str], infrequent: list[str], missing: str
) -> tuple[CategoryIndices, int]:
    rare = set(infrequent)
    frequent = [category for category in categories if category not in rare]
    fallback = len(frequent) if infrequent else -1
    indices = CategoryIndices({category: index for index, category in enumerate(frequent)}, fallback)
    # A cell is text, a boolean that the pipeline turns into the text "True" or "False", or missing.
    indices |= {None: indices[missing]}
    indices |= {value: indices[str(value)] for value in (True, False)}
    return indices, len(frequent) + bool(infrequent)


def training_categories(transformer) -> list[frozenset] | None:
    """All categories of each text and boolean column in training, infrequent ones too; None if not available."""
    pipe = transformer.named_transformers_.get("text")
    encoder = pipe.steps[-1][1] if hasattr(pipe, "steps") else None
    if not hasattr(encoder, "categories_"):
        return None
    return [frozenset(categories.tolist()) for categories in encoder.categories_]


def _steps(pipe, skip: int, *names: str | None) -> list:
    """The steps after `skip` FunctionTransformers, which must be of these classes (None: of any)."""
    steps = [step for _, step in pipe.steps]
    expected = ["FunctionTransformer"] * skip + list(names)
    actual = [type(step).__name__ for step in steps]
    if len(actual) != len(expected) or any(
        name not in (None, other) for name, other in zip(expected, actual, strict=True)
    ):
        raise UnsupportedPipeline(f"it transforms a group of columns with {', '.join(actual)}")
    return steps[skip:]

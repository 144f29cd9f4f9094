"""The columns of an imported pipeline: what its fitted transformers make of typed rows, as an array.

Transformers of numbers are used themselves, on arrays instead of frames; those of categories as a table of what they
make of each one. What is not known to work so is rejected, never guessed.
"""

import copy
from collections.abc import Sequence

import numpy as np
import pandas

from serving.engine.blocks import UnsupportedPipeline
from serving.engine.trees import OutOfRange
from serving.inputs.reader import TypedRows

# The packages of scikit-learn whose transformers make the same of an array as of a frame of numbers.
OF_NUMBERS = {
    *("decomposition", "feature_selection", "impute", "kernel_approximation", "preprocessing", "random_projection"),
}  # fmt: skip
OF_CATEGORIES = {"OneHotEncoder", "OrdinalEncoder", "TargetEncoder"}
# What may be before and after an encoder of categories: each takes one column for one.
AROUND = (
    {"SimpleImputer"},
    OF_CATEGORIES,
    {"StandardScaler", "MaxAbsScaler", "MinMaxScaler", "RobustScaler"},
)
NUMBERS = {"integer", "number"}
MAX_CELLS = 1_000_000  # 8 MB, of the table of a column
MAX_BATCH_CELLS = 4_000_000  # 32 MB, of the rows of a request
ENTRY = 80  # bytes of a category in a dictionary, with the number of its row
UNSEEN = "\u2047 never seen"


class ColumnArrays:
    """A fitted ColumnTransformer: what its transformers make of their columns, side by side."""

    def __init__(self, transformer, conversions, inputs: list[dict]):
        """`conversions` makes of a frame what the transformer gets."""
        if transformer.transformer_weights:
            raise UnsupportedPipeline("it was imported, and weighs its transformers")
        self.parts = []
        for name, step, _ in transformer.transformers_:
            places = list(transformer._transformer_to_input_indices[name])
            if not places or step == "drop":
                continue
            steps = flat([step])
            if {inputs[place]["type"] for place in places} <= NUMBERS | ({"boolean"} if not steps else set()):
                self.parts.append(Numbers(places, inputs, steps))
            else:
                self.parts.append(Tables(places, inputs, steps, conversions))
        self.nbytes = sum(part.nbytes for part in self.parts)

    def __call__(self, rows: TypedRows) -> np.ndarray:
        return np.concatenate([part(rows) for part in self.parts], axis=1)


class Numbers:
    """Columns of numbers as transformers make them, or with booleans as they are."""

    nbytes = 0

    def __init__(self, places: Sequence[int], inputs: list[dict], steps: Sequence = ()):
        if not {inputs[place]["type"] for place in places} <= NUMBERS | {"boolean"}:
            raise UnsupportedPipeline("it was imported, and prepares columns of several types together")
        self.columns = [_place(place, inputs) for place in places]
        self.steps = [on_arrays(step) for step in steps]

    def __call__(self, rows: TypedRows) -> np.ndarray:
        cells = np.empty((rows.count, len(self.columns)))
        for number, (group, place) in enumerate(self.columns):
            cells[:, number] = rows.numbers[:, place] if group == "numbers" else rows.text[place]
        return transformed(self.steps, cells)


class Tables:
    """Columns of categories, also of numbers, by tables of what the steps make of each category."""

    def __init__(self, places: Sequence[int], inputs: list[dict], steps: list, conversions):
        self.inputs, self.places, self.steps, self.conversions = inputs, places, steps, conversions
        encoder = next((step for step in steps if type(step).__name__ in OF_CATEGORIES), None)
        kinds = [[n for n, names in enumerate(AROUND) if type(step).__name__ in names] for step in steps]
        kinds = [kind for found in kinds for kind in found or [len(AROUND)]]
        columns = [_place(place, inputs) for place in places]
        is_known = encoder is not None and kinds == sorted(set(kinds)) and max(kinds) < len(AROUND)
        if not is_known or "dates" in {group for group, _ in columns}:
            names = ", ".join(type(step).__name__ for step in steps)
            raise UnsupportedPipeline(f"it was imported, and prepares text with {names or 'nothing'}")
        # The value that it takes for a gap need not be a category.
        if not all(pandas.isna(getattr(step, "missing_values", None)) for step in steps):
            raise UnsupportedPipeline("it was imported, and fills other categories than gaps")
        self.categories = [
            _categories(inputs[place]["type"], values.tolist())
            for place, values in zip(places, encoder.categories_, strict=True)
        ]
        row = self._transformed(0, self.categories[0][:1])
        self.width, self.is_sparse = row.shape[1], hasattr(row, "toarray")
        widths = getattr(encoder, "_n_features_outs", [self.width // len(places)] * len(places))
        ends = np.cumsum(widths)
        self.tables = [
            (*columns[number], *self._table(number, slice(end - size, end)))
            for number, (end, size) in enumerate(zip(ends, widths, strict=True))
        ]
        self.nbytes = sum(table.nbytes + ENTRY * len(indices) for _, _, indices, _, table in self.tables)

    def __call__(self, rows: TypedRows) -> np.ndarray:
        if rows.count * self.width > MAX_BATCH_CELLS:
            raise OutOfRange  # the full pipeline has them as a sparse matrix
        parts = []
        for group, place, indices, unseen, table in self.tables:
            values = rows.text[place] if group == "text" else _or_none(rows.numbers[:, place])
            found = [indices.get(value, unseen) for value in values]
            if None in found:
                raise OutOfRange  # the steps reject it, as the full pipeline will
            parts.append(table.take(found, axis=0))
        return np.concatenate(parts, axis=1)

    def _table(self, number: int, columns: slice) -> tuple[dict, int | None, np.ndarray]:
        """Category -> row of the table; the row of any other one, or None if it is rejected; the table."""
        known = self.categories[number]
        made = columns.stop - columns.start if self.is_sparse else self.width
        if len(known) * made > MAX_CELLS:
            raise UnsupportedPipeline("it was imported, and has too many categories")
        table = dense(self._transformed(number, known)[:, columns])
        others = []
        for value in (None, _unseen(known)):
            try:
                row = dense(self._transformed(number, [value])[:, columns])
            except ValueError:
                others.append(None)
            else:
                others.append(len(table))
                table = np.concatenate([table, row])
        indices = {value: index for index, value in enumerate(known)} | {None: others[0]}
        return indices, others[1], np.ascontiguousarray(table)

    def _transformed(self, number: int, values: list):
        """What the steps make of these values of a column, and of a known category of each other one.

        A sparse matrix if they make one: dense, a hundred columns of a thousand categories each have 800 MB.
        """
        cells = [[None] * len(values) for _ in self.inputs]
        for place, known in zip(self.places, self.categories, strict=True):
            cells[place] = known[:1] * len(values)
        cells[self.places[number]] = values
        numbers, dates, text = (
            [cells[place] for place, one in enumerate(self.inputs) if _group(one) == group]
            for group in ("numbers", "dates", "text")
        )
        rows = TypedRows(
            self.inputs,
            len(values),
            np.array(numbers, dtype=np.float64).reshape(len(numbers), len(values)).T,
            np.array(dates, dtype="datetime64[us]").reshape(len(dates), len(values)).T,
            text,
        )
        frame = rows.to_frame()
        made = frame if isinstance(self.conversions, str) else self.conversions.transform(frame)
        part = made.iloc[:, self.places] if hasattr(made, "iloc") else made[:, self.places]
        for step in self.steps:
            part = step.transform(part)
        return part if hasattr(part, "toarray") else np.asarray(part)


def _categories(kind: str, values: list) -> list:
    """The categories of a column as typed rows have them."""
    if kind == "boolean":
        return [True, False]
    if kind in NUMBERS:
        return [float(value) for value in values if value == value]
    return [value for value in values if isinstance(value, str)]


def _unseen(known: list) -> str | float | None:
    """A value of the type of these that is none of them."""
    value = {str: UNSEEN, float: 0.5}.get(type(known[0]))
    while value is not None and value in known:
        value *= 2
    return value


def _or_none(values: np.ndarray) -> list[float | None]:
    return [None if value != value else value for value in values.tolist()]


def flat(steps: Sequence) -> list:
    """The steps of nested pipelines, without those that pass their columns through."""
    found = []
    for step in steps:
        if type(step).__name__ == "Pipeline":
            found += flat([inner for _, inner in step.steps])
        elif step is not None and step != "passthrough" and not _is_identity(step):
            found.append(step)
    return found


def _is_identity(step) -> bool:
    return type(step).__name__ == "FunctionTransformer" and step.func is None


def transformed(steps: Sequence, cells) -> np.ndarray:
    """What these steps make of cells, as an array that is not sparse."""
    for step in steps:
        cells = step.transform(cells)
    return dense(cells)


def dense(cells) -> np.ndarray:
    cells = cells.toarray() if hasattr(cells, "toarray") else np.asarray(cells)
    return cells.astype(np.float64, copy=False)


def on_arrays(step):
    """A transformer of numbers that accepts arrays. Raises UnsupportedPipeline for one that may want a frame."""
    package = type(step).__module__.removeprefix("sklearn.").partition(".")[0]
    if package not in OF_NUMBERS or type(step).__name__ == "FunctionTransformer":
        raise UnsupportedPipeline(f"it was imported, and prepares numbers with {type(step).__name__}")
    return without_names(step)


def without_names(estimator):
    """A copy that does not warn of arrays, since it does not know the names of its columns."""
    estimator = copy.copy(estimator)
    vars(estimator).pop("feature_names_in_", None)
    return estimator


def _group(column: dict) -> str:
    return next(group for group, types in TypedRows.GROUPS.items() if column["type"] in types)


def _place(number: int, inputs: list[dict]) -> tuple[str, int]:
    """The group of TypedRows that has an input, and its position in it."""
    group = _group(inputs[number])
    return group, sum(_group(one) == group for one in inputs[:number])

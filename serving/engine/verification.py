"""Verify that an inference engine predicts what its pipeline predicts, and keep golden rows to verify it again later.

No Django models.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas

from registry.estimators import threads
from serving.engine import inference
from serving.engine.inference import InferenceEngine
from serving.engine.predictors import SMALL_BATCH_ROWS
from serving.inputs.reader import Reader, TypedRows

MAX_HELD_OUT_ROWS = 300  # that are compared
MAX_GOLDEN_ROWS = 30  # of the held-out rows; all edge rows are kept as well
RELATIVE_TOLERANCE = 1e-6
ABSOLUTE_TOLERANCE = 1e-12
# What an engine may raise with a scikit-learn release that it was not written for; it is not used then.
ENGINE_ERRORS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

Outputs = tuple[np.ndarray, np.ndarray | None]  # predictions (rows,), probabilities (rows, classes)


@dataclass(frozen=True)
class GoldenRows:
    """Rows as JSON values in the signature's order, with the outputs of the engine when the pipeline was trained."""

    rows: list[list] = field(default_factory=list)
    predictions: list = field(default_factory=list)
    probabilities: list[list[float]] | None = None

    @property
    def outputs(self) -> Outputs:
        predictions = np.array([np.nan if value is None else value for value in self.predictions])
        probabilities = None if self.probabilities is None else np.array(self.probabilities, dtype=float)
        return predictions, probabilities


def build_engine(pipeline, signature: dict) -> InferenceEngine:
    """The fastest engine, or the full pipeline if building it fails in an unforeseen way."""
    try:
        return inference.build(pipeline, signature)
    except ENGINE_ERRORS as error:
        return inference.full_pipeline(
            pipeline, f"building its fast engine failed with {type(error).__name__}"
        )


def verify(
    pipeline, signature: dict, held_out: pandas.DataFrame | None
) -> tuple[InferenceEngine, GoldenRows]:
    """Choose the engine of a fitted pipeline and its golden rows.

    The engine is compared with the pipeline on up to 300 rows of `held_out` and on generated edge rows: all at once,
    one at a time and a few at a time. If any output differs, the engine is the full pipeline, with the reason. A
    pipeline that is not deterministic has no golden rows.
    """
    inputs = signature["inputs"]
    sample = (
        [] if held_out is None else json_rows(TypedRows.from_frame(held_out.iloc[:MAX_HELD_OUT_ROWS], inputs))
    )
    edges = [row for row in edge_rows(signature) if _accepts(pipeline, inputs, row)]
    rows = edges + sample
    expected = _outputs(inference.full_pipeline(pipeline, ""), rows, signature)
    engine = build_engine(pipeline, signature)
    try:
        reason = engine.reason or _mismatch(engine, rows, expected, signature, single=len(edges) + 3)
    except ENGINE_ERRORS as error:
        reason = f"its fast engine failed with {type(error).__name__}"
    golden = rows[: len(edges) + MAX_GOLDEN_ROWS]
    if reason:
        engine = inference.full_pipeline(pipeline, reason)
        once, again = (_outputs(engine, golden, signature) for _ in range(2))
        if rows and _first_different(once, again) is not None:
            return inference.full_pipeline(pipeline, "its predictions are not deterministic"), GoldenRows()
    predictions, scores = outputs_in_one_thread(engine, golden, signature)
    probabilities = None if scores is None else [_json_values(row) for row in scores]
    return engine, GoldenRows(golden, _json_values(predictions), probabilities)


def first_mismatch(engine: InferenceEngine, golden: GoldenRows, signature: dict) -> int | None:
    """The number, from 1, of the first golden row with a different output now, or None.

    In one thread, as they were recorded: which of two neighbours at one distance is taken depends on the last bit.
    """
    if not golden.rows:
        return None
    index = _first_different(outputs_in_one_thread(engine, golden.rows, signature), golden.outputs)
    return None if index is None else index + 1


def outputs_in_one_thread(engine: InferenceEngine, rows: list[list], signature: dict) -> Outputs:
    """The outputs for rows, in one thread: how a sum is divided among threads, and into batches, rounds it."""
    with threads.limited_to(1):
        return _outputs(engine, rows, signature)


def edge_rows(signature: dict) -> list[list]:
    """The example, a row of missing values, an unseen category, the training range's ends and values far outside it."""
    inputs, example = signature["inputs"], signature["example"]
    return [
        [example[column["name"]] for column in inputs],
        [None] * len(inputs),
        ["\u2047 never seen" if column["type"] == "text" else example[column["name"]] for column in inputs],
        *([_extreme(column, example, end, factor) for column in inputs] for end, factor in
          (("min", 1), ("max", 1), ("min", 1000), ("max", 1000))),
    ]  # fmt: skip


def _extreme(column: dict, example: dict, end: str, factor: int):
    value = column.get(end)
    if value is None or column["type"] == "date":
        return example[column["name"]] if value is None else value
    distance = (abs(value) + 1) * (factor - 1)
    return value - distance if end == "min" else value + distance


def json_rows(rows: TypedRows) -> list[list]:
    """Typed rows as JSON values in the signature's order."""
    numbers = [[json_value(value) for value in column] for column in rows.numbers.T.tolist()]
    dates = [
        [None if value is None else value.isoformat() for value in column] for column in rows.dates.T.tolist()
    ]
    columns = {"numbers": iter(numbers), "dates": iter(dates), "text": iter(rows.text)}
    columns_by_type = {kind: columns[group] for group, types in TypedRows.GROUPS.items() for kind in types}
    return [
        list(row)
        for row in zip(*(next(columns_by_type[column["type"]]) for column in rows.inputs), strict=True)
    ]


def json_value(value):
    """A prediction as a JSON value; NaN and infinity become null."""
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _json_values(values: np.ndarray) -> list:
    return [json_value(value) for value in values.tolist()]


def _accepts(pipeline, inputs: list[dict], row: list) -> bool:
    """Whether the pipeline predicts this row at all: some estimators reject values far from their training data."""
    try:
        pipeline.predict(Reader(inputs).from_rows([row]).to_frame())
    except ValueError:
        return False
    return True


def _outputs(engine: InferenceEngine, rows: list[list], signature: dict) -> Outputs:
    if not rows:
        return np.array([]), None
    typed = Reader(signature["inputs"]).from_rows(rows)
    return engine.predict(typed, probabilities=signature["probabilities"])


def _mismatch(
    engine: InferenceEngine, rows: list[list], expected: Outputs, signature: dict, *, single: int
) -> str:
    """The reason not to use the engine, or ""; `single` is the number of rows to predict one at a time."""
    if not rows:
        return ""
    indices = np.arange(len(rows))
    many = np.tile(indices, SMALL_BATCH_ROWS // len(rows) + 1)  # small batches are predicted in another way
    for batch in (
        many,
        indices[: SMALL_BATCH_ROWS // 2],
        *(indices[index : index + 1] for index in range(single)),
    ):
        if not len(batch):
            continue
        of_batch = expected[0][batch], None if expected[1] is None else expected[1][batch]
        index = _first_different(_outputs(engine, [rows[row] for row in batch], signature), of_batch)
        if index is not None:
            return f"its fast engine predicted row {batch[index] + 1} of the verification differently"
    return ""


def _first_different(actual: Outputs, expected: Outputs) -> int | None:
    """The index of the first row with another label, or with a number beyond the tolerance."""
    differs = ~equal(np.asarray(actual[0]), np.asarray(expected[0]))
    if expected[1] is not None:
        differs |= ~equal(actual[1], expected[1]).all(axis=1)
    return int(differs.argmax()) if differs.any() else None


def equal(
    actual: np.ndarray,
    expected: np.ndarray,
    *,
    rtol: float = RELATIVE_TOLERANCE,
    atol: float = ABSOLUTE_TOLERANCE,
) -> np.ndarray:
    """For each pair of outputs, whether they are equal within the tolerances, which are for numbers only."""
    if actual.dtype.kind == "f" or expected.dtype.kind == "f":
        pair = actual.astype(float), expected.astype(float)
        # Infinite on one side may be NaN on the other: callers get null for both.
        finite = [np.where(np.isfinite(values), values, np.nan) for values in pair]
        return np.isclose(*finite, rtol=rtol, atol=atol, equal_nan=True)
    return actual == expected

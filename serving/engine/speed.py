"""How fast an inference engine predicts one row and 1,000 rows, from parsed JSON to predictions. No Django models."""

import time
from statistics import median

import pandas

from registry.estimators import threads
from serving.engine import verification
from serving.engine.inference import InferenceEngine
from serving.engine.verification import ENGINE_ERRORS
from serving.inputs.reader import Reader, TypedRows

ONE, FEW, MANY = 1, 10, 1000
# For each number of rows: the first of few times is often that of a cold cache.
BUDGET_S = 0.05
MIN_REPEATS, MAX_REPEATS = 3, 9
# What takes longer is measured once, and 1,000 rows are not tried after such a row.
TOO_SLOW_S = 0.25
# 1,000 rows are not tried either if a few say that they take longer: a training waits for it.
LIMIT_S = 5


def measure(
    engine: InferenceEngine, signature: dict, held_out: pandas.DataFrame | None
) -> tuple[float | None, float | None]:
    """The median seconds of one row and of 1,000 rows, in one thread, as a web process predicts them.

    The rows are the held-out ones, repeated; without any, the example of the signature. None if the engine rejects
    them, or for 1,000 rows of a very slow one.
    """
    rows = [[signature["example"][column["name"]] for column in signature["inputs"]]]
    if held_out is not None and len(held_out):
        rows = verification.json_rows(TypedRows.from_frame(held_out.iloc[:MANY], signature["inputs"]))
    many = (rows * (MANY // len(rows) + 1))[:MANY]
    try:
        one_s = _median_s(engine, many[:ONE], signature)
        if one_s > TOO_SLOW_S or _extrapolated_s(engine, many, signature, one_s) > LIMIT_S:
            return one_s, None
        return one_s, _median_s(engine, many, signature)
    except ENGINE_ERRORS:
        return None, None


def _extrapolated_s(engine: InferenceEngine, rows: list[list], signature: dict, one_s: float) -> float:
    """About how many seconds all rows take, by what a few take longer than one."""
    if one_s * len(rows) <= LIMIT_S:
        return one_s
    few_s = _median_s(engine, rows[:FEW], signature)
    return one_s + max(few_s - one_s, 0) / (FEW - ONE) * len(rows)


def _median_s(engine: InferenceEngine, rows: list[list], signature: dict) -> float:
    times, deadline = [], time.perf_counter() + BUDGET_S
    reader = Reader(signature["inputs"])
    with threads.limited_to(1):
        while len(times) < MIN_REPEATS or (len(times) < MAX_REPEATS and time.perf_counter() < deadline):
            start = time.perf_counter()
            engine.predict(reader.from_rows(rows), probabilities=signature["probabilities"])
            times.append(time.perf_counter() - start)
            if times[-1] > TOO_SLOW_S:
                break
    return median(times)

"""Show that a plan predicts what its pipeline does, and keep some of the rows to show it again. No Django models."""

from dataclasses import dataclass, field

import numpy as np
import pandas

from serving.engine import plans
from serving.inputs.reader import Reader, TypedRows

HELD_OUT = 300  # rows of the table that are compared
KEPT = 30  # of them are kept as golden rows, with the edge rows
RELATIVE = 1e-6
ABSOLUTE = 1e-12
# What a plan of another scikit-learn than it was written for may raise: it is then not used.
ODD = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


@dataclass(frozen=True)
class Golden:
    """Rows as JSON values in the signature's order, and the outputs that the pipeline gave for them."""

    rows: list[list] = field(default_factory=list)
    predictions: list = field(default_factory=list)
    probabilities: list[list[float]] | None = None


def compiled(pipeline, signature: dict) -> plans.ServingPlan:
    """The fast plan; the pipeline itself where compiling fails in a way that nobody foresaw."""
    try:
        return plans.compile_plan(pipeline, signature)
    except ODD as error:
        return plans.by_pipeline(pipeline, f"its fast plan failed with {type(error).__name__}")


def prove(pipeline, signature: dict, held_out: pandas.DataFrame | None) -> tuple[plans.ServingPlan, Golden]:
    """The plan to serve a fitted pipeline by, and its golden rows.

    The plan is compared with the pipeline on up to 300 rows of `held_out` and on made edge rows, all at once, one at
    a time and a few at a time. Where it differs, the pipeline itself is the plan, and says why. A pipeline that draws
    lots has no golden rows.
    """
    inputs = signature["inputs"]
    tail = [] if held_out is None else list_rows(TypedRows.of_frame(held_out.iloc[:HELD_OUT], inputs))
    edges = [row for row in edge_rows(signature) if _takes(pipeline, inputs, row)]
    rows = edges + tail
    wanted = _outputs(plans.by_pipeline(pipeline, ""), rows, signature)
    plan = compiled(pipeline, signature)
    try:
        reason = plan.reason or _first_fault(plan, rows, wanted, signature, singles=len(edges) + 3)
    except ODD as error:
        reason = f"its fast plan failed with {type(error).__name__}"
    count = len(edges) + KEPT
    if reason:
        plan = plans.by_pipeline(pipeline, reason)
        wanted, again = (_outputs(plan, rows[:count], signature) for _ in range(2))
        if rows and _difference(again, wanted) is not None:
            return plans.by_pipeline(pipeline, "it predicts the same row differently each time"), Golden()
    chances = None if wanted[1] is None else [_plain_row(row) for row in wanted[1][:count]]
    return plan, Golden(rows[:count], _plain_row(wanted[0][:count]), chances)


def first_difference(plan: plans.ServingPlan, golden: Golden, signature: dict) -> int | None:
    """The number, from 1, of the first golden row that is predicted differently now; None when all are the same."""
    if not golden.rows:
        return None
    wanted = np.array([np.nan if value is None else value for value in golden.predictions])
    chances = None if golden.probabilities is None else np.array(golden.probabilities, dtype=float)
    place = _difference(_outputs(plan, golden.rows, signature), (wanted, chances))
    return None if place is None else place + 1


def edge_rows(signature: dict) -> list[list]:
    """All missing, an unseen category, the ends of what training saw and far beyond, and the example."""
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
    beyond = (abs(value) + 1) * (factor - 1)
    return value - beyond if end == "min" else value + beyond


def list_rows(rows: TypedRows) -> list[list]:
    """Typed rows as a caller would send them: JSON values in the signature's order."""
    numbers = [[plain(value) for value in column] for column in rows.numbers.T.tolist()]
    dates = [
        [None if value is None else value.isoformat() for value in column] for column in rows.dates.T.tolist()
    ]
    columns = {"numbers": iter(numbers), "dates": iter(dates), "text": iter(rows.text)}
    group_of = {kind: columns[group] for group, kinds in TypedRows.GROUPS.items() for kind in kinds}
    return [
        list(row) for row in zip(*(next(group_of[column["type"]]) for column in rows.inputs), strict=True)
    ]


def plain(value):
    """A prediction as JSON: what is no number is null."""
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _plain_row(values: np.ndarray) -> list:
    return [plain(value) for value in values.tolist()]


def _takes(pipeline, inputs: list[dict], row: list) -> bool:
    """Whether the pipeline predicts this row at all: some estimators refuse what is far from their training."""
    try:
        pipeline.predict(Reader(inputs).from_rows([row]).frame())
    except ValueError:
        return False
    return True


def _outputs(
    plan: plans.ServingPlan, rows: list[list], signature: dict
) -> tuple[np.ndarray, np.ndarray | None]:
    if not rows:
        return np.array([]), None
    typed = Reader(signature["inputs"]).from_rows(rows)
    return plan.run(typed, probabilities=signature["probabilities"])


def _first_fault(plan, rows: list[list], wanted: tuple, signature: dict, *, singles: int) -> str:
    """In words, the first row for which the plan does not do what the pipeline does; "" when there is none."""
    if not rows:
        return ""
    each = np.arange(len(rows))
    many = np.tile(each, plans.FEW_ROWS // len(rows) + 1)  # few may be predicted another way
    for places in (many, each[: plans.FEW_ROWS // 2], *(each[place : place + 1] for place in range(singles))):
        if not len(places):
            continue
        expected = wanted[0][places], None if wanted[1] is None else wanted[1][places]
        place = _difference(_outputs(plan, [rows[place] for place in places], signature), expected)
        if place is not None:
            return f"its fast plan predicted row {places[place] + 1} of its proof differently"
    return ""


def _difference(found: tuple, wanted: tuple) -> int | None:
    """The place of the first row with another label, or a number that is not within 1e-6 of what it was."""
    differs = ~_close(*(np.asarray(pair[0]) for pair in (found, wanted)))
    if wanted[1] is not None:
        differs |= ~_close(found[1], wanted[1]).all(axis=1)
    return int(differs.argmax()) if differs.any() else None


def _close(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    if found.dtype.kind == "f" or wanted.dtype.kind == "f":
        pair = found.astype(float), wanted.astype(float)
        # What is infinite here may be NaN there: both are null to a caller.
        known = [np.where(np.isfinite(values), values, np.nan) for values in pair]
        return np.isclose(*known, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True)
    return found == wanted

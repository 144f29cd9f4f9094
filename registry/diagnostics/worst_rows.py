"""The held-out rows that a model predicts worst. No Django models or settings."""

import numpy as np

from registry.diagnostics.held_out import HeldOut
from registry.evaluation.cells import cell
from registry.evaluation.scores import ClassScores

MAX_ROWS = 20
MAX_INPUTS = 30
MAX_TEXT = 200  # characters of a value


def section(held_out: HeldOut) -> dict | None:
    """The 20 wrong predictions with the largest error, the largest first; of a clusterer None.

    The error of a number is the absolute one; that of a class is 1 minus the probability of the actual class, if there
    are probabilities. `row` counts the rows of the dataset version from 1.
    """
    if held_out.task == "clustering":
        return None
    scores = held_out.scores
    is_classes = isinstance(scores, ClassScores)
    if is_classes:
        actual, predicted = (
            [scores.classes[code] if code >= 0 else None for code in codes]
            for codes in (scores.true, scores.predicted)
        )
        wrong = np.flatnonzero(scores.true != scores.predicted)
        size = np.ones(len(scores)) if scores.probabilities is None else 1 - _probability(scores, scores.true)
    else:
        actual, predicted = scores.actual, scores.predicted
        size = np.abs(predicted - actual)
        wrong = np.flatnonzero(size > 0)
    worst = wrong[np.argsort(-size[wrong], kind="stable")[:MAX_ROWS]]
    columns = {column["name"]: column["type"] for column in held_out.inputs[:MAX_INPUTS]}
    certainty = (
        _probability(scores, scores.predicted) if is_classes and scores.probabilities is not None else None
    )
    rows = []
    for position in worst:
        place = held_out.measured[position]
        row = {
            "row": held_out.row_numbers[place],
            "actual": cell(actual[position]),
            "predicted": cell(predicted[position]),
            "inputs": {
                name: _shortened(cell(held_out.X[name].iloc[place], type_)) for name, type_ in columns.items()
            },
        }
        if certainty is not None:
            row |= {"probability": certainty[position], "probability_of_actual": 1 - size[position]}
        elif not is_classes:
            row |= {"error": predicted[position] - actual[position]}
        rows.append(row)
    return {"measured": len(scores), "wrong": len(wrong), "inputs": list(columns), "rows": rows}


def _probability(scores: ClassScores, codes: np.ndarray) -> np.ndarray:
    return scores.probabilities[np.arange(len(scores)), codes]


def _shortened(value: object) -> object:
    return value[:MAX_TEXT] if isinstance(value, str) else value

"""The reasons for one prediction, as the try-it page shows them."""

import math

from mlplatform.plots.bars import bars
from serving.explanation import additive, reasons
from serving.explanation.reasons import Explanation

SHOWN = 12
METHODS = {
    additive.TREE_SHAP: "Exact Shapley values of the trees (TreeSHAP)",
    additive.LINEAR: "Exact: coefficient times distance from the mean of the training rows",
    reasons.SAMPLED: "Sampled Shapley values, with their standard error",
}


def shown(explanation: Explanation, row: dict, *, target: str | None) -> dict:
    """The first row of an explanation: its columns from the largest contribution, each with a bar."""
    [one] = explanation.rows
    columns = sorted(one.contributions, key=lambda name: -abs(one.contributions[name]))
    errors = one.standard_errors or {}
    shapes = bars([one.contributions[name] for name in columns], [errors.get(name) for name in columns])
    rows = [
        {
            "column": name,
            "value": row.get(name),
            "contribution": one.contributions[name],
            "error": errors.get(name),
            "bar": shape,
            "tone": "blue" if one.contributions[name] >= 0 else "amber",
            "word": "raises"
            if one.contributions[name] > 0
            else "lowers"
            if one.contributions[name] < 0
            else "none",
        }
        for name, shape in zip(columns, shapes, strict=True)
    ]
    is_log_odds = explanation.unit == additive.LOG_ODDS
    return {
        "quantity": _quantity(explanation.unit, one.predicted, target),
        "method": METHODS[explanation.method],
        "is_sampled": bool(errors),
        "base_value": one.base_value,
        "prediction": one.prediction,
        "probability": 1 / (1 + math.exp(-one.prediction)) if is_log_odds and one.prediction > -700 else None,
        "shown": rows[:SHOWN],
        "rest": rows[SHOWN:],
        "rest_sum": sum(other["contribution"] for other in rows[SHOWN:]),
    }


def _quantity(unit: str, predicted: object, target: str | None) -> str:
    """What is explained, as part of a sentence, with names in backticks."""
    return {
        additive.PROBABILITY: f"the probability of `{predicted}`",
        additive.LOG_ODDS: f"the log-odds of `{predicted}`",
        additive.SCORE: f"the score of `{predicted}`",
        additive.VALUE: f"the predicted `{target}`",
        additive.LOG_VALUE: f"the logarithm of the predicted `{target}`",
        reasons.INDICATOR: f"whether `{predicted}` is predicted (1) or not (0)",
    }[unit]

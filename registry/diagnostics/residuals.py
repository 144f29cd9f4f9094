"""The errors of a regressor on its held-out rows: actual minus predicted values. No Django models or settings."""

import numpy as np

from registry.diagnostics.held_out import HeldOut
from registry.diagnostics.thinning import short
from registry.evaluation.row_samples import evenly_spaced

MAX_POINTS = 300  # of the rows; more dots cover each other
MAX_FEATURES = 6
BINS = 20
QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
TENTHS = 10
DIGITS = 6
MANY = 100  # rows, of which the lowest and the highest hundredth are extreme


def measure(held_out: HeldOut) -> dict | None:
    """The errors of some rows, with their predictions and inputs, and the distribution of all.

    `rows` of `shown` have their `predicted` value, `error` and the values of numeric `features`; `means` has the mean
    prediction and error of each tenth of the rows by prediction; `quantiles` those of the errors and of their sizes.
    """
    if held_out.task != "regression":
        return None
    scores = held_out.scores
    errors = scores.actual - scores.predicted
    chosen = evenly_spaced(len(errors), MAX_POINTS)
    tenths = np.array_split(np.argsort(scores.predicted, kind="stable"), min(TENTHS, len(errors)))
    return {
        "rows": len(errors),
        "predicted": short(scores.predicted[chosen], DIGITS),
        "error": short(errors[chosen], DIGITS),
        "features": _features(held_out, chosen),
        "means": {
            "predicted": short([scores.predicted[tenth].mean() for tenth in tenths], DIGITS),
            "error": short([errors[tenth].mean() for tenth in tenths], DIGITS),
        },
        "quantiles": {
            "share": QUANTILES,
            "error": short(np.quantile(errors, QUANTILES), DIGITS),
            "size": short(np.quantile(np.abs(errors), QUANTILES), DIGITS),
        },
        "histogram": _histogram(errors),
    }


def _features(held_out: HeldOut, chosen: np.ndarray) -> list[dict]:
    """The values of the most important numeric inputs; of the first ones if the importance is not known."""
    names = [column["name"] for column in held_out.inputs if column["type"] in {"integer", "number"}]
    important = [one["column"] for one in held_out.sections.get("importance", {}).get("columns", [])]
    names = [*(name for name in important if name in names), *(n for n in names if n not in important)]
    rows, found = held_out.measured[chosen], []
    for name in names[:MAX_FEATURES]:
        values = held_out.X[name].iloc[rows].to_numpy(dtype=float, na_value=np.nan)
        found.append({"name": name, "values": short(values, DIGITS)})
    return found


def _histogram(errors: np.ndarray) -> dict:
    """The counts of the errors, without the extreme ones, which would leave one bar: `below` and `above` count them."""
    low, high = errors.min(), errors.max()
    if len(errors) >= MANY:
        low, high = np.quantile(errors, 0.01, method="higher"), np.quantile(errors, 0.99, method="lower")
    margin = (high - low) * 0.1
    counts, edges = np.histogram(
        errors, BINS, (max(errors.min(), low - margin), min(errors.max(), high + margin))
    )
    return {
        "edges": short(edges, DIGITS),
        "counts": counts,
        "below": int((errors < edges[0]).sum()),
        "above": int((errors > edges[-1]).sum()),
    }

"""The slices, the worst rows and the compared groups of a model version, as the templates need them."""

from mlplatform.number_formats import column_value
from mlplatform.number_formats import metric as metric_text
from mlplatform.plots.bars import scale
from registry.diagnostics.fairness import RATES, Comparison, Rate
from registry.evaluation import definitions
from registry.models import ModelVersion

MAX_SHOWN = 20
SHOWN_INPUTS = 8  # of a worst row
RATE_LABELS = {
    "selection_rate": "Selection rate",
    "true_positive_rate": "True positive rate",
    "false_positive_rate": "False positive rate",
}


def slices(section: dict, version: ModelVersion) -> dict:
    """The worst slices, each with its interval from 0 to 100 on a scale that all share."""
    metric = definitions.BY_NAME[section["metric"]]
    primary = definitions.primary(version.primary_metric, task=version.task)
    whole = section["whole"][metric.name]
    shown = section["slices"][:MAX_SHOWN]
    ends = [end for one in shown for end in one["interval"]] + [whole]
    low, span = min(ends), (max(ends) - min(ends)) or 1
    place = scale(ends)
    others = [definitions.BY_NAME[name].label for name in section["also"]]
    is_regression = "mean_error" in section["whole"]
    return {
        "metric": metric,
        "primary": None if primary is metric else primary,
        "whole": whole,
        "whole_place": place(whole),
        "rows": section["rows"],
        "min_rows": section["min_rows"],
        "labels": [*others, "Mean error"] if is_regression else others,
        "has_mean_error": is_regression,
        "shown": [
            {
                "column": one["column"],
                "label": label(one),
                "rows": one["rows"],
                "value": one["values"][metric.name],
                "interval": one["interval"],
                "difference": one["difference"],
                "is_worse": metric.is_better(whole, one["values"][metric.name]),
                "is_clear": one["is_clear"],
                "low": place(one["interval"][0]),
                "high": place(one["interval"][1]),
                **_picture(place(one["values"][metric.name]), one["values"][metric.name], one["interval"]),
                "others": [one["values"][name] for name in section["also"]]
                + ([one["values"]["mean_error"]] if is_regression else []),
            }
            for one in shown
        ],
        "low": low,
        "high": low + span,
        "total": len(section["slices"]),
        "clear": sum(
            one["is_clear"] and metric.is_better(whole, one["values"][metric.name])
            for one in section["slices"]
        ),
        "columns_left_out": section["columns_left_out"],
        "has_groups": bool(section["classes"]),
    }


def label(one: dict) -> str:
    """The values of a slice: "red", "1.5 to 2.25", "missing", "17 other values"."""
    if one["kind"] == "missing":
        return "missing"
    if one["kind"] == "other":
        return "1 other value" if one["distinct"] == 1 else f"{one['distinct']:,} other values"
    if one["kind"] == "value":
        return str(column_value(one["value"], 4)) or "empty text"
    low, high = (column_value(one[end], 4) for end in ("low", "high"))
    return str(low) if low == high else f"{low} to {high}"


def worst_rows(section: dict, version: ModelVersion) -> dict:
    """The worst rows, each with its first inputs in a list."""
    names = section["inputs"][:SHOWN_INPUTS]
    return {
        "rows": [row | {"cells": [row["inputs"][name] for name in names]} for row in section["rows"]],
        "names": names,
        "wrong": section["wrong"],
        "measured": section["measured"],
        "left_out": len(version.features) - len(names),
        # Of a split by dataset version, the rows are those of that version.
        "dataset_version": version.split.get("dataset_version") or version.dataset_version.number,
    }


def groups(comparison: Comparison, version: ModelVersion) -> list[dict]:
    """The groups of each column with the pictures of their rates, on a scale from 0 to 1."""
    return [
        {
            "column": one.column,
            "labels": [RATE_LABELS[name] for name in RATES],
            "groups": [
                {
                    "label": label(group.described),
                    "rows": group.rows,
                    "rates": [_rate(getattr(group, name)) for name in RATES],
                }
                for group in one.groups
            ],
            "gaps": [{"label": RATE_LABELS[gap.rate], "gap": gap} for gap in one.gaps],
            "equalized_odds_difference": one.equalized_odds_difference,
            "is_below_four_fifths": one.is_below_four_fifths,
        }
        for one in comparison.columns
    ]


def _rate(rate: Rate) -> dict:
    if rate.value is None:
        return {"value": None}
    low, high = (100 * end for end in rate.interval)
    picture = _picture(100 * rate.value, rate.value, rate.interval)
    return {"value": rate.value, "interval": rate.interval, "low": low, "high": high, **picture}


def _picture(place: float, value: float, interval: list[float]) -> dict:
    """The dot of a value at a place from 0 to 100, and the text alternative of its interval."""
    summary = f"{metric_text(value)}, from {metric_text(interval[0])} to {metric_text(interval[1])}"
    return {"dots": [{"x": place, "label": summary}], "summary": summary}

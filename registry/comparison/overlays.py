"""The curves of some model versions in one plot, and their important columns, from the stored diagnostics."""

from mlplatform.plots.bars import bars
from mlplatform.plots.plot import Plot
from registry.diagnostics.plots import curves, residuals, thresholds
from registry.evaluation.definitions import BY_NAME
from registry.models import Diagnostics, ModelVersion

MIN_DRAWN = 2
# Of the sections; the whole diagnostics are large.
READ = ("sections__curves", "sections__residuals__quantiles", "sections__importance")
SHOWN_COLUMNS = 12
SHOWN_CLASSES = 6


def overlay(versions: list[ModelVersion]) -> dict:
    """The `plots` of versions with one target, their `importance`, and those `without` diagnostics.

    Binary classifiers have ROC, precision-recall, calibration and gain, those of more classes a ROC curve for each
    class against the others and the accuracy by coverage, regressors the distribution of their errors.
    """
    rows = Diagnostics.objects.filter(pk__in=[one.pk for one in versions]).values_list("pk", *READ)
    found = {pk: sections for pk, *sections in rows}
    measured = [(f"version {one.number}", *found[one.pk]) for one in versions if one.pk in found]
    classifiers = [(name, section) for name, section, *_ in measured if section]
    plots = [
        *_of_classifiers([side for side in classifiers if side[1]["positive"] is not None]),
        *_of_classes([side for side in classifiers if side[1]["positive"] is None]),
        *_of_regressors([(name, errors) for name, _, errors, _ in measured if errors], versions[0].target),
    ]
    without = [one for one in versions if one.pk not in found and one.task != "clustering"]
    importance = _importance([(name, section) for name, *_, section in measured if section])
    return {"plots": plots, "importance": importance, "without": without}


def _of_classifiers(sides: list[tuple[str, dict]]) -> list[Plot]:
    """Versions with another positive class are left out: their scores mean another thing."""
    sides = [side for side in sides if side[1]["positive"] == sides[0][1]["positive"]]
    if len(sides) < MIN_DRAWN:
        return []
    drawn = [section["curves"][0] | {"class": label} for label, section in sides]
    plots = [curves.roc(drawn), curves.precision_recall(drawn, {})]
    calibrated = [curve for curve in drawn if "calibration" in curve]
    plots += [curves.calibration(calibrated)] if len(calibrated) == len(drawn) else []
    return [*plots, curves.gain(drawn)]


def _of_classes(sides: list[tuple[str, dict]]) -> list[Plot]:
    """The first classes that all versions draw, each in a plot of its own, and the accuracy by coverage."""
    if len(sides) < MIN_DRAWN:
        return []
    by_class = [{curve["class"]: curve for curve in section["curves"]} for _, section in sides]
    common = [name for name in by_class[0] if all(name in own for own in by_class)]
    plots = []
    for name in common[:SHOWN_CLASSES]:
        drawn = [own[name] | {"class": label} for (label, _), own in zip(sides, by_class, strict=True)]
        plots.append(curves.roc(drawn))
        plots[-1].title = f"ROC curve of {curves.short(name)}"
    certain = [(label, section["confidence"]) for label, section in sides if "confidence" in section]
    return [*plots, thresholds.coverages(certain)] if len(certain) == len(sides) else plots


def _of_regressors(sides: list[tuple[str, dict]], target: str) -> list[Plot]:
    if len(sides) < MIN_DRAWN:
        return []
    return [residuals.cumulative(sides, target), residuals.sizes(sides, target)]


def _importance(sides: list[tuple[str, dict]]) -> dict | None:
    """Of the columns that are most important to any version, the importance to each; all bars are on one scale.

    Versions whose importance is that of another metric are left out.
    """
    sides = [side for side in sides if side[1]["metric"] == sides[0][1]["metric"]]
    if len(sides) < MIN_DRAWN:
        return None
    by_column = [{one["column"]: one for one in section["columns"]} for _, section in sides]
    highest: dict[str, float] = {}
    for columns in by_column:
        for name, one in columns.items():
            highest[name] = max(one["mean"], highest.get(name, one["mean"]))
    names = sorted(highest, key=lambda name: -highest[name])[:SHOWN_COLUMNS]
    cells = [columns[name] for name in names for columns in by_column if name in columns]
    shapes = iter(bars([c["mean"] for c in cells], [c["std"] for c in cells], [c["repeats"] for c in cells]))

    def drawn(one: dict | None) -> dict | None:
        return one and one | {"bar": next(shapes)}

    rows = [{"column": name, "cells": [drawn(columns.get(name)) for columns in by_column]} for name in names]
    return {
        "metric": BY_NAME[sides[0][1]["metric"]],
        "versions": [name for name, _ in sides],
        "rows": rows,
        "omitted": len(highest) - len(names),
    }

"""The curves of some model versions in one plot, from their stored diagnostics."""

from mlplatform.plots.plot import Plot
from registry.diagnostics.plots import curves, residuals
from registry.models import Diagnostics, ModelVersion

MIN_DRAWN = 2
# Of the sections; the whole diagnostics are large.
READ = ("sections__curves", "sections__residuals__quantiles")


def overlay(versions: list[ModelVersion]) -> dict:
    """The `plots` of versions with one target, and the versions `without` diagnostics, which are not drawn.

    Binary classifiers have ROC, precision-recall, calibration and gain, regressors the distribution of their errors.
    """
    rows = Diagnostics.objects.filter(pk__in=[one.pk for one in versions]).values_list("pk", *READ)
    found = {pk: sections for pk, *sections in rows}
    measured = [(f"version {one.number}", *found[one.pk]) for one in versions if one.pk in found]
    plots = [
        *_of_classifiers([(name, curves) for name, curves, _ in measured if curves and curves["positive"]]),
        *_of_regressors([(name, errors) for name, _, errors in measured if errors], versions[0].target),
    ]
    has_pictures = versions[0].task == "regression" or _is_binary(versions[0])
    without = [one for one in versions if one.pk not in found] if has_pictures else []
    return {"plots": plots, "without": without}


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


def _of_regressors(sides: list[tuple[str, dict]], target: str) -> list[Plot]:
    if len(sides) < MIN_DRAWN:
        return []
    return [residuals.cumulative(sides, target), residuals.sizes(sides, target)]


def _is_binary(version: ModelVersion) -> bool:
    return len(version.signature.get("classes") or ()) == 2

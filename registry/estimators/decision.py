"""The decision threshold and the calibration of binary classifiers, by scikit-learn's own wrappers. No Django models.

They wrap the estimator inside the step "model", so an artifact loads without this code.
"""

import contextlib
import math
from collections.abc import Iterator
from functools import partial

import numpy as np
from django.core.exceptions import ValidationError

from registry.estimators import wrappers
from registry.estimators.fold_splitters import GroupFolds, splitter

CALIBRATIONS = {"sigmoid": "Sigmoid (Platt)", "isotonic": "Isotonic"}
# What a threshold can be tuned for, with the label; f1 is that of the second class.
TUNED_FOR = {
    "f1": "F1",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "matthews_corrcoef": "MCC",
}
COSTS = ("false_positive", "false_negative")
FOLDS = 5
FOLDS_OF_BOTH = 3  # each fold of the threshold calibrates in folds of its own


def check_threshold(threshold: object, *, task: str | None) -> None:
    """Raise ValidationError (threshold) unless it is None, or for a classifier a number, a metric or costs."""
    if threshold is None:
        return
    if task not in {"classification", None}:
        raise _invalid("Only classifiers have a decision threshold")
    if isinstance(threshold, dict) and list(threshold) == ["metric"]:
        if not isinstance(threshold["metric"], str) or threshold["metric"] not in TUNED_FOR:
            raise _invalid(f"`metric` must be one of {', '.join(TUNED_FOR)}")
    elif isinstance(threshold, dict) and list(threshold) == ["costs"]:
        costs = threshold["costs"]
        if not isinstance(costs, dict) or set(costs) != set(COSTS) or not all(map(_is_cost, costs.values())):
            raise _invalid("`costs` must have `false_positive` and `false_negative`, both above 0")
    elif not (_is_number(threshold) and 0 < threshold < 1):
        raise _invalid('It must be a number above 0 and below 1, {"metric": ...} or {"costs": {...}}')


def check_calibration(calibration: object, *, task: str | None) -> None:
    """Raise ValidationError (calibration) unless it is None, or for a classifier one of CALIBRATIONS."""
    if calibration is None:
        return
    if task not in {"classification", None}:
        raise ValidationError("Only classifiers have a calibration.", code="calibration")
    if not isinstance(calibration, str) or calibration not in CALIBRATIONS:
        raise ValidationError(f"It must be one of {', '.join(CALIBRATIONS)}.", code="calibration")


def wrap(estimator, y: np.ndarray, *, threshold: object, calibration: str | None):
    """The unfitted estimator with a calibration and a threshold; divide() sets the folds of both.

    A classifier that takes only the numbers of classes gets the wrapper that it needs. Raises ValidationError:
    not_binary, no_probabilities.
    """
    estimator = wrappers.with_labels(estimator)
    if threshold is None and calibration is None:
        return estimator
    code = "threshold" if threshold is not None else "calibration"
    classes = np.unique(y)
    if len(classes) != 2:
        raise ValidationError(
            f"A {code} needs two classes; the target has {len(classes)}. Leave it out.",
            code="not_binary",
            params={"field": code},
        )
    if calibration is None and not hasattr(estimator, "predict_proba"):
        raise ValidationError(
            f"{type(estimator).__name__} has no probabilities to compare with a threshold. Add a calibration.",
            code="no_probabilities",
            params={"field": "threshold"},
        )
    if calibration:  # one estimator, fitted on all rows, and a calibration of its predictions in folds
        from sklearn.calibration import CalibratedClassifierCV

        estimator = CalibratedClassifierCV(estimator, method=calibration, ensemble=False)
    return estimator if threshold is None else _with_threshold(estimator, threshold, classes[1])


def divide(
    model,
    y: np.ndarray,
    *,
    groups: np.ndarray | None,
    are_required: bool = True,
    random_state: int | None,
) -> None:
    """Set the folds of the training rows in which an unfitted model is calibrated and its threshold tuned.

    They do not divide the `groups`, unless these are too few and not required. Raises ValidationError (threshold or
    calibration) for too few rows of a class, or groups. Of another estimator nothing is set.
    """
    divided = [one for one in wrappers.around(model) if hasattr(one, "cv")]
    if not divided:
        return
    code = "threshold" if type(divided[0]).__name__ == "TunedThresholdClassifierCV" else "calibration"
    is_nested, rarest = len(divided) > 1, int(np.unique(y, return_counts=True)[1].min())
    folds = min(FOLDS_OF_BOTH if is_nested else FOLDS, rarest)
    while is_nested and folds > 1 and rarest - math.ceil(rarest / folds) < folds:  # within a fold
        folds -= 1
    if folds < 2:
        least = 4 if is_nested else 2
        raise ValidationError(f"It needs at least {least} training rows of each class.", code=code)
    cv = None
    if groups is not None:
        try:
            cv = GroupFolds(y, groups, folds=folds, is_nested=is_nested, seed=random_state)
        except ValueError as error:
            if are_required:
                raise ValidationError(
                    "Its folds hold the rows of each group together, and too few groups have rows of each class. Leave "
                    "it out, or change the split.",
                    code=code,
                ) from error
    cv = cv or splitter(folds, is_stratified=True, groups=None, seed=random_state)
    for one in divided:
        one.set_params(cv=cv)


def forget_groups(model) -> None:
    """Remove the folds of the training rows from a fitted model: an artifact loads without our code."""
    for one in wrappers.around(model):
        if isinstance(getattr(one, "cv", None), GroupFolds):
            one.set_params(cv=None)


def _with_threshold(estimator, threshold, positive):
    from sklearn import metrics, model_selection

    positive = positive.item() if isinstance(positive, np.generic) else positive
    common = {"response_method": "predict_proba"}
    if not isinstance(threshold, dict):
        return model_selection.FixedThresholdClassifier(
            estimator, threshold=float(threshold), pos_label=positive, **common
        )
    match threshold:
        case {"metric": "f1"}:
            scoring = metrics.make_scorer(metrics.f1_score, pos_label=positive, zero_division=0)
        case {"metric": name}:
            scoring = name
        case {"costs": costs}:
            scoring = metrics.make_scorer(partial(_cost, positive=positive, **costs), greater_is_better=False)
    return model_selection.TunedThresholdClassifierCV(
        estimator, scoring=scoring, store_cv_results=True, response_method="predict_proba"
    )


def _cost(y_true, y_pred, *, positive, false_positive: float, false_negative: float) -> float:
    """The mean cost of the errors."""
    is_positive, predicted = np.asarray(y_true) == positive, np.asarray(y_pred) == positive
    return false_positive * np.mean(~is_positive & predicted) + false_negative * np.mean(
        is_positive & ~predicted
    )


@contextlib.contextmanager
def routing_weights(model) -> Iterator[None]:
    """A context in which a calibration and a threshold pass the weights of their fit on to the estimator.

    A threshold is tuned without them, since metrics do not count them either. No request stays on the fitted model.
    """
    if type(model).__name__ not in wrappers.WRAPPERS:
        yield
        return
    from sklearn import config_context, metrics

    with config_context(enable_metadata_routing=True):
        inside = list(wrappers.chain(model.estimator))
        for one in inside:
            if hasattr(one, "set_fit_request"):
                one.set_fit_request(sample_weight=True)
        if isinstance(scoring := getattr(model, "scoring", None), str):
            model.set_params(scoring=metrics.get_scorer(scoring))
        if scoring is not None:
            model.scoring.set_score_request(sample_weight=False)
        yield
    for one in (*inside, *wrappers.around(model), *wrappers.fitted(model)):
        vars(one).pop("_metadata_request", None)


def settle(pipeline, *, rows: int):
    """The fitted pipeline with a tuned threshold as a fixed one, so that an artifact has no scorer of ours.

    `rows` are those of the training.
    """
    from sklearn.base import clone
    from sklearn.model_selection import FixedThresholdClassifier
    from sklearn.pipeline import Pipeline

    tuned = pipeline[-1]
    if type(tuned).__name__ != "TunedThresholdClassifierCV":
        return pipeline
    positive = tuned.classes_[1]
    fixed = FixedThresholdClassifier(
        clone(tuned.estimator),
        threshold=_best_threshold(tuned.cv_results_, rows=rows),
        pos_label=positive.item() if isinstance(positive, np.generic) else positive,
        response_method="predict_proba",
    )
    fixed.estimator_, fixed.n_features_in_ = tuned.estimator_, tuned.n_features_in_
    return Pipeline([*pipeline.steps[:-1], (pipeline.steps[-1][0], fixed)])


def _best_threshold(results: dict, *, rows: int) -> float:
    """The middle of the thresholds around the best one that are about as good, of the scores in folds.

    The best one itself is often at the edge of a step that the model of all rows has elsewhere: of an isotonic
    calibration it could be below its lowest probability, and every row had the same class.
    """
    thresholds, scores = results["thresholds"], results["scores"]
    best = int(scores.argmax())
    is_good = scores >= scores[best] - (scores[best] - scores.min()) / math.sqrt(rows)
    worse = np.flatnonzero(~is_good)
    start = worse[worse < best].max(initial=-1) + 1
    end = worse[worse > best].min(initial=len(scores)) - 1
    return float((thresholds[start] + thresholds[end]) / 2)


def describe(model, *, threshold: object, calibration: str | None) -> dict:
    """How a fitted and settled model decides, as JSON: empty for an estimator that decides itself."""
    decision = {}
    if threshold is not None:
        decision = {"threshold": model.threshold, "positive": model.pos_label}
        decision |= threshold if isinstance(threshold, dict) else {}
    return decision | ({"calibration": calibration} if calibration else {})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf


def _is_cost(value: object) -> bool:
    return _is_number(value) and 0 < value <= 1e9


def _invalid(sentence: str) -> ValidationError:
    return ValidationError(f"{sentence}.", code="threshold")

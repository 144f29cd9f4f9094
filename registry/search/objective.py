"""The metric that ranks trials. No Django models or settings."""

import difflib
import math
from dataclasses import dataclass

import numpy as np
from django.core.exceptions import ValidationError

from registry.estimators.algorithms import Algorithm
from registry.evaluation import definitions
from registry.evaluation.scores import ClassScores, NumberScores

FROM_PROBABILITIES = {"log_loss", "brier_score", f"top_{definitions.TOP_K}_accuracy"}
FROM_SCORES = {"roc_auc", "average_precision"}


@dataclass(frozen=True)
class Outputs:
    """What a fitted estimator predicts for the test rows of a fold, with the columns of all classes in their order."""

    predicted: np.ndarray
    probabilities: np.ndarray | None = None
    decision: np.ndarray | None = None


def usual_metric(task: str, *, classes: int | None, algorithms: list[Algorithm]) -> str:
    """The metric if a request names none: one that tells good probabilities from better ones, if all have some."""
    if task == "regression":
        return "r2"
    has_probabilities = all(hasattr(one.cls, "predict_proba") for one in algorithms)
    has_scores = has_probabilities or all(_has_scores(one) for one in algorithms)
    if classes == 2 and has_scores:
        return "roc_auc"
    return "log_loss" if has_probabilities else "balanced_accuracy"


def check_metric(metric: str, *, task: str, algorithms: list[Algorithm]) -> None:
    """The metric must be one of the task, and need nothing that an algorithm lacks. Code: metric."""
    names = [one.name for one in definitions.of_task(task)]
    if metric not in names:
        near = difflib.get_close_matches(metric[:50], names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"use one of {', '.join(names)}."
        raise ValidationError(f"`{metric[:50]}` is not a metric of a {task}; {hint}", code="metric")
    for one in algorithms:
        if metric in FROM_PROBABILITIES and not hasattr(one.cls, "predict_proba"):
            raise ValidationError(f"{one.name} has no probabilities, which {metric} needs.", code="metric")
        if metric in FROM_SCORES and not _has_scores(one):
            raise ValidationError(
                f"{one.name} has neither probabilities nor a decision function, which {metric} needs.",
                code="metric",
            )


def _has_scores(algorithm: Algorithm) -> bool:
    return any(hasattr(algorithm.cls, name) for name in ("predict_proba", "decision_function"))


def is_higher_better(metric: str) -> bool:
    return definitions.BY_NAME[metric].better == definitions.HIGHER


@dataclass(frozen=True)
class Objective:
    """Scores outputs by a metric; a `gain` is a score of which more is better."""

    metric: str
    classes: list | None  # of a classification, in the order of the probabilities

    def score(self, y: np.ndarray, outputs: Outputs) -> float:
        """Raises ValueError if the metric is not defined for these rows."""
        if self.classes is None:
            values = NumberScores(y, outputs.predicted).values()
        else:
            values = ClassScores(
                y,
                outputs.predicted,
                classes=self.classes,
                probabilities=outputs.probabilities,
                decision=outputs.decision,
            ).values()
        value = values.get(self.metric)
        if value is None or not math.isfinite(value):
            raise ValueError(f"its {self.metric} is not defined on a fold")
        return float(value)

    def gain(self, score: float) -> float:
        return score if is_higher_better(self.metric) else -score

"""Whether two model versions differ by more than noise, on rows that both have held out."""

from dataclasses import dataclass

import numpy as np
import pandas

from mlplatform.number_formats import metric as metric_text
from mlplatform.number_formats import signed
from registry.comparison.differences import BETTER, UNCLEAR, WORSE, have_same_test_rows
from registry.evaluation import definitions, measurement, paired
from registry.evaluation.definitions import Metric
from registry.evaluation.scores import Scores
from registry.models import ModelVersion
from registry.training.columns import feature_frame
from registry.training.request import TrainingRequest


@dataclass(frozen=True)
class Rows:
    """Rows that both versions predict: which they are, and of held-out ones the values of the target and the groups."""

    frame: pandas.DataFrame
    source: str
    y: np.ndarray | None = None
    groups: np.ndarray | None = None


@dataclass(frozen=True)
class Side:
    """One version with its predictions for the rows."""

    version: ModelVersion
    pipeline: object
    outputs: measurement.Outputs

    @classmethod
    def of(cls, version: ModelVersion, pipeline, rows: Rows) -> "Side":
        X = feature_frame(rows.frame, version.signature["inputs"])
        return cls(version, pipeline, measurement.Outputs.of(pipeline, X, task=version.task))

    @property
    def predicted(self) -> np.ndarray:
        return self.outputs.predicted

    def probabilities(self, rows: np.ndarray, labels: np.ndarray) -> np.ndarray | None:
        """For each of these rows, by position, the probability of a label: 0 for a class that it does not know.

        None of a classifier without probabilities.
        """
        if not self.outputs.is_probability:
            return None
        places = pandas.Categorical(labels, categories=self.pipeline.classes_).codes
        return np.where(places < 0, 0.0, self.outputs.values[rows, places])

    def scores(self, y: np.ndarray) -> Scores:
        return measurement.scores_of(self.outputs, self.pipeline, y, task=self.version.task, warnings=[])


def why_unpaired(live: ModelVersion, coming: ModelVersion, request: TrainingRequest | None) -> str:
    """Why the metrics of these versions cannot be compared row by row, as a sentence, or ""."""
    if live.pk == coming.pk:
        return "It is the same version."
    refitted = next((one for one in (live, coming) if one.refit), None)
    if refitted:
        reason = f"version {refitted.number} was fitted again on all rows"
    elif request is None or not have_same_test_rows(live, coming):
        reason = "they did not hold out the same rows"
    else:
        return ""
    return (
        f"Whether versions {live.number} and {coming.number} differ by more than noise cannot be tested, because "
        f"{reason}."
    )


def differences(live: Side, coming: Side, rows: Rows) -> list[dict]:
    """For each metric that can be tested, the primary one of `coming` first if it can: the metric of both, the
    difference with its 95 % interval, and the verdict about `coming`.

    The primary metric is tested by itself; the p-values of the others are corrected for their number, and their verdict
    is by these. Empty if there are too few rows: see registry.evaluation.paired.
    """
    task = coming.version.task
    primary = definitions.primary(coming.version.primary_metric, task=task)
    metrics = [one for one in definitions.of_task(task) if one is not primary]
    # The recall is weighted by class size, so both are the same number, and one test.
    tested_as = {"accuracy": "recall"} if primary.name == "recall" else {"recall": "accuracy"}
    tested = [one for one in metrics if one.name not in tested_as]
    found = paired.differences(live.scores(rows.y), coming.scores(rows.y), [primary, *tested], rows.groups)
    others = [one for name, one in found.items() if name != primary.name]
    for one, p_value in zip(others, paired.holm([one["p_value"] for one in others]), strict=True):
        one["p_value"], one["is_clear"] = p_value, one["is_clear"] and p_value < paired.SIGNIFICANCE
    shown = ((one, found.get(tested_as.get(one.name, one.name))) for one in (primary, *metrics))
    return [_difference(metric, of_metric) for metric, of_metric in shown if of_metric]


def _difference(metric: Metric, found: dict) -> dict:
    is_better = metric.is_better(found["after"], found["before"])
    return {
        "metric": metric.name,
        "better": metric.better,
        "live": found["before"],
        "coming": found["after"],
        "difference": found["difference"],
        "interval": found["interval"],
        "p_value": found["p_value"],
        "verdict": (BETTER if is_better else WORSE) if found["is_clear"] else UNCLEAR,
    }


def conclusion(live: ModelVersion, coming: ModelVersion, found: dict | None) -> str:
    """The difference and its verdict in a sentence."""
    if found is None:
        return (
            f"Whether versions {live.number} and {coming.number} differ by more than noise cannot be tested: it takes "
            "the primary metric of both on "
            f"at least {paired.MIN_ROWS} held-out rows, or groups of rows."
        )
    label = definitions.BY_NAME[found["metric"]].label
    low, high = (signed(end) for end in found["interval"])
    sentence = (
        f"{label} of version {coming.number} is {metric_text(abs(found['difference']))} "
        f"{'higher' if found['difference'] > 0 else 'lower'} than that of version {live.number} on the same held-out "
        f"rows, with a 95 % interval from {low} to {high}"
    )
    if found["difference"] == 0:
        sentence = (
            f"{label} of both versions is the same on the same held-out rows, with a 95 % interval of the "
            f"difference from {low} to {high}"
        )
    if found["verdict"] == UNCLEAR:
        return f"{sentence}: the difference can be noise."
    return f"{sentence}: version {coming.number} is {found['verdict']} by more than noise."

"""How two model versions of a dataset differ: their metrics, and what they were trained with."""

from dataclasses import dataclass

from registry.estimators.parameters import is_same
from registry.evaluation import definitions
from registry.evaluation.definitions import Metric
from registry.models import ModelVersion
from registry.releases import signature_changes

BETTER, WORSE, UNCLEAR = "better", "worse", "no clear difference"


@dataclass(frozen=True)
class MetricDifference:
    """A metric of both versions, each with its 95 % interval if it has one."""

    metric: Metric
    live: float
    coming: float
    live_interval: list[float] | None
    coming_interval: list[float] | None

    @property
    def verdict(self) -> str:
        """Better or worse only if the intervals do not overlap: less can be the choice of the test rows."""
        if not self.live_interval or not self.coming_interval:
            return UNCLEAR
        (low, high), (new_low, new_high) = self.live_interval, self.coming_interval
        if new_low <= high and low <= new_high:
            return UNCLEAR
        return BETTER if self.metric.is_better(self.coming, self.live) else WORSE


@dataclass(frozen=True)
class Replacement:
    """What changes if one version takes the place of the live one, if any."""

    coming: ModelVersion
    live: ModelVersion | None

    @property
    def breaking_changes(self) -> list[str]:
        return signature_changes.breaking(self.live, self.coming) if self.live else []

    @property
    def is_comparable(self) -> bool:
        """Whether the metrics measure the same thing: the same target and task."""
        return self.live is not None and (self.live.task, self.live.target) == (
            self.coming.task,
            self.coming.target,
        )

    @property
    def has_same_test_rows(self) -> bool:
        return self.live is not None and have_same_test_rows(self.live, self.coming)

    @property
    def metrics(self) -> list[MetricDifference]:
        if not self.is_comparable:
            return []
        live, coming = self.live.metrics, self.coming.metrics
        intervals, new_intervals = (one.get("intervals") or {} for one in (live, coming))
        return [
            MetricDifference(
                metric,
                live[metric.name],
                coming[metric.name],
                intervals.get(metric.name),
                new_intervals.get(metric.name),
            )
            for metric in definitions.of_task(self.coming.task)
            if live.get(metric.name) is not None and coming.get(metric.name) is not None
        ]

    @property
    def settings(self) -> list[tuple[str, object, object]]:
        """The name and both values of each setting of the trainings that differs."""
        if self.live is None:
            return []
        live, coming = training_facts(self.live), training_facts(self.coming)
        different = [(name, live[name], coming[name]) for name in live if live[name] != coming[name]]
        if self.live.algorithm == self.coming.algorithm:
            before, after = self.live.parameters, self.coming.parameters
            names = [name for name in after if not is_same(before.get(name), after[name])]
            different += [(f"`{name}`", before.get(name), after[name]) for name in names]
        return different


def have_same_test_rows(*versions: ModelVersion) -> bool:
    """Whether the metrics of all versions were measured on the same rows: the target stratifies a random split."""
    fields = ("dataset_version_id", "target", "task", "split", "test_size", "random_state", "rows_test")
    first, *others = ([getattr(one, name) for name in fields] for one in versions)
    return all(other == first for other in others) and versions[0].random_state is not None


def training_facts(version: ModelVersion) -> dict[str, object]:
    """What a version was trained with, by a name for people."""
    return {
        "Algorithm": version.algorithm,
        "Target": version.target,
        "Dataset version": version.dataset_version.number,
        "Input columns": len(version.features),
        "Training rows": version.rows_train,
        "Test rows": version.measured or version.rows_test,
        "Random state": version.random_state,
    }

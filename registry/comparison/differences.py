"""How model versions differ: their metrics, and what they were trained with. One of them can replace another."""

from collections.abc import Sequence
from dataclasses import dataclass

from registry.estimators.parameters import is_same
from registry.evaluation import definitions
from registry.evaluation.definitions import Metric
from registry.models import ModelVersion
from registry.releases import signature_changes

BETTER, WORSE, UNCLEAR = "better", "worse", "no clear difference"
NOT_COMPARABLE = "not comparable"


@dataclass(frozen=True)
class FactRow:
    """A fact that differs, with its value for each version."""

    name: str
    values: list


@dataclass(frozen=True)
class MetricDifference:
    """A metric of both versions, each with its 95 % interval if it has one. Of versions with another target, each has
    its own metrics, and None where it lacks one."""

    metric: Metric
    live: float | None
    coming: float | None
    live_interval: list[float] | None
    coming_interval: list[float] | None
    is_comparable: bool = True

    @property
    def verdict(self) -> str:
        """Better or worse only if the intervals do not overlap: less can be the choice of the test rows."""
        if not self.is_comparable:
            return NOT_COMPARABLE
        if not are_apart(self.live_interval, self.coming_interval):
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
        return self.live is not None and have_same_target(self.live, self.coming)

    @property
    def has_same_test_rows(self) -> bool:
        return self.live is not None and have_same_test_rows(self.live, self.coming)

    @property
    def metrics(self) -> list[MetricDifference]:
        """The metrics that both versions have; of versions with another target, those of each."""
        if self.live is None:
            return []
        is_comparable, sides = self.is_comparable, (self.live.metrics, self.coming.metrics)
        enough = all if is_comparable else any
        return [
            MetricDifference(
                metric,
                *(side.get(metric.name) for side in sides),
                *((side.get("intervals") or {}).get(metric.name) for side in sides),
                is_comparable=is_comparable,
            )
            for task in dict.fromkeys((self.coming.task, self.live.task))
            for metric in definitions.of_task(task)
            if enough(side.get(metric.name) is not None for side in sides)
        ]

    @property
    def labels(self) -> list[str]:
        """Of the live version, if any, and the coming one."""
        live = [f"Version {self.live.number}, live"] if self.live else []
        return [*live, f"Version {self.coming.number}"]

    @property
    def speed(self) -> list[FactRow]:
        """How fast each predicts and how large it is, as far as it was measured at registration."""
        return speed_facts([self.live, self.coming]) if self.live else []

    @property
    def settings(self) -> list[tuple[str, object, object]]:
        """The name and both values of each setting of the trainings that differs."""
        if self.live is None:
            return []
        sides = self.live, self.coming
        different = [(row.name, *row.values) for row in differing([training_facts(one) for one in sides])]
        if self.live.algorithm == self.coming.algorithm:
            rows = differing([one.parameters for one in sides])
            different += [(f"`{row.name}`", *row.values) for row in rows]
        return different


def speed_facts(versions: Sequence[ModelVersion]) -> list[FactRow]:
    """Engine, seconds of one row and of 1,000, and bytes of memory; without what was measured of no version."""
    sides = [getattr(one, "verification", None) for one in versions]
    names = {"One row": "one_row_s", "1,000 rows": "thousand_rows_s", "Memory": "memory_bytes"}
    engines = FactRow("Inference engine", [side and side.get_engine_display() for side in sides])
    rows = [FactRow(label, [getattr(side, name, None) for side in sides]) for label, name in names.items()]
    return [row for row in (engines, *rows) if any(value is not None for value in row.values)]


def are_apart(interval: list[float] | None, other: list[float] | None) -> bool:
    """Whether two intervals are known and do not overlap."""
    return bool(interval and other) and (interval[0] > other[1] or interval[1] < other[0])


def differing(sides: list[dict]) -> list[FactRow]:
    """What is not the same on all sides; None where a side lacks it."""
    names = dict.fromkeys(name for side in sides for name in side)
    rows = [FactRow(name, [side.get(name) for side in sides]) for name in names]
    return [row for row in rows if not all(is_same(value, row.values[0]) for value in row.values)]


def have_same_target(*versions: ModelVersion) -> bool:
    """Whether the metrics measure the same thing."""
    return len({(one.dataset_id, one.task, one.target) for one in versions}) == 1


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

"""Two to six model versions beside each other: their metrics, and what differs in how they were trained."""

from dataclasses import dataclass, replace

from django.core.exceptions import ValidationError

from registry.comparison.differences import (
    FactRow,
    are_apart,
    differing,
    have_same_target,
    have_same_test_rows,
    speed_facts,
    training_facts,
)
from registry.evaluation import definitions
from registry.evaluation.definitions import Metric
from registry.models import ModelVersion

MIN_VERSIONS, MAX_VERSIONS = 2, 6


@dataclass(frozen=True)
class MetricCell:
    """A metric of one version. It is clearly the best if its interval overlaps no other."""

    value: float | None
    interval: list[float] | None
    is_best: bool = False
    is_clearly_best: bool = False


@dataclass(frozen=True)
class MetricRow:
    metric: Metric
    cells: list[MetricCell]


def chosen(names: list[str], *, most: int = MAX_VERSIONS) -> list[ModelVersion]:
    """The versions with names such as `garden/2`, in their order.

    Raises ValidationError (invalid_choice) for another number of names or another form, and NotFound.
    """
    if MIN_VERSIONS <= len(names := list(dict.fromkeys(names))) <= most:
        versions = ModelVersion.objects.with_releases().selected(names)
        if len(versions) >= MIN_VERSIONS:  # `iris/1` is also `Iris/01`
            return versions
    wanted = f"{MIN_VERSIONS} to {most}" if most > MIN_VERSIONS else "two"
    sentence = f"Select {wanted} model versions to compare."
    raise ValidationError({"model": ValidationError(sentence, code="invalid_choice")})


@dataclass(frozen=True)
class SideBySide:
    versions: list[ModelVersion]

    @property
    def labels(self) -> list[str]:
        return [f"{one.dataset.name} {one.number}" for one in self.versions]

    @property
    def have_same_target(self) -> bool:
        return have_same_target(*self.versions)

    @property
    def pairs(self) -> list[tuple[ModelVersion, ModelVersion]]:
        """The first version with each other one, if their predictions can be compared."""
        first, *others = self.versions
        is_comparable = self.have_same_target and first.task != "clustering"
        return [(first, other) for other in others] if is_comparable else []

    @property
    def have_same_test_rows(self) -> bool:
        return have_same_test_rows(*self.versions)

    @property
    def metrics(self) -> list[MetricRow]:
        """The metrics that any version has; of versions with several tasks, in the order of the tasks."""
        tasks = dict.fromkeys(one.task for one in self.versions)
        return [
            MetricRow(metric, self._cells(metric))
            for task in tasks
            for metric in definitions.of_task(task)
            if any(one.metrics.get(metric.name) is not None for one in self.versions)
        ]

    def _cells(self, metric: Metric) -> list[MetricCell]:
        cells = [
            MetricCell(one.metrics.get(metric.name), (one.metrics.get("intervals") or {}).get(metric.name))
            for one in self.versions
        ]
        values = [cell.value for cell in cells if cell.value is not None]
        if not self.have_same_target or len(values) < MIN_VERSIONS:
            return cells
        best = max(values) if metric.better == definitions.HIGHER else min(values)
        return [
            replace(
                cell,
                is_best=True,
                is_clearly_best=all(
                    are_apart(cell.interval, other.interval) for other in cells if other is not cell
                ),
            )
            if cell.value == best
            else cell
            for cell in cells
        ]

    @property
    def training(self) -> list[FactRow]:
        """What differs in the trainings."""
        return differing([training_facts(one) for one in self.versions])

    @property
    def speed(self) -> list[FactRow]:
        return speed_facts(self.versions)

    @property
    def parameters(self) -> list[FactRow]:
        return differing([one.parameters for one in self.versions])

    @property
    def columns(self) -> list[FactRow]:
        """The input columns that are used or prepared differently."""
        sides = []
        for one in self.versions:
            prepared = {choice["column"]: choice["prepare"] for choice in one.preparation}
            sides.append({name: prepared.get(name, "used") for name in one.features})
        return differing(sides)

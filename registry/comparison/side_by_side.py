"""Two to six model versions beside each other: their metrics, and what differs in how they were trained."""

import re
from dataclasses import dataclass

from django.core.exceptions import ValidationError

from registry.comparison.differences import have_same_test_rows, training_facts
from registry.estimators.parameters import is_same
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


@dataclass(frozen=True)
class FactRow:
    """A fact that differs, with its value for each version."""

    name: str
    values: list


def chosen(names: list[str]) -> list[ModelVersion]:
    """The versions with names such as `garden/2`, in their order.

    Raises ValidationError (invalid_choice) for another number of names or another form, and NotFound.
    """
    if MIN_VERSIONS <= len(names := list(dict.fromkeys(names))) <= MAX_VERSIONS:
        versions = {version.pk: version for version in map(_named, names)}  # `iris/1` is also `Iris/01`
        if len(versions) >= MIN_VERSIONS:
            return list(versions.values())
    raise _invalid(f"Select {MIN_VERSIONS} to {MAX_VERSIONS} model versions to compare.")


def _named(name: str) -> ModelVersion:
    dataset, _, number = name.rpartition("/")
    if not dataset or not re.fullmatch(r"[0-9]{1,9}", number):
        raise _invalid("A model version is named by its dataset and number, such as `iris/2`.")
    return ModelVersion.objects.numbered(dataset, int(number))


def _invalid(sentence: str) -> ValidationError:
    return ValidationError({"model": ValidationError(sentence, code="invalid_choice")})


@dataclass(frozen=True)
class SideBySide:
    versions: list[ModelVersion]

    @property
    def have_same_target(self) -> bool:
        """Whether the metrics measure the same thing."""
        return len({(one.dataset_id, one.task, one.target) for one in self.versions}) == 1

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
            MetricCell(cell.value, cell.interval, cell.value == best, _is_apart(cell, cells))
            if cell.value == best
            else cell
            for cell in cells
        ]

    @property
    def training(self) -> list[FactRow]:
        """What differs in the trainings."""
        return self._different([training_facts(one) for one in self.versions])

    @property
    def parameters(self) -> list[FactRow]:
        return self._different([one.parameters for one in self.versions])

    @property
    def columns(self) -> list[FactRow]:
        """The input columns that are used or prepared differently."""
        sides = []
        for one in self.versions:
            prepared = {choice["column"]: choice["prepare"] for choice in one.preparation}
            sides.append({name: prepared.get(name, "used") for name in one.features})
        return self._different(sides)

    @staticmethod
    def _different(sides: list[dict]) -> list[FactRow]:
        names = dict.fromkeys(name for side in sides for name in side)
        rows = [FactRow(name, [side.get(name) for side in sides]) for name in names]
        return [row for row in rows if not all(is_same(value, row.values[0]) for value in row.values)]


def _is_apart(cell: MetricCell, cells: list[MetricCell]) -> bool:
    others = [other for other in cells if other is not cell]
    if not all(one.interval for one in cells):
        return False
    return all(
        cell.interval[0] > other.interval[1] or cell.interval[1] < other.interval[0] for other in others
    )

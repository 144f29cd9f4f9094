"""Model versions in the order of a metric: beside it, how certain it is, what it costs and what is live."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from django.db.models import Count

from mlplatform.plots.bars import scale
from registry.evaluation import definitions
from registry.evaluation.definitions import Metric
from registry.models import MetricValue, ModelVersion

# Beside the metric that ranks, the first of these that its task has.
OTHER_METRICS = (
    *("accuracy", "f1_score", "roc_auc", "log_loss"),
    *("r2", "rmse", "mae", "smape"),
    *("silhouette_score", "davies_bouldin_score", "n_clusters", "n_noise"),
)
OTHERS = 2


@dataclass(frozen=True)
class Ranking:
    """What a list can be ordered by: a metric on the test or the training rows, or the worse end of its interval."""

    metric: Metric
    part: str = ""  # "", "train" or "interval"

    @property
    def name(self) -> str:
        return "_".join(part for part in (self.part, self.metric.name) if part)

    @property
    def label(self) -> str:
        suffix = {"": "", "train": " on training rows", "interval": ", worse end of the interval"}
        return self.metric.label + suffix[self.part]

    @property
    def column(self) -> str:
        """The field of MetricValue."""
        worse_end = "high" if self.metric.better == definitions.LOWER else "low"
        return {"": "value", "train": "train", "interval": worse_end}[self.part]

    @property
    def best_first(self) -> str:
        """The value of `ordering`."""
        return self.name if self.metric.better == definitions.LOWER else f"-{self.name}"


RANKINGS = {
    ranking.name: ranking
    for part in ("", "train", "interval")
    for metric in definitions.METRICS
    if metric.better or not part
    for ranking in [Ranking(metric, part)]
}


FEWEST_FOR_OUTLIERS, FAR = 5, 3  # versions, and ranges between the quartiles


@dataclass(frozen=True)
class Bar:
    """An interval and the metric on the scale of its group, from 0 to 100."""

    start: float
    length: float
    mark: float


@dataclass(frozen=True)
class Row:
    version: ModelVersion
    value: MetricValue | None
    others: list[tuple[Metric, float | None]]
    bar: Bar | None


@dataclass(frozen=True)
class Group:
    """Versions that predict the same, so that their metrics can be compared; `low` and `high` are their scale."""

    rows: list[Row]
    low: float | None
    high: float | None

    @property
    def first(self) -> ModelVersion:
        return self.rows[0].version


@dataclass(frozen=True)
class Leaderboard:
    metric: Metric

    @property
    def others(self) -> list[Metric]:
        names = [name for name in OTHER_METRICS if name != self.metric.name]
        metrics = [definitions.BY_NAME[name] for name in names]
        return [metric for metric in metrics if metric.task == self.metric.task][:OTHERS]

    @property
    def names(self) -> list[str]:
        return [self.metric.name, *(metric.name for metric in self.others)]

    def groups(self, versions: Iterable[ModelVersion]) -> list[Group]:
        """The rows of a page; the versions need for_list(names). Neighbours that predict the same are a group."""
        same = groupby(versions, key=lambda one: (one.dataset_id, one.task, one.target))
        return [self._group(list(rows)) for _, rows in same]

    def _group(self, versions: list[ModelVersion]) -> Group:
        listed = [{one.name: one for one in version.listed_metrics} for version in versions]
        values = [by_name.get(self.metric.name) for by_name in listed]
        low, high = _scale([one for one in values if one])
        rows = [
            Row(
                version,
                value,
                [(other, getattr(by_name.get(other.name), "value", None)) for other in self.others],
                _bar(value, low, high),
            )
            for version, by_name, value in zip(versions, listed, values, strict=True)
        ]
        return Group(rows, low, high)


def _scale(values: list[MetricValue]) -> tuple[float | None, float | None]:
    """The smallest and the largest end of the intervals, without those that are far from all others.

    One regressor with an R² of −6 would leave all others a pixel.
    """
    ends = [end for one in values for end in (one.low, one.value, one.high) if end is not None]
    if len(values) >= FEWEST_FOR_OUTLIERS:
        first, _, third = statistics.quantiles(ends, n=4)
        reach = FAR * (third - first)
        ends = [end for end in ends if first - reach <= end <= third + reach] or ends
    return (min(ends), max(ends)) if ends else (None, None)


def _bar(value: MetricValue | None, low: float, high: float) -> Bar | None:
    """None also for a version beyond the scale."""
    if value is None or value.low is None or value.high is None or low == high:
        return None
    start, mark, end = map(scale([low, high]), (value.low, value.value, value.high))
    if not 0 <= mark <= 100:
        return None
    start, end = max(start, 0), min(end, 100)
    return Bar(start, end - start, mark)


def metrics_of(ordering: str) -> list[str]:
    """The names of the metrics in a value of `ordering`, such as `dataset,-train_accuracy`."""
    terms = [term.strip().removeprefix("-") for term in ordering.split(",")]
    return [RANKINGS[term].metric.name for term in terms if term in RANKINGS]


def of_request(*, ordering: str, dataset: str, target: str, task: str) -> Leaderboard | None:
    """The leaderboard that a list is: ordered by a metric, or all versions of a dataset that predict the same.

    Of these the metric is the primary one of the newest. None for any other list.
    """
    if names := metrics_of(ordering):
        return Leaderboard(definitions.BY_NAME[names[0]])
    if not dataset or not (target or task == "clustering"):
        return None
    versions = ModelVersion.objects.filter(dataset__name=dataset, **({"target": target} if target else {}))
    versions = versions.filter(task=task) if task else versions
    newest = versions.values_list("primary_metric", "task").first()
    return newest and Leaderboard(definitions.primary(newest[0], task=newest[1]))


@dataclass(frozen=True)
class Target:
    """What versions of a dataset predict, and how many do. Clusterers predict no column."""

    task: str
    target: str | None
    count: int


def targets(dataset: str) -> list[Target]:
    """What the versions of a dataset predict, the most frequent first."""
    counted = (
        ModelVersion.objects.filter(dataset__name=dataset)
        .order_by()
        .values_list("task", "target")
        .annotate(count=Count("pk"))
    )
    found = [Target(task, None if task == "clustering" else target, count) for task, target, count in counted]
    clusterers = [one for one in found if one.task == "clustering"]
    found = [one for one in found if one.task != "clustering"]
    if clusterers:
        found.append(Target("clustering", None, sum(one.count for one in clusterers)))
    return sorted(found, key=lambda one: (-one.count, one.target or ""))

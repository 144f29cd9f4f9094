"""How much releases are used: requests, rows, errors and input warnings by the hour, and of the last day."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone

from catalog.models import Dataset
from registry.models import Release, Usage

DAY = timedelta(hours=24)
KEPT = timedelta(days=31)


@dataclass(frozen=True)
class Totals:
    """The usage of one or more releases in a period."""

    requests: int = 0
    rows: int = 0
    rejected: int = 0
    failed: int = 0
    input_warnings: int = 0

    @property
    def warnings_per_row(self) -> float:
        return self.input_warnings / self.rows if self.rows else 0.0


def add(counts: dict[int, dict[str, int]]) -> None:
    """Add counts by name to the current hour of each release, by its key. Those of a deleted dataset are dropped."""
    hour = _hour(timezone.now())
    releases = list(Release.objects.filter(pk__in=counts).order_by("pk").values_list("pk", flat=True))
    with transaction.atomic():
        Usage.objects.filter(hour__lt=hour - KEPT).delete()
        rows = [Usage(release_id=release, hour=hour) for release in releases]
        Usage.objects.bulk_create(rows, ignore_conflicts=True)
        for release in releases:  # in one order: two processes that wait for each other would block both
            added = {name: F(name) + count for name, count in counts[release].items() if count}
            Usage.objects.filter(release=release, hour=hour).update(**added)


def of_stage(dataset: Dataset, stage: str) -> Totals:
    """The usage of a stage in the last 24 hours, whatever was live in it."""
    return of_stages([dataset.pk]).get((dataset.pk, stage), Totals())


def of_stages(datasets: Iterable[int]) -> dict[tuple[int, str], Totals]:
    """The usage in the last 24 hours of the stages of some datasets, by the dataset's key and stage, in one query."""
    recent = Usage.objects.filter(release__dataset__in=set(datasets), hour__gt=timezone.now() - DAY)
    sums = {f"sum_{name}": Sum(name) for name in Usage.COUNTS}
    rows = recent.order_by().values("release__dataset", "release__stage").annotate(**sums)
    return {
        (row["release__dataset"], row["release__stage"]): Totals(
            **{name: row[f"sum_{name}"] for name in Usage.COUNTS}
        )
        for row in rows
    }


def stages_in_use() -> list[tuple[str, str]]:
    """The names of datasets and the stages that were called in the last 24 hours, the most used first."""
    recent = Usage.objects.filter(hour__gt=timezone.now() - DAY)
    rows = recent.order_by().values_list("release__dataset__name", "release__stage")
    return [(name, stage) for name, stage, _ in rows.annotate(total=Sum("requests")).order_by("-total")]


def _hour(time: datetime) -> datetime:
    return time.replace(minute=0, second=0, microsecond=0)

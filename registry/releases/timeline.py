"""Releases as bars over time: of one dataset a row for each stage, of all a row for each dataset."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, QuerySet
from django.utils import timezone

from catalog.models import Dataset
from registry.models import Release, Stage

MAX_RELEASES = 200
MAX_DATASETS = 20
MIN_SHARE = 0.004  # of the width, so that a release of a minute in a year is visible


@dataclass(frozen=True)
class Bar:
    """A release; `start` and `length` are shares of the width."""

    release: Release
    start: float
    length: float

    @property
    def label(self) -> str:
        """As much of the version as fits into the bar on a phone, or nothing."""
        number = str(self.release.number)
        if self.length > 0.3:
            return f"version {number}"
        return number if self.length > 0.03 * (1 + len(number)) else ""

    @property
    def middle(self) -> str:
        """The place of the label, a percentage of the width."""
        return f"{100 * (self.start + self.length / 2):.2f}%"


@dataclass(frozen=True)
class Timeline:
    """The newest releases: `rows` are pairs of a label and its bars."""

    title: str
    rows: list[tuple[str, list[Bar]]]
    first: datetime
    middle: datetime
    at: float | None = None  # the share of the width of the time that is asked for


def of_dataset(dataset: Dataset, *, at: datetime | None = None) -> Timeline | None:
    """The timeline of a dataset, the highest stage first, or None without releases."""
    releases = list(_bars().filter(dataset=dataset)[:MAX_RELEASES])
    groups: dict[str, list[Release]] = {stage.value: [] for stage in reversed(Stage)}
    for release in releases:
        groups[release.stage].append(release)
    return _drawn(groups, title=f"Releases of {dataset.name} by stage", at=at)


def of_stage(stage: Stage, *, at: datetime | None = None) -> Timeline | None:
    """The timeline of a stage, for the datasets with the newest releases, or None without releases.

    What is live comes before what has ended, however new: it is what the others are compared with.
    """
    newest = _bars().filter(stage=stage)
    groups: dict[str, list[Release]] = defaultdict(list)
    for release in newest.order_by(F("ended_at").desc(nulls_first=True), "-pk")[:MAX_RELEASES]:
        if release.dataset.name in groups or len(groups) < MAX_DATASETS:
            groups[release.dataset.name].append(release)
    return _drawn(groups, title=f"Releases in {stage} by dataset", at=at)


def _bars() -> QuerySet[Release]:
    """Releases with what a bar needs: lists of 200 are slow with their versions and users."""
    return Release.objects.select_related("dataset").only(
        "number", "stage", "started_at", "ended_at", "dataset__name"
    )


def _drawn(groups: dict[str, list[Release]], *, title: str, at: datetime | None) -> Timeline | None:
    started = [release.started_at for releases in groups.values() for release in releases]
    if not started:
        return None
    now, first = timezone.now(), min(started)
    whole = max((now - first).total_seconds(), 1)

    def share(time: datetime) -> float:
        return (time - first).total_seconds() / whole

    def bar(release: Release) -> Bar:
        start = share(release.started_at)
        length = min(max(share(release.ended_at or now) - start, MIN_SHARE), 1)
        return Bar(release, min(start, 1 - length), length)

    rows = [
        (label, [bar(one) for one in sorted(releases, key=lambda release: release.pk)])
        for label, releases in groups.items()
    ]
    marked = share(at) if at and first <= at <= now else None
    return Timeline(title, rows, first, first + (now - first) / 2, marked)

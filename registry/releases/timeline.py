"""The releases of a dataset as bars over time, a row for each stage."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from catalog.models import Dataset
from registry.models import Release, Stage

MAX_RELEASES = 200
MIN_SHARE = 0.004  # of the width, so that a release of a minute in a year is visible


@dataclass(frozen=True)
class Bar:
    """A release; `start` and `length` are shares of the width."""

    release: Release
    start: float
    length: float


@dataclass(frozen=True)
class Timeline:
    """The newest releases: `rows` are pairs of a stage and its bars, the highest stage first."""

    rows: list[tuple[Stage, list[Bar]]]
    first: datetime


def of_dataset(dataset: Dataset) -> Timeline | None:
    """The timeline of a dataset, or None without releases."""
    releases = list(Release.objects.for_list().filter(dataset=dataset)[:MAX_RELEASES])
    if not releases:
        return None
    now, first = timezone.now(), min(release.started_at for release in releases)
    whole = max((now - first).total_seconds(), 1)

    def bar(release: Release) -> Bar:
        start = (release.started_at - first).total_seconds() / whole
        end = ((release.ended_at or now) - first).total_seconds() / whole
        length = min(max(end - start, MIN_SHARE), 1)
        return Bar(release, min(start, 1 - length), length)

    stages = reversed(Stage)
    rows = [(stage, [bar(one) for one in reversed(releases) if one.stage == stage]) for stage in stages]
    return Timeline(rows, first)

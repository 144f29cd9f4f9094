"""Home: what is live and how it does, what is running, what was trained, and what waits for the user."""

from dataclasses import dataclass

from django.db.models import Count
from django.shortcuts import render

from catalog import examples
from catalog.models import Dataset, DatasetVersion
from mlplatform.auth import permissions
from registry.comparison import standing
from registry.models import ModelVersion, Release
from registry.querysets import WIDE_COLUMNS
from serving.workbench import live, waiting

RECENT = 6


@dataclass(frozen=True)
class Step:
    """One of the steps from a table to predictions in production."""

    title: str
    text: str
    is_done: bool


@permissions.page()
def home(request):
    trained = ModelVersion.objects.with_releases().defer(*WIDE_COLUMNS)[:RECENT]
    counts = {"datasets": Dataset.objects.count(), "models": ModelVersion.objects.count()}
    live_counts = dict(Release.objects.live().values_list("stage").annotate(Count("pk")))
    context = {
        "counts": counts,
        "live_counts": live_counts,
        "running_count": live.running_count(),
        "releases": live.releases(),
        "jobs": live.jobs(),
        "trained": standing.against_live(trained),
        "waiting": waiting.for_user(request.user),
        "datasets": DatasetVersion.objects.newest().for_lists().order_by("-created_at")[:RECENT],
        "steps": steps(counts, live_counts),
        "examples": examples.EXAMPLES,
    }
    return render(request, "serving/home.html", context)


def steps(counts: dict[str, int], live_counts: dict[str, int]) -> list[Step]:
    """The way of a new platform; none once a version is live in production."""
    if live_counts.get("production"):
        return []
    is_promoted = bool(live_counts.get("staging"))
    return [
        Step(
            "Upload",
            "A table as CSV, Excel, Parquet or JSON lines. Column types are detected automatically.",
            counts["datasets"] > 0,
        ),
        Step(
            "Train",
            "Any scikit-learn algorithm, evaluated on held-out rows.",
            counts["models"] > 0,
        ),
        Step(
            "Promote",
            "From dev to staging to production, with release history and rollback.",
            is_promoted,
        ),
        Step(
            "Predict",
            "Try the live model in the browser, or call its API.",
            False,
        ),
    ]

"""What the search finds of scoring jobs."""

from django.urls import reverse

from mlplatform.search.relevance import Match, Query, best, numbered
from mlplatform.search.results import Result, Source
from serving.models import ScoringJob


def scoring_jobs(query: Query, limit: int) -> list[Result]:
    """By number, file and dataset."""
    found = numbered(
        ScoringJob.objects.for_lists(),
        query,
        number_field="pk",
        nouns={"scoring", "job"},
        names=["filename", "dataset_name"],
        fields=["filename", "dataset_name"],
    )
    return [
        Result(
            name=f"Scoring job {job.pk}",
            description=f"{job.filename} by {job.dataset_name} version {job.version}, {job.get_state_display()}",
            match=Match(job.match),
            page=reverse("serving:job", args=[job.pk]),
            url=reverse("api-scoring-job", args=[job.pk]),
        )
        for job in best(found, order=("-id",), limit=limit)
    ]


SCORING_JOBS = Source("scoring_job", "Scoring jobs", scoring_jobs)

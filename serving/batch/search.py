"""What the search finds of scoring jobs."""

from django.db.models import Case, Q, When
from django.urls import reverse

from mlplatform.search.relevance import Match, Query, best
from mlplatform.search.results import Result, Source
from serving.models import ScoringJob


def scoring_jobs(query: Query, limit: int) -> list[Result]:
    """By number, file and dataset."""

    def has(word: str) -> Q:
        return Q(filename__icontains=word) | Q(dataset_name__icontains=word)

    number, rest = query.split_number({"scoring", "job"})
    found = (
        ScoringJob.objects.for_lists()
        .filter(query.every_word(has) | Q(pk=number) & rest.every_word(has))
        .annotate(
            match=Case(
                When(pk=number, then=rest.match("filename", "dataset_name")),
                default=query.match("filename", "dataset_name"),
            )
        )
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

"""What the search finds in the registry: model versions and training jobs."""

from django.urls import reverse

from mlplatform.search.relevance import Match, Query, best, numbered
from mlplatform.search.results import Result, Source
from registry.models import ModelVersion, TrainingGroup, TrainingJob
from registry.querysets import WIDE_COLUMNS


def models(query: Query, limit: int) -> list[Result]:
    """By dataset, algorithm, target, description and number."""
    versions = ModelVersion.objects.with_releases().defer(*WIDE_COLUMNS)
    found = numbered(
        versions,
        query,
        number_field="number",
        nouns={"model", "version"},
        names=["dataset__name", "algorithm"],
        fields=["dataset__name", "algorithm", "target", "description"],
    )
    return [
        Result(
            name=f"{version.dataset.name} version {version.number}",
            description=", ".join(
                [version.algorithm, version.task]
                + ([f"live in {' and '.join(version.live_stages)}"] if version.live_stages else [])
            ),
            match=Match(version.match),
            page=reverse("registry:model", args=[version.dataset.name, version.number]),
            url=reverse("api-model", args=[version.dataset.name, version.number]),
        )
        for version in best(found, order=("-id",), limit=limit)
    ]


def jobs(query: Query, limit: int) -> list[Result]:
    """By number, dataset and algorithm."""
    found = numbered(
        TrainingJob.objects.for_list(),
        query,
        number_field="pk",
        nouns={"training", "job"},
        names=["dataset_name"],
        fields=["dataset_name", "class_name"],
    )
    return [
        Result(
            name=f"Job {job.pk}",
            description=f"{job.algorithm_label} on {job.dataset_name}, {job.get_state_display()}",
            # Of the algorithm only here: the database would read it from JSON several times for each job.
            match=min(Match(job.match), query.match_of(job.algorithm, default=Match.TEXT)),
            page=reverse("registry:job", args=[job.pk]),
            url=reverse("api-job", args=[job.pk]),
        )
        for job in best(found, order=("-id",), limit=limit)
    ]


def groups(query: Query, limit: int) -> list[Result]:
    """By number, dataset and algorithm."""
    found = numbered(
        TrainingGroup.objects.for_list(),
        query,
        number_field="pk",
        nouns={"training", "group"},
        names=["job__dataset_name", "algorithm"],
        fields=["job__dataset_name", "algorithm"],
    )
    return [
        Result(
            name=f"Training group {group.pk}",
            description=f"{group.title} on {group.job.dataset_name}, {group.job.get_state_display()}",
            match=Match(group.match),
            page=reverse("registry:group", args=[group.pk]),
            url=reverse("api-group", args=[group.pk]),
        )
        for group in best(found, order=("-id",), limit=limit)
    ]


MODELS = Source("model", "Model versions", models)
JOBS = Source("job", "Training jobs", jobs)
GROUPS = Source("group", "Training groups", groups)

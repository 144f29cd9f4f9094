"""What the search finds in the catalog: datasets, columns of their newest versions, tags and import jobs."""

from operator import attrgetter

from django.db.models import Count, Q
from django.urls import reverse
from django.utils.http import urlencode

from catalog.models import Dataset, DatasetVersion, ImportJob
from mlplatform.metadata.markdown import first_line
from mlplatform.metadata.models import Tag
from mlplatform.search.relevance import Match, Query, best, numbered
from mlplatform.search.results import Result, Source

MAX_TABLES = 50  # whose columns are read


def datasets(query: Query, limit: int) -> list[Result]:
    """By name, description, tags, the query that made it, and the address of files by reference."""

    def has(word: str) -> Q:
        tagged = Dataset.tags.through.objects.filter(tag__name__icontains=word).values("dataset")
        derived = DatasetVersion.objects.filter(derivations__sql__icontains=word).values("dataset")
        registered = DatasetVersion.objects.filter(uri__icontains=word).values("dataset")
        written = Q(name__icontains=word) | Q(description__icontains=word)
        return written | Q(pk__in=tagged) | Q(pk__in=derived) | Q(pk__in=registered)

    found = Dataset.objects.filter(query.every_word(has)).annotate(match=query.match("name"))
    return [
        Result(
            name=dataset.name,
            description=first_line(dataset.description),
            match=Match(dataset.match),
            page=reverse("catalog:dataset", args=[dataset.name]),
            url=reverse("api-dataset", args=[dataset.name]),
        )
        for dataset in best(found, order=("name",), limit=limit)
    ]


def columns(query: Query, limit: int) -> list[Result]:
    """By name, of the newest version of each dataset."""
    versions = (
        DatasetVersion.objects.newest()
        .filter(query.every_word(lambda word: Q(column_names__icontains=word)))
        .annotate(match=query.match("column_names", before="\n", after="\n"))
        .order_by("match", "dataset__name")
        .values_list("dataset__name", "column_names")
    )
    found = [
        Result(
            name=column,
            description=f"in {dataset}",
            match=match,
            page=f"{reverse('catalog:column', args=[dataset])}?{urlencode({'name': column})}",
            url=reverse("api-dataset", args=[dataset]),
        )
        for dataset, names in versions[: max(limit, MAX_TABLES)]
        for column in names.strip("\n").split("\n")
        if (match := query.match_of(column)) is not None
    ]
    return sorted(found, key=attrgetter("match"))[:limit]


def tags(query: Query, limit: int) -> list[Result]:
    found = (
        Tag.objects.filter(query.every_word(lambda word: Q(name__icontains=word)))
        .annotate(match=query.match("name"), count=Count("datasets"))
        .filter(count__gt=0)
    )
    return [
        Result(
            name=tag.name,
            description=f"{tag.count:,} dataset{'' if tag.count == 1 else 's'}",
            match=Match(tag.match),
            page=f"{reverse('catalog:datasets')}?{urlencode({'tag': tag.name})}",
            url=f"{reverse('api-datasets')}?{urlencode({'tag': tag.name})}",
        )
        for tag in found.order_by("match", "name")[:limit]
    ]


def imports(query: Query, limit: int) -> list[Result]:
    """By number, file and dataset."""
    found = numbered(
        ImportJob.objects.for_lists(),
        query,
        number_field="pk",
        nouns={"import", "job"},
        names=["filename", "name"],
        fields=["filename", "name"],
    )
    return [
        Result(
            name=f"Import {job.pk}",
            description=f"{job.filename} as {job.name}, {job.get_state_display()}",
            match=Match(job.match),
            page=reverse("catalog:import", args=[job.pk]),
            url=reverse("api-import", args=[job.pk]),
        )
        for job in best(found, order=("-id",), limit=limit)
    ]


DATASETS = Source("dataset", "Datasets", datasets)
COLUMNS = Source("column", "Columns", columns)
TAGS = Source("tag", "Tags", tags)
IMPORTS = Source("import", "Import jobs", imports)

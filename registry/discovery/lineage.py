"""The model versions that were trained on a dataset, and those that use one of its columns, for its pages."""

import json
from collections import defaultdict

from django.db.models import Count, Q
from django.urls import reverse

from catalog.discovery.lineage import NEWEST, Dependents, Link
from catalog.models import Dataset
from registry.models import ModelVersion
from registry.querysets import WIDE_COLUMNS


def models(dataset: Dataset) -> Dependents:
    trained = ModelVersion.objects.filter(dataset=dataset)
    newest = defaultdict(list)
    for version in trained.with_releases().defer(*WIDE_COLUMNS)[:NEWEST]:
        live = f"live in {' and '.join(version.live_stages)}" if version.live_stages else ""
        link = Link(
            name=f"version {version.number}",
            note=", ".join(part for part in (version.algorithm, live) if part),
            page=reverse("registry:model", args=[dataset.name, version.number]),
        )
        newest[version.dataset_version.number].append(link)
    counts = dict(trained.order_by().values_list("dataset_version__number").annotate(Count("pk")))
    return Dependents("Model versions", "registry:models", counts, newest)


def models_that_use(dataset: Dataset, column: str) -> list[Link]:
    """The newest versions that have the column among their inputs, or predict it."""
    # As the database writes a text in JSON: SQLite in ASCII, PostgreSQL as it is.
    texts = {json.dumps(column), json.dumps(column, ensure_ascii=False)}
    named = Q(*(("features__icontains", text) for text in texts), _connector=Q.OR) | Q(target=column)
    read = [name for name in WIDE_COLUMNS if name != "features"]
    found = ModelVersion.objects.filter(named, dataset=dataset).with_releases().defer(*read)
    return [
        Link(
            name=f"version {version.number}",
            note=", ".join(
                [version.algorithm]
                + (["predicts it"] if version.target == column and version.task != "clustering" else [])
                + ([f"live in {' and '.join(version.live_stages)}"] if version.live_stages else [])
            ),
            page=reverse("registry:model", args=[dataset.name, version.number]),
        )
        for version in found[:NEWEST]
        if column in version.features or (version.target == column and version.task != "clustering")
    ]

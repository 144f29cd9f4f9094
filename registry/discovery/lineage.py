"""The model versions that were trained on a dataset, for its page."""

from collections import defaultdict

from django.db.models import Count
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

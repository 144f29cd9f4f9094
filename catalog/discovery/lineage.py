"""What was made from the versions of a dataset: other datasets, and what the functions of DATASET_LINEAGE return."""

from collections import defaultdict
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.module_loading import import_string

from catalog.models import Dataset, DatasetVersion

NEWEST = 100  # objects of each kind that are read
SHOWN = 5  # for each version
MAX_VERSIONS = 20


@dataclass(frozen=True)
class Link:
    """An object that was made from a dataset version."""

    name: str
    note: str
    page: str


@dataclass(frozen=True)
class Dependents:
    """The objects of one kind that were made from a dataset, by the numbers of its versions."""

    label: str
    page: str  # of their list, which filters by `dataset` and `dataset_version`; empty without one
    counts: dict[int, int]
    newest: dict[int, list[Link]]


@dataclass(frozen=True)
class Cell:
    links: list[Link]
    more: int
    page: str


def dependents(dataset: Dataset) -> list[Dependents]:
    return [import_string(path)(dataset) for path in settings.DATASET_LINEAGE]


def rows(dataset: Dataset, kinds: list[Dependents]) -> list[tuple[int, list[Cell]]]:
    """The newest versions from which anything was made, with a cell for each kind."""
    numbers = sorted({number for kind in kinds for number in kind.counts}, reverse=True)[:MAX_VERSIONS]
    return [(number, [_cell(dataset, kind, number) for kind in kinds]) for number in numbers]


def _cell(dataset: Dataset, kind: Dependents, number: int) -> Cell:
    links = kind.newest.get(number, [])[:SHOWN]
    query = urlencode({"dataset": dataset.name, "dataset_version": number})
    page = f"{reverse(kind.page)}?{query}" if kind.page else ""
    return Cell(links, kind.counts.get(number, 0) - len(links), page)


def derived_datasets(dataset: Dataset) -> Dependents:
    """The versions that queries have made from those of a dataset."""
    source = "derivations__inputs__version_number"
    made = DatasetVersion.objects.filter(derivations__inputs__version__dataset=dataset)
    newest = defaultdict(list)
    rows = made.order_by("-pk").values_list(source, "dataset__name", "number").distinct()
    for number, name, version in rows[:NEWEST]:
        page = f"{reverse('catalog:dataset', args=[name])}?version={version}"
        newest[number].append(Link(name=name, note=f"version {version}", page=page))
    counts = dict(made.order_by().values_list(source).annotate(Count("pk", distinct=True)))
    return Dependents("Derived datasets", "", counts, newest)

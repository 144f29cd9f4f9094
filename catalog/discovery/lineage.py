"""What was made from the versions of a dataset. The apps above say it: DATASET_LINEAGE names their functions."""

from dataclasses import dataclass

from django.conf import settings
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.module_loading import import_string

from catalog.models import Dataset

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
    page: str  # of their list, which filters by `dataset` and `dataset_version`
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
    return Cell(links, kind.counts.get(number, 0) - len(links), f"{reverse(kind.page)}?{query}")

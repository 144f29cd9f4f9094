"""The search over everything. Each app has sources, which SEARCH_SOURCES names."""

from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.utils.module_loading import import_string

from mlplatform.search.relevance import Match, Query


@dataclass(frozen=True)
class Result:
    """An object that a search has found, with the addresses of its page and of its API call."""

    name: str
    description: str
    match: Match
    page: str
    url: str


@dataclass(frozen=True)
class Source:
    """One kind of objects. `find` returns at most `limit` results, the most relevant first, by a few queries."""

    kind: str
    label: str
    find: Callable[[Query, int], list[Result]]


@dataclass(frozen=True)
class Group:
    """The results of one kind."""

    kind: str
    label: str
    results: list[Result]
    has_more: bool


def sources() -> dict[str, Source]:
    return {source.kind: source for source in map(import_string, settings.SEARCH_SOURCES)}


def kinds() -> list[tuple[str, str]]:
    return [(source.kind, source.label) for source in sources().values()]


def search(text: str, *, kind: str = "", limit: int) -> list[Group]:
    """What has every word of the text: one group for each kind that has results, or for the given kind only.

    The group with the most relevant result comes first. Raises ValidationError for too many words.
    """
    query = Query.parse(text)
    if not query.words:
        return []
    groups = []
    for source in sources().values():
        if kind in ("", source.kind) and (results := source.find(query, limit + 1)):
            groups.append(Group(source.kind, source.label, results[:limit], len(results) > limit))
    return sorted(groups, key=lambda group: group.results[0].match)

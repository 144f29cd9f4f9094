"""The rows of a table: pages of them, filters of columns, and a search in all columns."""

import json
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import numpy as np
from django.core.exceptions import ValidationError

from catalog.exploration.copies import StoredCopy
from catalog.exploration.json_cells import json_rows
from catalog.models import DatasetVersion
from catalog.profiling import sql
from catalog.profiling.typed_copy import TypedCopy
from mlplatform.errors import NotReady
from mlplatform.jobs.children import calls

PAGE = 50
MAX_COLUMNS = 100  # of a page
MAX_FILTERS = 20
MAX_CHOICES = 1_000  # columns in the list of the form
MAX_LENGTH = 1_000  # of a value
TIMEOUT_S, MEMORY_MB = 15, 1024
OPERATORS = {
    "=": "is",
    "!=": "is not",
    "contains": "contains",
    "<": "is less than",
    ">": "is greater than",
    "missing": "is missing",
    "present": "is not missing",
}
WRITTEN = {
    "integer": set("-0123456789"),
    "number": set("-+.0123456789einf"),
    "date": set("-:. 0123456789"),
}
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
turns = calls.Turns(at_once=2, wait_s=10, purpose="read the table", busy="reading other tables")
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Filter:
    """A condition on a column; the value of `missing` and `present` is empty."""

    column: str
    operator: str
    value: str = ""


@dataclass(frozen=True)
class Page:
    """Rows from position `start` of the `total` that match: `positions` in the table, counted from 0, and `cells`."""

    start: int
    total: int
    columns: list[dict]
    positions: list[int]
    cells: list[list]


def filters(text: str, columns: Sequence[dict]) -> list[Filter]:
    """The filters of a JSON text: a list of [column, operator, value]. Raises ValidationError for the field `where`."""
    try:
        items = json.loads(text or "[]")
        if not isinstance(items, list) or not all(isinstance(item, list) for item in items):
            raise TypeError
        found = [Filter(*item) for item in items]
        if not all(isinstance(part, str) for one in found for part in asdict(one).values()):
            raise TypeError
    except (ValueError, TypeError, RecursionError) as error:
        raise _invalid('Send a list of filters, such as [["age", ">", "30"]].') from error
    if len(found) > MAX_FILTERS:
        raise _invalid(f"There are {len(found)} filters; the limit is {MAX_FILTERS}.")
    types = {column["name"]: column["type"] for column in columns}
    for one in found:
        _check(one, types)
    return found


def with_filter(where: list[Filter], columns: Sequence[dict], parts: list[str]) -> list[Filter]:
    """The filters and another one: its column, operator and value; without a column or an operator only the filters."""
    column, operator, value = parts
    if not column or not operator or (not value and operator not in ("missing", "present")):
        return where
    return filters(
        json.dumps([*(list(asdict(one).values()) for one in where), [column, operator, value]]), columns
    )


def _check(one: Filter, types: dict[str, str]) -> None:
    if one.column not in types:
        raise _invalid(f"The dataset has no column `{one.column[:100]}`.")
    if one.operator not in OPERATORS:
        raise _invalid(f"Unknown operator `{one.operator[:20]}`; use {', '.join(OPERATORS)}.")
    if len(one.value) > MAX_LENGTH:
        raise _invalid(f"A value has more than {MAX_LENGTH:,} characters.")
    kind = types[one.column]
    if one.operator in ("<", ">") and kind == "boolean":
        raise _invalid(f"`{one.column}` is true or false: use = instead of {one.operator}.")
    if one.operator in ("=", "!=", "<", ">"):
        _typed(one, kind)


def _typed(one: Filter, kind: str) -> object:
    """The value in the type of the column."""
    text = one.value.strip()
    if kind in ("integer", "number"):
        if not NUMBER.fullmatch(text):
            raise _invalid(f"`{one.column}` has numbers, and `{text[:50]}` is none.")
        return int(text) if re.fullmatch(r"[+-]?\d{1,18}", text) else float(text)
    if kind == "boolean":
        if text.lower() not in ("true", "false"):
            raise _invalid(f"`{one.column}` is true or false, not `{text[:50]}`.")
        return text.lower() == "true"
    if kind == "date":
        try:
            return datetime.fromisoformat(text).replace(tzinfo=None)
        except ValueError as error:
            raise _invalid(f"`{one.column}` has dates, such as 2026-01-31; `{text[:50]}` is none.") from error
    return one.value


def _invalid(sentence: str) -> ValidationError:
    return ValidationError({"where": ValidationError(sentence, code="invalid")})


def page(
    version: DatasetVersion,
    *,
    start: int = 0,
    rows: int = PAGE,
    where: Sequence[Filter] = (),
    search: str = "",
) -> Page:
    """Up to `rows` rows from position `start`, of all rows or of those that match.

    All rows are read in this process, a few at a time; filters run in a child process, and all that is read of a
    version by reference. Raises NotReady if the object store does not respond, or if that takes longer than 15 seconds.
    """
    names, copy = _shown(version, where), StoredCopy.of(version)
    if where or search or copy.reference:
        arguments = {
            "columns": version.columns,
            "where": where,
            "search": search,
            "start": start,
            "rows": rows,
        }
        found = _in_child(version, copy=copy, names=names, **arguments)
        total = version.row_count if found["total"] is None else found["total"]
        return Page(start, columns=_columns(version, names), **found | {"total": total})
    table = copy.slice(start, rows, names)
    positions = list(range(start, start + table.num_rows))
    return _page(version, start, version.row_count, positions, table)


def _in_child(version: DatasetVersion, **arguments) -> dict:
    with turns.child(f"{__name__}.run", **arguments) as child:
        try:
            found = calls.result(child, TIMEOUT_S)
        except calls.ChildDied as death:
            logger.error("reading rows of %s ended with %s: %s", version, death, child.log)
            raise NotReady(
                "Reading the table failed, and the error has been logged. Try fewer filters.",
                code="process_died",
            ) from death
    if found is None:
        raise NotReady(
            f"Reading the table exceeded its {TIMEOUT_S}-second limit. {_remedy(version)}",
            code="timeout",
        )
    return found


def _remedy(version: DatasetVersion) -> str:
    if version.uri:
        return "It is registered by reference: make a dataset of the part that you need by SQL."
    return "Filter fewer columns, or try again when the server is less busy."


def one(version: DatasetVersion, position: int, names: Sequence[str]) -> dict[str, object]:
    """These columns of the row at a position, counted from 0, as JSON values. Raises NotReady."""
    copy = StoredCopy.of(version)
    if copy.reference:
        unfiltered = {"columns": version.columns, "where": [], "search": ""}
        found = _in_child(version, copy=copy, names=list(names), start=position, rows=1, **unfiltered)
        return dict(zip(names, found["cells"][0], strict=True))
    table = copy.slice(position, 1, names)
    return dict(zip(table.schema.names, json_rows(table)[0], strict=True))


def _shown(version: DatasetVersion, where: Sequence[Filter]) -> list[str]:
    """The first columns, and those that are filtered."""
    first = [column["name"] for column in version.columns[:MAX_COLUMNS]]
    return list(dict.fromkeys([*first, *(one.column for one in where)]))


def _columns(version: DatasetVersion, names: Sequence[str]) -> list[dict]:
    by_name = {column["name"]: column for column in version.columns}
    return [by_name[name] for name in names]


def _page(version, start, total, positions, table) -> Page:
    return Page(start, total, _columns(version, table.schema.names), positions, json_rows(table))


def run(
    *,
    copy: StoredCopy,
    columns: list[dict],
    where: list[Filter],
    search: str,
    start: int,
    rows: int,
    names: list[str],
) -> Iterator[dict]:
    """What the child process runs. Of all rows, `total` is None."""

    def answers():
        if not where and not search:
            table = copy.slice(start, rows, names)
            positions = list(range(start, start + table.num_rows))
            yield {"total": None, "positions": positions, "cells": json_rows(table)}
            return
        used = columns
        if copy.reference and not search:  # a copy of the columns that are filtered is enough
            filtered = {one.column for one in where}
            used = [column for column in columns if column["name"] in filtered]
        with copy.opened([column["name"] for column in used]) as opened:
            found = np.flatnonzero(matches(opened, used, where, search=search))
            positions = found[start : start + rows].tolist()
            table = (copy.reference or opened).take(positions, names)
            yield {"total": len(found), "positions": positions, "cells": json_rows(table)}

    busy = NotReady("Filtering the table needs too much memory. Filter fewer columns.", code="out_of_memory")
    yield from calls.results(answers(), memory_mb=MEMORY_MB, out_of_memory=busy)


def matches(
    copy: TypedCopy, columns: Sequence[dict], where: Sequence[Filter], *, search: str = ""
) -> np.ndarray:
    """For each row of the table, whether it matches all filters and has the search text in one of its columns."""
    places = {column["name"]: place for place, column in enumerate(columns)}
    conditions, parameters, used = [], [], set()
    for one in where:
        place = places[one.column]
        condition, values = _condition(one, place, columns[place]["type"])
        conditions.append(condition)
        parameters += values
        used.add(place)
    is_match = np.zeros(copy.rows, bool)
    if search:
        searched = [place for place, column in enumerate(columns) if _can_contain(column["type"], search)]
        if not searched:
            return is_match
        conditions.append(f"({' OR '.join(_contains(place, columns[place]['type']) for place in searched)})")
        parameters += [search.lower()] * len(searched)
        used |= set(searched)
    for positions in sql.positions(
        copy, " AND ".join(conditions), places=sorted(used), parameters=parameters
    ):
        is_match[positions] = True
    return is_match


def _condition(one: Filter, place: int, kind: str) -> tuple[str, list]:
    column = sql.name(place)
    if one.operator in ("missing", "present"):
        return f"{column} IS {'NOT ' if one.operator == 'present' else ''}NULL", []
    if one.operator == "contains":
        return _contains(place, kind), [one.value.lower()]
    value = _typed(one, kind)
    is_day = kind == "date" and len(one.value.strip()) == len("2026-01-31")
    if is_day and one.operator in ("=", "!="):
        negation = "NOT " if one.operator == "!=" else ""
        return f"{negation}({column} >= ? AND {column} < ?)", [value, value + timedelta(days=1)]
    if is_day and one.operator == ">":
        return f"{column} >= ?", [value + timedelta(days=1)]
    return f"{column} {'<>' if one.operator == '!=' else one.operator} ?", [value]


def _can_contain(kind: str, search: str) -> bool:
    """Whether the texts of a type have such characters: writing all numbers as texts takes most of the time."""
    if kind == "boolean":
        return search.lower() in "true" or search.lower() in "false"
    return kind == "text" or set(search.lower()) <= WRITTEN[kind]


def _contains(place: int, kind: str) -> str:
    column = sql.name(place)
    text = column if kind == "text" else f"CAST({column} AS VARCHAR)"
    return f"contains(lower({text}), ?)"

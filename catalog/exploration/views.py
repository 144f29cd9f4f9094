"""The pages that explore a dataset version: a column, its rows, and its comparison with another version."""

import json
from dataclasses import astuple
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.shortcuts import render
from django.urls import reverse

from catalog import display
from catalog.exploration import columns, comparison, pictures
from catalog.exploration import rows as table_rows
from catalog.models import Dataset
from mlplatform.auth import permissions
from mlplatform.errors import NotReady, status_of
from mlplatform.validation.forms import integer

MAX_MOVED = 100  # columns on the page of a comparison; the API returns all
ROW_PARAMETERS = ("version", "where", "q", "row", "column", "operator", "value")


@permissions.page(query=("version", "name"))
def column(request, name):
    dataset = Dataset.objects.named(name)
    version = dataset.version(integer(request.GET, "version"))
    detail = columns.detail(version, request.GET.get("name", ""))
    template = "catalog/_column.html" if request.htmx and not request.htmx.boosted else "catalog/column.html"
    context = {"dataset": dataset, "version": version, "column": detail}
    return render(request, template, context | {"users": columns.users_of(dataset, detail["name"])})


@permissions.page(query=ROW_PARAMETERS)
def rows(request, name):
    dataset = Dataset.objects.named(name)
    version = dataset.version(integer(request.GET, "version"))
    query = request.GET
    where, search, start, error, page = [], query.get("q", ""), 0, None, None
    try:
        where = table_rows.filters(query.get("where", ""), version.columns)
        where = table_rows.with_filter(
            where, version.columns, [query.get(part, "") for part in ("column", "operator", "value")]
        )
        start = max((integer(query, "row") or 1) - 1, 0)
        page = table_rows.page(version, start=start, where=where, search=search)
    except ValidationError as failure:
        error = failure
    context = {
        "dataset": dataset,
        "version": version,
        "operators": table_rows.OPERATORS.items(),
        "choices": [column["name"] for column in version.columns[: table_rows.MAX_CHOICES]],
        "chosen": query.get("column", "") if not query.get("operator") or error else "",
        "search": search,
        "error": error and error.messages[0],
        "all": _address(dataset, version),
        "where": _json(where),
        "filters": [
            vars(one)
            | {
                "label": table_rows.OPERATORS[one.operator],
                "remove": _address(dataset, version, [other for other in where if other is not one], search),
            }
            for one in where
        ],
        "is_filtered": bool(where or search),
        **(_of_page(dataset, version, page, where, search) if page else {}),
    }
    return render(request, "catalog/rows.html", context, status=status_of(error) if error else 200)


def _of_page(dataset, version, page, where, search) -> dict:
    header = display.header_of(page.columns)
    last = page.start + len(page.cells)
    before = max(page.start - table_rows.PAGE, 0)
    return {
        "header": header,
        "cells": [
            (position + 1, display.row_of(row, header))
            for position, row in zip(page.positions, page.cells, strict=True)
        ],
        "first": page.start + 1,
        "last": last,
        "total": page.total,
        "previous": _address(dataset, version, where, search, before) if page.start else None,
        "next": _address(dataset, version, where, search, last) if last < page.total else None,
    }


def _address(dataset, version, where=(), search: str = "", start: int = 0) -> str:
    values = {
        "version": version.number,
        "where": _json(where),
        "q": search,
        "row": start + 1 if start else "",
    }
    query = urlencode({name: value for name, value in values.items() if value})
    return f"{reverse('catalog:rows', args=[dataset.name])}?{query}"


def _json(where) -> str:
    filters = [list(astuple(one)) for one in where]
    return json.dumps(filters, ensure_ascii=False) if filters else ""


@permissions.page(query=("from", "to"))
def compare(request, name):
    """What changed between two versions; by default, between the last two."""
    dataset = Dataset.objects.named(name)
    after = dataset.version(integer(request.GET, "to"))
    before = dataset.version(integer(request.GET, "from") or max(after.number - 1, 1))
    error = found = None
    try:
        found = comparison.compare(before, after)
    except NotReady as failure:
        error = failure
    context = {
        "dataset": dataset,
        "before": before,
        "after": after,
        "versions": dataset.versions.for_lists(),
        "error": error and error.messages[0],
        "found": found,
        "moved": [pictures.moved(one) for one in found["distributions"][:MAX_MOVED]] if found else [],
    }
    return render(request, "catalog/compare.html", context, status=status_of(error) if error else 200)

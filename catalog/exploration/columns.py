"""The profile of a version for its pages: pictures and texts of each column, in any order."""

from collections.abc import Callable

from django.conf import settings
from django.utils.module_loading import import_string

from catalog.exploration import pictures
from catalog.models import Dataset, DatasetVersion
from mlplatform.errors import NotFound
from mlplatform.number_formats import column_value

# What the table can be sorted by; values that are missing come last.
KEYS: dict[str, Callable[[dict], object]] = {
    "name": lambda one: one["name"].lower(),
    "role": lambda one: one.get("role") or one["type"],
    "missing": lambda one: one["missing"],
    "distinct": lambda one: one["distinct"],
    "mean": lambda one: None if one["type"] == "date" else one["mean"],
    "deviation": lambda one: one.get("deviation"),
}
TONES = {
    "identifier": "amber", "constant": "amber", "empty": "red", "category": "violet", "free text": "slate",
    "measure": "blue", "date": "green",
}  # fmt: skip


def ordered(version: DatasetVersion, ordering: str = "") -> list[dict]:
    """The profiles of the columns, sorted by a key of KEYS, descending after a "-"; else in the order of the table."""
    key = KEYS.get(ordering.removeprefix("-"))
    if key is None:
        return version.profile
    known = [one for one in version.profile if key(one) is not None]
    unknown = [one for one in version.profile if key(one) is None]
    return sorted(known, key=key, reverse=ordering.startswith("-")) + unknown


def row(one: dict, *, rows: int) -> dict:
    """A row of the table of columns."""
    quantiles = one.get("quantiles")
    return one | {
        "missing_share": one["missing"] / max(rows, 1),
        "role": one.get("role") or one["type"],
        "tone": TONES.get(one.get("role"), "grey"),
        "min": column_value(one["min"]),
        "max": column_value(one["max"]),
        "mean": None if one["type"] == "date" else column_value(one["mean"], 4),
        "median": column_value(quantiles[2]) if quantiles else None,
        "deviation": column_value(one.get("deviation"), 4),
        "picture": pictures.of_column(one),
        "values": pictures.top_values(one, rows=rows, limit=2)
        if one["type"] not in pictures.MEASURES
        else [],
    }


def detail(version: DatasetVersion, name: str) -> dict:
    """One column with all that is known of it. Raises NotFound."""
    one = next((one for one in version.profile if one["name"] == name), None)
    if one is None:
        raise NotFound(f"{version} has no column `{name[:100]}`.", code="column_not_found")
    labels = ("5th percentile", "25th percentile", "Median", "75th percentile", "95th percentile")
    quantiles = zip(labels, one.get("quantiles") or [], strict=False)
    return row(one, rows=version.row_count) | {
        "warnings": [warning for warning in version.warnings if warning["column"] == name],
        "quantiles": [(label, column_value(value)) for label, value in quantiles],
        "values": pictures.top_values(one, rows=version.row_count, limit=10),
        "count": version.row_count - one["missing"],
    }


def users_of(dataset: Dataset, name: str) -> list:
    """The models that use a column, as links: see registry.discovery.lineage."""
    return import_string(settings.COLUMN_LINEAGE)(dataset, name)

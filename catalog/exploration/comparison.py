"""Compare two versions of a dataset: columns, and how far the distributions of their values have moved."""

import logging
import math
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from django.conf import settings
from django.utils.module_loading import import_string

from catalog.exploration.copies import StoredCopy
from catalog.models import DatasetVersion
from catalog.profiling import sql, statistics, text_statistics
from catalog.profiling.ingest import ingest
from catalog.profiling.typed_copy import TypedCopy
from catalog.readers.recipe import ParseRecipe
from mlplatform.errors import NotReady
from mlplatform.jobs.children import calls

BINS = 10
TIMEOUT_S, MEMORY_MB = 25, 1024
FLOOR = 0.0001  # of a share, and half a value, since the index is infinite for an empty bin
CERTAIN = 2.326  # standard deviations: by chance, 1 of 100 columns has a larger index
MODERATE, LARGE = 0.1, 0.25  # of the population stability index: the usual limits
RENAMED = 0.1  # the index below which two columns of one type can be the same under another name
MAX_COLUMNS = 500
MAX_ROWS = 200_000  # of a file
turns = calls.Turns(at_once=2, wait_s=10, purpose="compare the versions", busy="comparing other versions")
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Side:
    """One of the two tables: the `columns` and `profile` of a dataset version, or of a file that may become one."""

    columns: list[dict]
    profile: list[dict]
    rows: int

    @classmethod
    def of(cls, version: DatasetVersion) -> "Side":
        return cls(version.columns, version.profile, version.row_count)


def compare(before: DatasetVersion, after: DatasetVersion) -> dict:
    """What changed from one version to another; `distributions` with the largest effect first.

    Has `rows`, `added`, `removed`, `retyped`, `renamed` (a guess), `distributions` (see `distribution`) and `models`:
    those trained on `before` that `after` does not fit, with the reasons. Runs in a child process. Raises NotReady if a
    version has no typed copy, or if it takes longer than 25 seconds.
    """
    old, new = ((StoredCopy.of(version), Side.of(version)) for version in (before, after))
    found = in_child(f"{__name__}.run", after, old=old, new=new)
    return found | {"models": models_that_do_not_fit(before, after.columns)}


def in_child(function: str, what: object, **arguments) -> dict:
    """The comparison that the function of this path yields. Raises NotReady if it fails or takes too long."""
    with turns.child(function, **arguments) as child:
        try:
            found = calls.result(child, TIMEOUT_S)
        except calls.ChildDied as death:
            logger.error("comparing %s ended with %s: %s", what, death, child.log)
            raise NotReady("Comparing failed, and the error has been logged.", code="process_died") from death
    if found is None:
        raise NotReady(
            f"Comparing exceeded its {TIMEOUT_S}-second limit. Try again when the server is less busy.",
            code="timeout",
        )
    return found


def models_that_do_not_fit(before: DatasetVersion, columns: list[dict]) -> list[dict]:
    """The models trained on a version, and those that are live and fit it, that do not fit these columns."""
    return import_string(settings.MODELS_THAT_DO_NOT_FIT)(before, columns)


def with_file(old: StoredCopy, before: Side, file: BinaryIO, recipe: ParseRecipe) -> dict:
    """The comparison of a version with the first rows, at most 200,000, of a file that may become the next."""
    with tempfile.TemporaryFile() as copy, old.opened() as old_copy:
        content = ingest(file, recipe, copy=copy, max_rows=MAX_ROWS)
        after = Side(recipe.to_dict()["columns"], content.profile, content.rows)
        return tables(old_copy, TypedCopy(copy), before, after)


def run(*, old: tuple[StoredCopy, Side], new: tuple[StoredCopy, Side]) -> Iterator[dict]:
    """What the child process runs."""

    def answer():
        with old[0].opened() as old_copy, new[0].opened() as new_copy:
            return tables(old_copy, new_copy, old[1], new[1])

    yield from limited(answer)


def limited(answer: Callable[[], dict]) -> Iterator[dict]:
    """For the child process: the answer, within its limit of memory."""
    answers = (answer() for _ in range(1))  # not before the limit
    busy = NotReady("Comparing the versions needs too much memory.", code="out_of_memory")
    yield from calls.results(answers, memory_mb=MEMORY_MB, out_of_memory=busy)


def tables(old: TypedCopy, new: TypedCopy, before: Side, after: Side) -> dict:
    """The comparison of two typed copies; runs DuckDB in this process."""
    types, new_types = (
        {column["name"]: column["type"] for column in side.columns} for side in (before, after)
    )
    removed = [name for name in types if name not in new_types]
    added = [name for name in new_types if name not in types]
    common = [name for name in types if new_types.get(name) == types[name]][:MAX_COLUMNS]
    compared = [_of_common(old, new, before, after, name) for name in common]
    return {
        "rows": {"from": before.rows, "to": after.rows},
        "added": [column for column in after.columns if column["name"] in set(added)],
        "removed": [column for column in before.columns if column["name"] in set(removed)],
        "retyped": [
            {"name": name, "from": types[name], "to": new_types[name]}
            for name in types
            if name in new_types and new_types[name] != types[name]
        ],
        "renamed": list(_renamed(old, new, before, after, removed, added)),
        "distributions": sorted(compared, key=lambda one: -(one["psi"] or 0)),
    }


def _of_common(old: TypedCopy, new: TypedCopy, before: Side, after: Side, name: str) -> dict:
    found = distribution(old, new, before, after, name, name)
    if _profile(before, name)[1].get("role") != "identifier":
        return found
    return found | {
        "smd": None,
        "psi": None,
        "effect": "none",
        "bars": [],
    }  # their values are always new ones


def distribution(old: TypedCopy, new: TypedCopy, before: Side, after: Side, name: str, new_name: str) -> dict:
    """How far the values of a column have moved.

    `psi` is the population stability index over ten quantile bins of the old values, or over their most frequent ones,
    and missing values: below 0.1 is usual, above 0.25 is large. It is None without values. `effect` is `unclear` if so
    few values can have this index by chance. `smd` is the standardized difference of the means (Cohen's d) of numbers;
    `rows` are the numbers of values; `bars` the shares of the bins.
    """
    place, one = _profile(before, name)
    new_place, other = _profile(after, new_name)
    measured = one["type"] in statistics.MEASURES and one["min"] is not None and other["min"] is not None
    shares = _binned if measured else _frequent
    labels, old_counts, new_counts = shares(old, new, place, new_place, one)
    result = {
        "name": name,
        "type": one["type"],
        "rows": {"from": before.rows - one["missing"], "to": after.rows - other["missing"]},
        "missing": {"from": one["missing"], "to": other["missing"]},
        "mean": {"from": one["mean"], "to": other["mean"]},
        "smd": _smd(one, other),
        "psi": None,
        "effect": "none",
        "bars": [],
    }
    if not sum(old_counts) or not sum(new_counts):
        return result
    old_shares, new_shares = (
        [count / sum(counts) for count in counts] for counts in (old_counts, new_counts)
    )
    sizes = sum(old_counts), sum(new_counts)
    psi = round(
        sum(_stability(*pair, sizes) for pair in zip(old_shares, new_shares, strict=True)),
        4,
    )
    bars = [
        {"label": label, "from": round(a, 6), "to": round(b, 6)}
        for label, a, b in zip(labels, old_shares, new_shares, strict=True)
    ]
    effect = "large" if psi >= LARGE else "moderate" if psi >= MODERATE else "none"
    if effect != "none" and psi < _by_chance(len(bars), sizes):
        effect = "unclear"
    return result | {"psi": psi, "effect": effect, "bars": bars}


def _profile(side: Side, name: str) -> tuple[int, dict]:
    return next((place, one) for place, one in enumerate(side.profile) if one["name"] == name)


def _stability(old: float, new: float, sizes: tuple[int, int]) -> float:
    old, new = (max(share, FLOOR, 0.5 / size) for share, size in zip((old, new), sizes, strict=True))
    return (new - old) * math.log(new / old)


def _by_chance(bins: int, sizes: tuple[int, int]) -> float:
    """The index that 99 of 100 pairs of samples of one distribution stay below.

    It is distributed as chi-squared times 1/n + 1/m (Yurdakul and Naranjo, 2020), here by Wilson and Hilferty.
    """
    degrees = max(bins - 1, 1)
    part = 2 / (9 * degrees)
    return degrees * (1 - part + CERTAIN * math.sqrt(part)) ** 3 * (1 / sizes[0] + 1 / sizes[1])


def _smd(one: dict, other: dict) -> float | None:
    if one.get("deviation") is None or other.get("deviation") is None:
        return None
    pooled = math.hypot(one["deviation"], other["deviation"]) / math.sqrt(2)
    difference = other["mean"] - one["mean"]
    if not pooled:
        return 0.0 if not difference else None
    smd = difference / pooled
    return round(smd, 4) if math.isfinite(smd) else None


def _binned(old, new, place, new_place, one) -> tuple[list[str], list[int], list[int]]:
    """Counts in ten quantile bins of the old values, then of missing ones."""
    number = statistics.value(place, one["type"])
    points = ", ".join(str(i / BINS) for i in range(1, BINS))
    statement = f"SELECT approx_quantile({number}, [{points}]) FROM t"  # noqa: S608
    [(quantiles,)] = sql.query(old, statement, places=[place])
    edges = sorted(set(quantiles or []))
    show = statistics.iso if one["type"] == "date" else lambda edge: f"{edge:.4g}"
    labels = [f"up to {show(edge)}" for edge in edges] + [f"above {show(edges[-1])}", "missing"]

    def counts(copy, at):
        value = statistics.value(at, one["type"])
        bins = " + ".join(f"CAST(({value}) > {edge!r} AS INTEGER)" for edge in edges)
        found = dict(sql.query(copy, f"SELECT {bins} AS bin, count(*) FROM t GROUP BY bin", places=[at]))  # noqa: S608
        return [found.get(bin_, 0) for bin_ in [*range(len(edges) + 1), None]]

    return labels, counts(old, place), counts(new, new_place)


def _frequent(old, new, place, new_place, one) -> tuple[list[str], list[int], list[int]]:
    """Counts of the most frequent old values, then of all others and of missing ones."""
    is_counted = one["distinct"] is not None and one["distinct"] <= text_statistics.MAX_TOP_DISTINCT
    values = [value for value, _ in statistics.top(old, place)] if is_counted else []

    def counts(copy, at):
        column = sql.name(at)
        known = "".join(f" WHEN {column} = ? THEN {i}" for i in range(len(values)))
        bins = f"CASE WHEN {column} IS NULL THEN -2{known} ELSE -1 END"
        statement = f"SELECT {bins} AS bin, count(*) FROM t GROUP BY bin"  # noqa: S608
        found = dict(sql.query(copy, statement, places=[at], parameters=values))
        return [found.get(bin_, 0) for bin_ in [*range(len(values)), -1, -2]]

    labels = [str(value)[:60] for value in values] + ["other values", "missing"]
    return labels, counts(old, place), counts(new, new_place)


def _renamed(old, new, before: Side, after: Side, removed: list[str], added: list[str]) -> Iterator[dict]:
    """Pairs of a removed and an added column of one type that have almost the same values."""
    free = list(added)
    for name in removed:
        _, one = _profile(before, name)
        candidates = [other for other in free if _profile(after, other)[1]["type"] == one["type"]]
        moved = [
            (distribution(old, new, before, after, name, other)["psi"], other) for other in candidates[:20]
        ]
        closest = min((pair for pair in moved if pair[0] is not None), default=None)
        if closest and closest[0] < RENAMED and _is_alike(one, _profile(after, closest[1])[1]):
            free.remove(closest[1])
            yield {"from": name, "to": closest[1]}


def _is_alike(one: dict, other: dict) -> bool:
    """Whether texts share a frequent value: otherwise, all values of both can be "other values"."""
    if one["type"] != "text":
        return True
    first, second = ({value for value, _ in profile["top"] or []} for profile in (one, other))
    return bool(first & second)

"""What is unusual in a table, from all its rows: such as constant columns, codes for missing values and duplicates."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from catalog.profiling import roles, sql, statistics
from catalog.profiling.typed_copy import TypedCopy
from catalog.readers.recipe import Finding

MOSTLY_EMPTY = 0.95
MOSTLY_NUMBERS = 0.5
TAIL = 20  # times the distance from the median to a far quantile
# Numbers that files have instead of a missing value, with what is far from the rest of the column.
CODES = [sign * int("9" * digits) for digits in range(2, 10) for sign in (1, -1)] + [-1]
CORRELATED = 0.95
MAX_CORRELATED_COLUMNS, MAX_PAIRS = 200, 10
EXACT_DUPLICATES = 5_000_000
HASHED = 200  # columns in one call
WIDE, TELLING = 50, 8  # columns of a wide table, and those of them that are compared first
MAX_CLASSES, IMBALANCE = 20, 4
MAX_OF_A_CODE = 20


def warnings(copy: TypedCopy, profile: list[dict], *, sample: pa.Table) -> list[Finding]:
    """The warnings about a profiled table; `sample` has some of its rows."""
    codes = list(_codes_for_missing(copy, profile))
    with_code = {finding.column for finding in codes}
    found = [finding for one in profile for finding in _of_column(one, copy.rows)]
    found = [one for one in found if not (one.code == "heavy_tail" and one.column in with_code)] + codes
    found += _correlated(copy, profile, sample)
    found += _duplicates(copy, profile)
    return _limited(found + list(_class_balance(profile)))


def _limited(found: list[Finding]) -> list[Finding]:
    """At most 20 of each code, and how many more there are: a table can have 10,000 columns."""
    by_code = {}
    for finding in found:
        by_code.setdefault(finding.code, []).append(finding)
    limited = []
    for code, alike in by_code.items():
        limited += alike[:MAX_OF_A_CODE]
        more = len(alike) - MAX_OF_A_CODE
        if more > 0:
            limited.append(Finding(code, f"{more:,} more columns are like this: {code.replace('_', ' ')}."))
    return limited


def _of_column(one: dict, rows: int) -> Iterator[Finding]:
    name, role, missing = one["name"], one["role"], one["missing"]
    if role == "empty":
        yield Finding("empty", f"`{name}` has no value in any row.", name)
        return
    if missing >= MOSTLY_EMPTY * rows:
        yield Finding(
            "mostly_empty", f"`{name}` is empty in {missing:,} of {rows:,} rows ({missing / rows:.1%}).", name
        )
    if role == "constant":
        yield Finding("constant", f"`{name}` has the same value in every row that has one.", name)
    if role == "identifier":
        number = f"{'about ' if one['is_estimated'] else ''}{one['distinct']:,}"
        sentence = f"`{name}` looks like an identifier: {number} different values in {one['count']:,} rows."
        yield Finding("identifier", sentence, name)
    numeric = one.get("numeric") or 0
    if MOSTLY_NUMBERS * one["count"] < numeric < one["count"]:
        sentence = f"`{name}` is text, but {numeric:,} of its {one['count']:,} values are numbers."
        yield Finding("mixed", sentence, name)
    if (
        one["type"] in ("integer", "number")
        and one["quantiles"]
        and role == "measure"
        and (end := _tail(one))
    ):
        sentence = (
            f"`{name}` has a heavy tail: its {end[0]} {end[1]:.6g} is far from the {end[2]} of the values "
            f"({end[3]:.6g}). A few rows will dominate means and linear models."
        )
        yield Finding("heavy_tail", sentence, name)


def _tail(one: dict) -> tuple | None:
    low, _, median, _, high = one["quantiles"]
    if high > median and one["max"] - median > TAIL * (high - median):
        return "maximum", one["max"], "95th percentile", high
    if low < median and median - one["min"] > TAIL * (median - low):
        return "minimum", one["min"], "5th percentile", low
    return None


def _codes_for_missing(copy: TypedCopy, profile: list[dict]) -> Iterator[Finding]:
    """A code is the least or greatest number, repeated, and farther from the next than the others from each other."""
    for place, one in enumerate(profile):
        if one["type"] not in ("integer", "number") or one["role"] in ("constant", "empty", "identifier"):
            continue
        for code in {one["min"], one["max"]} & set(CODES):
            number = statistics.value(place, one["type"])
            is_other = "FILTER (WHERE v <> ?)"
            statement = (
                f"SELECT count(*) FILTER (WHERE v = ?), min(v) {is_other}, max(v) {is_other} "  # noqa: S608
                f"FROM (SELECT {number} AS v FROM t)"
            )
            [(count, low, high)] = sql.query(copy, statement, places=[place], parameters=[code] * 3)
            gap = low - code if code == one["min"] else code - high
            if count > 1 and gap > max(high - low, 1):
                times = f"{count:,} of {one['count']:,} rows"
                sentence = (
                    f"`{one['name']}` is {code:g} in {times}; its other values are from {low:.6g} to {high:.6g}. "
                    "Is it a code for a missing value?"
                )
                yield Finding("sentinel_value", sentence, one["name"])


def _correlated(copy: TypedCopy, profile: list[dict], sample: pa.Table) -> Iterator[Finding]:
    """Pairs of measures: those that are alike in the sample are computed from all rows."""
    places = [
        place
        for place, one in enumerate(profile)
        if one["type"] in ("integer", "number") and one["role"] not in ("constant", "empty")
    ][:MAX_CORRELATED_COLUMNS]
    if len(places) < 2:
        return
    frame = sample.select(places).to_pandas().astype("float64")
    alike = np.triu(frame.replace([np.inf, -np.inf], np.nan).corr().abs().to_numpy(), 1)
    pairs = sorted(np.argwhere(alike > CORRELATED - 0.1).tolist(), key=lambda pair: -alike[*pair])
    pairs = [(places[a], places[b]) for a, b in pairs[: 3 * MAX_PAIRS]]
    if not pairs:
        return
    selected = ", ".join(
        f"corr({statistics.value(a, profile[a]['type'])}, {statistics.value(b, profile[b]['type'])})"
        for a, b in pairs
    )
    used = sorted(set(itertools.chain.from_iterable(pairs)))
    [exact] = sql.query(copy, f"SELECT {selected} FROM t", places=used)  # noqa: S608
    found = [(r, pair) for r, pair in zip(exact, pairs, strict=True) if r is not None and abs(r) > CORRELATED]
    for r, (a, b) in sorted(found, key=lambda item: -abs(item[0]))[:MAX_PAIRS]:
        name, other = profile[a]["name"], profile[b]["name"]
        yield Finding(
            "correlated", f"`{name}` and `{other}` are almost the same: their correlation is {r:.4f}.", name
        )


def duplicate_rows(copy: TypedCopy, *, places: Sequence[int] | None = None) -> tuple[int, bool]:
    """The rows that repeat an earlier one, and whether the number is estimated. Rows are compared by 64-bit hashes.

    With `places`, only these columns are compared.
    """
    places = list(range(len(copy.schema.names))) if places is None else places
    hashes = [
        f"hash({', '.join(map(sql.name, places[start : start + HASHED]))})"
        for start in range(0, len(places), HASHED)
    ]
    is_estimated = copy.rows > EXACT_DUPLICATES
    row = hashes[0] if len(hashes) == 1 else f"hash({', '.join(hashes)})"
    count = f"approx_count_distinct({row})" if is_estimated else f"count(DISTINCT {row})"
    [(distinct,)] = sql.query(copy, f"SELECT {count} FROM t", places=places)  # noqa: S608
    return max(copy.rows - distinct, 0), is_estimated


def _duplicates(copy: TypedCopy, profile: list[dict]) -> Iterator[Finding]:
    if _are_unique(copy, profile):
        return
    count, is_estimated = duplicate_rows(copy)
    # The error of the estimate is about 2 %.
    if count > (0.05 * copy.rows if is_estimated else 0):
        number = f"About {count:,}" if is_estimated else f"{count:,}"
        repeats = "repeats" if count == 1 else "repeat"
        sentence = f"{number} of {copy.rows:,} rows {repeats} an earlier row exactly."
        yield Finding("duplicate_rows", sentence)


def _are_unique(copy: TypedCopy, profile: list[dict]) -> bool:
    """Whether a few columns show that no row repeats another one; most tables have one column that does."""
    if any(one["distinct"] == copy.rows and not one["is_estimated"] for one in profile):
        return True
    if len(profile) < WIDE or copy.rows > EXACT_DUPLICATES:
        return False
    places = sorted(range(len(profile)), key=lambda place: -profile[place]["distinct"])[:TELLING]
    return duplicate_rows(copy, places=places)[0] == 0


def _class_balance(profile: list[dict]) -> Iterator[Finding]:
    name = roles.usual_target(profile) or profile[-1]["name"]
    one = next(column for column in profile if column["name"] == name)
    classes = one["top"] or []
    if one["type"] not in ("text", "boolean", "integer") or not 1 < one["distinct"] <= MAX_CLASSES:
        return
    if len(classes) < one["distinct"]:
        return
    (most, many), (least, few) = classes[0], classes[-1]
    if many >= IMBALANCE * few:
        sentence = (
            f"The classes of `{name}`, the likely target, are unequal: {_label(most)} is in {many / one['count']:.1%} "
            f"of the rows, {_label(least)} in {few:,} rows ({few / one['count']:.1%})."
        )
        yield Finding("class_balance", sentence, name)


def _label(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text[:40]}`"

"""Statistics of texts and booleans, each column from its different values or in one pass of Arrow: exact, and without
SQL."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catalog.profiling.typed_copy import TypedCopy

MAX_ROWS = 1_000_000  # of texts that are not stored as codes: they are in memory to be counted
GROUP_CELLS, GROUP_COLUMNS = 8_000_000, 500  # in memory at once
TOP, MAX_TOP_DISTINCT = 10, 100_000
MAX_LENGTH = 200  # a column with longer texts is prose: its values are not counted
NUMBER = r"^\s*[+-]?(\d[\d.,' ]*|[.,]\d+)([eE][+-]?\d+)?\s*%?\s*$"


def add(copy: TypedCopy, profiles: Sequence[dict]) -> Iterator[int]:
    """Add the statistics of these columns to their profiles; yields how many are done."""
    width = max(min(GROUP_CELLS // max(copy.rows, 1), GROUP_COLUMNS), 1)
    for start in range(0, len(profiles), width):
        group = profiles[start : start + width]
        names = [one["name"] for one in group]
        table = pa.Table.from_batches(copy.batches(names), pa.schema([copy.schema.field(n) for n in names]))
        for one, values in zip(group, table.columns, strict=True):
            one.update(of_values(values), missing=values.null_count)
        yield start + len(group)


def of_values(values: pa.ChunkedArray) -> dict:
    """The statistics of texts, which can be a dictionary, or of booleans; see statistics.profile()."""
    is_text = not pa.types.is_boolean(values.type)
    if pa.types.is_dictionary(values.type):
        texts, counts = _counted(values)
    elif is_text and (pc.max(pc.binary_length(values)).as_py() or 0) > 4 * MAX_LENGTH:
        texts, counts = values.drop_null(), None  # prose
    else:
        found = pc.value_counts(values.drop_null())
        texts, counts = found.field(0), found.field(1)
    count = len(values) - values.null_count
    distinct = len(texts) if counts is not None else pc.count_distinct(texts).as_py()
    result = {"count": count, "distinct": distinct, "is_estimated": False}
    if is_text:
        result |= _lengths(texts, counts, count)
    if has_top(is_text=is_text, distinct=distinct, max_length=result.get("max_length")):
        result["top"] = _top(texts, counts)
    return result


def _counted(values):
    """The different values of a dictionary, and the rows of each."""
    values = values.unify_dictionaries()
    if not values.num_chunks:
        return pa.array([], values.type.value_type), pa.array([], pa.int64())
    texts = values.chunk(0).dictionary
    counts = np.zeros(len(texts), "int64")
    for chunk in values.chunks:
        counts += np.bincount(chunk.indices.drop_null().to_numpy(), minlength=len(texts))
    is_used = pa.array(counts > 0)
    return texts.filter(is_used), pa.array(counts).filter(is_used)


def _lengths(texts, counts, count):
    lengths, spaces = pc.utf8_length(texts), pc.count_substring(texts, " ")
    is_number = pc.match_substring_regex(texts, NUMBER)

    def total(numbers):
        numbers = numbers.cast(pa.int64())
        return pc.sum(numbers if counts is None else pc.multiply(numbers, counts)).as_py() or 0

    return {
        "max_length": pc.max(lengths).as_py(),
        "mean_length": total(lengths) / count if count else None,
        "mean_words": total(spaces) / count + 1 if count else None,
        "numeric": total(is_number),
    }


def has_top(*, is_text: bool, distinct: int, max_length: int | None) -> bool:
    return not is_text or (0 < (max_length or 0) <= MAX_LENGTH and distinct <= MAX_TOP_DISTINCT)


def _top(values, counts):
    if counts is None:
        found = pc.value_counts(values)
        values, counts = found.field(0), found.field(1)
    table = pa.table({"value": values, "count": counts})
    order = pc.sort_indices(table, [("count", "descending"), ("value", "ascending")])
    return [list(row.values()) for row in table.take(order[:TOP]).to_pylist()]

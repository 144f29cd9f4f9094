"""Clean CSV of typed values: UTF-8, commas, decimal points, ISO dates, nothing where a value is missing."""

from collections.abc import Iterator, Sequence
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from catalog.readers import spreadsheet
from catalog.readers.cells.column_types import Column


def blocks(
    file: BinaryIO,
    batches: Iterator[pa.RecordBatch],
    columns: Sequence[Column],
    *,
    for_spreadsheet: bool = False,
) -> Iterator[bytes]:
    """The typed batches of a file as CSV; for spreadsheets without formulas, after a mark. Closes the file."""
    names = [column.name for column in columns]
    with file:
        header = [pa.array([name]) for name in names]
        yield (spreadsheet.MARK if for_spreadsheet else b"") + _lines(header, for_spreadsheet)
        for batch in batches:
            yield _lines([_as_text(values) for values in batch.columns], for_spreadsheet)


def _as_text(values: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(values.type):
        texts = pc.strftime(values, "%Y-%m-%dT%H:%M:%S")
        return pc.replace_substring_regex(pc.replace_substring_regex(texts, r"\.0+$", ""), "T00:00:00$", "")
    return values.cast(pa.string())


def _lines(columns: list[pa.Array], for_spreadsheet: bool) -> bytes:
    texts = [_quoted(spreadsheet.safe(column) if for_spreadsheet else column) for column in columns]
    missing = "" if len(texts) > 1 else '""'  # an empty line is no row
    lines = pc.binary_join_element_wise(*texts, ",", null_handling="replace", null_replacement=missing)
    return "".join(f"{line}\n" for line in lines.to_pylist()).encode()


def _quoted(values: pa.Array) -> pa.Array:
    """Texts in quotation marks where they need them."""
    needs = pc.match_substring_regex(values, '[",\r\n]')
    if not pc.any(needs).as_py():
        return values
    doubled = pc.replace_substring(values, '"', '""')
    return pc.if_else(needs, pc.binary_join_element_wise('"', doubled, '"', ""), values)

"""Delimited text (CSV, TSV): every cell is read as text by Arrow, then converted to the type of its column."""

import io
import itertools
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv

from catalog.readers import column_names, streams
from catalog.readers.cells import conversion
from catalog.readers.cells.column_types import Column
from catalog.readers.cells.missing import MISSING
from catalog.readers.cells.type_inference import TypeInference
from catalog.readers.delimited import footer, plain_numbers, records, value_types
from catalog.readers.delimited import layout as layouts
from catalog.readers.detection import Head
from catalog.readers.recipe import Finding, ParseRecipe, Reading

BLOCK = 1024 * 1024  # the longest record. Arrow reads 32 blocks ahead: 4 MB would cost 280 MB of memory
# From this many columns, the calls per column and block cost more than the bytes: 4 blocks at once, and larger ones.
WIDE, WIDEST = 200, 1_000
TRAILING = "\0"
CELL_BYTES = 64  # of a Python string, without its characters


def matches(head: Head) -> bool:
    return bool(head.text)


def detect(file: BinaryIO, head: Head, *, max_bytes: int) -> Reading:
    layout = layouts.of(head)
    for encoding in head.encodings:
        recipe = replace(layout.recipe, encoding=encoding)
        try:
            table = _inferred(file, recipe, layout.names, head, max_bytes)
            break
        except streams.WrongEncoding as error:
            if encoding == head.encodings[-1]:
                raise head.encoding_error(encoding, error.line) from error
    recipe, of_values = value_types.concluded(
        file,
        table.recipe,
        table.names,
        table.inferences,
        corrections=head.corrections,
        text_batches=lambda recipe, names, **options: _text_batches(
            file, recipe, recipe.names, names, **options
        ),
    )
    assumed = [
        finding
        for finding in layout.findings
        if finding.code != "trailing_delimiter" or recipe.trailing == layout.recipe.trailing
    ]
    of_text = (*head.encoding_findings(recipe.encoding), *assumed, *table.findings)
    return Reading(recipe, table.rows, (*of_text, *of_values))


@dataclass(frozen=True)
class _Inferred:
    """A table that has been read once; its recipe knows the lines below it."""

    recipe: ParseRecipe
    names: list[str]
    inferences: list[TypeInference]
    rows: int
    findings: tuple[Finding, ...] = ()


def _inferred(file, recipe, names, head, max_bytes):
    """Read the table, and again if there is something below it, which only the whole file shows."""
    width, set_footer = len(_physical(recipe, names)), head.corrections.footer
    is_set = set_footer is not None
    recipe = replace(recipe, footer=set_footer or 0)
    try:
        table, end = _infer(file, recipe, names, head, max_bytes)
        lines_below = 0 if is_set else footer.at_end(end, recipe, width=width)
    except records.RaggedLine as error:
        lines_below = 0 if is_set else footer.from_line(file, recipe, error.line, width=width)
        if not lines_below:
            raise
    if lines_below:
        recipe = replace(recipe, footer=lines_below)
        table, end = _infer(file, recipe, names, head, max_bytes)
    notes = recipe.footer
    if not is_set and (total := footer.total_at_end(end, recipe, width=width)):
        recipe = replace(recipe, footer=total)
        table, end = _infer(file, recipe, names, head, max_bytes)
    if recipe.trailing and table.inferences[-1].missing < table.rows:  # below the first rows
        recipe, names = replace(recipe, trailing=False), column_names.usable([*names, ""])[0]
        table, end = _infer(file, recipe, names, head, max_bytes)
    findings = footer.findings(end, recipe, width=width, is_set=is_set, notes=notes)
    return replace(table, inferences=table.inferences[: len(names)], findings=tuple(findings))


def _infer(file, recipe, names, head, max_bytes):
    """The table, and the end of its text."""
    physical = _physical(recipe, names)
    inferences, rows, end = value_types.inferences(physical, head.corrections), 0, streams.End()
    missing = value_types.common_missing(inference.tokens for inference in inferences)
    if head.observer:
        head.observer.start(recipe, missing=missing)
    parsed = _text_batches(file, recipe, names, physical, max_bytes=max_bytes, missing=missing, end=end)
    with closing(parsed) as batches:
        for batch in batches:
            rows += batch.num_rows
            plain_numbers.update(inferences, batch.columns)
            if head.observer:
                head.observer.update(batch, [inference.parsed for inference in inferences])
    return _Inferred(recipe, names, inferences, rows), end


def _physical(recipe, names):
    """The names of all cells of a row: the one behind a trailing delimiter has one that no column can have."""
    return [*names, TRAILING] if recipe.trailing else names


def batches(file: BinaryIO, recipe: ParseRecipe, columns: Sequence[Column]) -> Iterator[pa.RecordBatch]:
    names = [column.name for column in columns]
    missing = value_types.common_missing(column.format and column.format.missing for column in columns)
    with closing(_text_batches(file, recipe, recipe.names, names, missing=missing)) as parsed:
        for batch in parsed:
            yield batch if len(missing) == len(MISSING) else value_types.with_missing(batch, columns)


def typed(values: pa.Array, column: Column, recipe: ParseRecipe) -> pa.Array:
    return conversion.from_text(values, column, decimal=recipe.decimal)


line_of = records.line_of


def raw_batches(file: BinaryIO, recipe: ParseRecipe) -> Iterator[pa.RecordBatch]:
    batch = None
    for batch in _text_batches(file, recipe, recipe.names, recipe.names, missing=()):
        yield batch
    if batch is None:
        none = pa.array([], pa.string())
        yield pa.RecordBatch.from_arrays([none] * len(recipe.names), recipe.names)


def _text_batches(
    file,
    recipe,
    names,
    selected,
    *,
    max_bytes=streams.MAX_BYTES,
    missing=MISSING,
    end=None,
):
    """Yields the selected columns, all as text. Raises ValidationError for a ragged line or an unclosed quote."""
    read = _batches_by_python if _needs_python(recipe) else _batches_by_arrow
    return read(
        file, recipe, _physical(recipe, names), selected, max_bytes=max_bytes, missing=missing, end=end
    )


def _needs_python(recipe):
    """Whether Arrow cannot split the cells: spaces around them, fixed widths, delimiters of several bytes."""
    is_spaced = recipe.spaced or recipe.padded or recipe.widths or recipe.delimiter == " "
    return is_spaced or len(recipe.delimiter.encode()) > 1


def _batches_by_python(file, recipe, names, selected, *, max_bytes, missing, end):
    nulls, positions = set(missing), {name: position for position, name in enumerate(names)}
    with closing(_decoded(file, recipe, max_bytes=max_bytes, end=end)) as stream:
        rows = records.data_rows(io.TextIOWrapper(stream, "utf-8", newline=""), recipe, len(names))
        for block in _blocks(rows):
            columns = list(zip(*block, strict=True))
            arrays = [
                pa.array([None if cell in nulls else cell for cell in columns[positions[name]]], pa.string())
                for name in selected
            ]
            yield pa.RecordBatch.from_arrays(arrays, list(selected))


def _decoded(file, recipe, **options):
    return streams.decoded(file, recipe.compression, recipe.encoding, footer=recipe.footer, **options)


def _blocks(rows):
    """Lists of rows of about 8 MB."""
    block, size = [], 0
    for cells in rows:
        block.append(cells)
        size += CELL_BYTES * len(cells) + sum(map(len, cells))
        if size > 8 * BLOCK:
            yield block
            block, size = [], 0
    if block:
        yield block


def _batches_by_arrow(file, recipe, names, selected, *, max_bytes, missing, end):
    handler = records.InvalidRowHandler(len(names), recipe.delimiter)
    stream = _decoded(file, recipe, max_bytes=max_bytes, extra=f"\n{handler.end}\n", end=end)
    try:
        reader = pyarrow.csv.open_csv(
            pa.PythonFile(stream, mode="r"),
            read_options=pyarrow.csv.ReadOptions(
                use_threads=False,
                block_size=(4 if len(names) > WIDEST else 1) * BLOCK,
                column_names=names,
                skip_rows=recipe.skip,
                skip_rows_after_names=recipe.header + recipe.skip_below,
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=recipe.delimiter,
                quote_char=recipe.quote or False,
                escape_char=recipe.escape or False,
                newlines_in_values=True,
                invalid_row_handler=handler,
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                check_utf8=False,
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=selected,
                null_values=missing,
                strings_can_be_null=bool(missing),
            ),
        )
        step = 4 if len(names) > WIDE else 1
        while parts := list(itertools.islice(reader, step)):
            yield pa.concat_batches(parts)
        if not handler.has_ended:
            raise pa.ArrowInvalid("a quotation mark is still open at the end")
    except pa.ArrowInvalid as error:
        stream.close()
        raise records.error(file, recipe, handler) from error
    finally:
        stream.close()

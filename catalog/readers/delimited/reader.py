"""Delimited text (CSV, TSV): every cell is read as text by Arrow, then converted to the type of its column."""

import io
import itertools
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv

from catalog.readers import streams
from catalog.readers.cells import conclusion, conversion
from catalog.readers.cells import missing as missing_texts
from catalog.readers.cells.column_types import Column
from catalog.readers.cells.type_inference import TypeInference
from catalog.readers.delimited import dialect, records
from catalog.readers.detection import Head
from catalog.readers.recipe import Finding, ParseRecipe, Reading

BLOCK = 1024 * 1024  # the longest record. Arrow reads 32 blocks ahead: 4 MB would cost 280 MB of memory
# From this many columns, the calls per column and block cost more than the bytes: 8 blocks at once.
WIDE = 200
CELL_BYTES = 64  # of a Python string, without its characters


def matches(head: Head) -> bool:
    return bool(head.text)


def detect(file: BinaryIO, head: Head, *, max_bytes: int) -> Reading:
    recipe, names = dialect.guess(head)
    for encoding in head.encodings:
        recipe = replace(recipe, encoding=encoding)
        try:
            inferences, rows = _infer(file, recipe, names, max_bytes)
            break
        except streams.WrongEncoding as error:
            if encoding == head.encodings[-1]:
                raise head.encoding_error(encoding, error.line) from error
    found = conclusion.conclude(
        names, inferences, delimiter=recipe.delimiter, decimal=head.corrections.decimal
    )
    recipe = replace(recipe, decimal=found.decimal, columns=found.columns)
    return Reading(recipe, rows, _findings(file, recipe, found.findings))


def _findings(file, recipe, of_values):
    """The findings about values, with the line of each in the file."""
    lines = records.lines_of_rows(file, recipe, {found.row for found in of_values if found.row is not None})
    return tuple(
        Finding(found.code, found.sentence(line), found.column, line)
        for found in of_values
        for line in [lines.get(found.row)]
    )


def _infer(file, recipe, names, max_bytes):
    inferences, rows = [TypeInference() for _ in names], 0
    with closing(_text_batches(file, recipe, names, names, max_bytes=max_bytes)) as batches:
        for batch in batches:
            rows += batch.num_rows
            for inference, cells in zip(inferences, batch.columns, strict=True):
                inference.update(cells)
    return inferences, rows


def batches(file: BinaryIO, recipe: ParseRecipe, columns: Sequence[Column]) -> Iterator[pa.RecordBatch]:
    return _text_batches(file, recipe, recipe.names, [column.name for column in columns])


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
    file, recipe, names, selected, *, max_bytes=streams.MAX_BYTES, missing=missing_texts.MISSING
):
    """Yields the selected columns, all as text. Raises ValidationError for a ragged line or an unclosed quote."""
    if recipe.spaced or recipe.delimiter == " " or len(recipe.delimiter.encode()) > 1:
        return _batches_by_python(file, recipe, names, selected, max_bytes=max_bytes, missing=missing)
    return _batches_by_arrow(file, recipe, names, selected, max_bytes=max_bytes, missing=missing)


def _batches_by_python(file, recipe, names, selected, *, max_bytes, missing):
    """For what Arrow cannot split: spaces after delimiters, and delimiters of several bytes."""
    nulls, positions = set(missing), {name: position for position, name in enumerate(names)}
    with closing(streams.decoded(file, recipe.compression, recipe.encoding, max_bytes=max_bytes)) as stream:
        rows = records.data_rows(io.TextIOWrapper(stream, "utf-8", newline=""), recipe, len(names))
        for block in _blocks(rows):
            columns = list(zip(*block, strict=True))
            arrays = [
                pa.array([None if cell in nulls else cell for cell in columns[positions[name]]], pa.string())
                for name in selected
            ]
            yield pa.RecordBatch.from_arrays(arrays, list(selected))


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


def _batches_by_arrow(file, recipe, names, selected, *, max_bytes, missing):
    handler = records.InvalidRowHandler(len(names), recipe.delimiter)
    end = f"\n{handler.end}\n"
    stream = streams.decoded(file, recipe.compression, recipe.encoding, max_bytes=max_bytes, end=end)
    try:
        reader = pyarrow.csv.open_csv(
            pa.PythonFile(stream, mode="r"),
            read_options=pyarrow.csv.ReadOptions(
                use_threads=False,
                block_size=BLOCK,
                column_names=names,
                skip_rows=recipe.skip,
                skip_rows_after_names=1,
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
        step = 8 if len(names) > WIDE else 1
        while parts := list(itertools.islice(reader, step)):
            yield pa.concat_batches(parts)
        if not handler.has_ended:
            raise pa.ArrowInvalid("a quotation mark is still open at the end")
    except pa.ArrowInvalid as error:
        stream.close()
        raise records.error(file, recipe, handler) from error
    finally:
        stream.close()

"""Parse recipes: find out how a file is to be read, and read it that way ever after. The only readers."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from typing import BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.csv
from django.core.exceptions import ValidationError

from catalog.profiling.statistics import Profiler, Sampler
from catalog.readers import column_types as cells
from catalog.readers import delimited, detection, json_lines, parquet, streams
from catalog.readers.column_types import Column

__all__ = ["Column", "Inspection", "ParseRecipe", "chunks", "inspect", "read", "settle", "stored"]

CSV_BLOCK = 1024 * 1024  # the longest record. Arrow reads 32 of them ahead: 4 MB would cost 280 MB of memory
WIDE = 200  # from here on, the calls per column and block cost more than the bytes: 8 blocks at once


@dataclass(frozen=True)
class ParseRecipe:
    """All it takes to read the same bytes the same way again.

    `format` is csv (any delimited text), parquet or jsonl; `compression` gzip or None. Encoding is for
    texts only; delimiter, decimal mark, escape character (None: quotes are doubled) and the number of blank
    lines above the header to skip are for csv only.
    """

    format: str
    compression: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    escape: str | None = None
    skip: int | None = None
    columns: tuple[Column, ...] = ()

    def to_dict(self) -> dict:
        return asdict(self) | {"columns": [asdict(column) for column in self.columns]}

    @classmethod
    def from_dict(cls, values: dict) -> "ParseRecipe":
        return cls(**values | {"columns": tuple(Column(**column) for column in values["columns"])})


@dataclass(frozen=True)
class Inspection:
    """What `inspect` found: the recipe, the number of rows, a profile per column (see Profiler), a sample."""

    recipe: ParseRecipe
    rows: int
    profile: list[dict]
    sample: pd.DataFrame


def settle(file: BinaryIO, filename: str, *, max_bytes: int = streams.MAX_BYTES) -> tuple[ParseRecipe, int]:
    """Finds out from its content how a table file is to be read, and how many rows it has, in flat memory.

    One pass; the file stays open. Everything that is wrong with the file, or more than `max_bytes` when decompressed,
    is a ValidationError.
    """
    kind = detection.kind(file, filename, max_bytes=max_bytes)
    settlers = {"csv": _settle_csv, "jsonl": _settle_jsonl, "parquet": _settle_parquet}
    recipe, rows = settlers[kind.format](file, filename, kind, max_bytes)
    if not rows or not recipe.columns:
        raise ValidationError(
            "The file holds no rows of data. Upload a table with column names and at least one row.",
            code="no_rows",
        )
    return recipe, rows


def inspect(file: BinaryIO, filename: str, *, max_bytes: int = streams.MAX_BYTES) -> Inspection:
    """As settle(), with a second pass that profiles and samples the typed values."""
    recipe, rows = settle(file, filename, max_bytes=max_bytes)
    profiler, sampler = Profiler(recipe.columns), Sampler(recipe.columns, rows)
    for frame in chunks(file, recipe):
        profiler.update(frame)
        sampler.update(frame)
    return Inspection(recipe, rows, profiler.result(), sampler.result())


def chunks(
    file: BinaryIO, recipe: ParseRecipe, *, columns: Sequence[str] | None = None, rows: int = 50_000
) -> Iterator[pd.DataFrame]:
    """Yields the table as typed frames of at most `rows` rows; wide or long-worded rows come in fewer.

    `columns` picks and orders; a name that the file does not have is a ValidationError. A column has the same
    dtype in every chunk: int64 or Int64, float64, bool or boolean, str, datetime64[us] without zone (UTC).
    """
    wanted = _wanted(recipe, columns)
    with closing(BATCHES[recipe.format](file, recipe, wanted)) as batches:
        for size, convert in batches:
            for start in range(0, size, rows):
                yield _frame(wanted, lambda column: convert(column, start, rows))  # noqa: B023


def read(
    file: BinaryIO, recipe: ParseRecipe, *, columns: Sequence[str] | None = None, limit: int | None = None
) -> pd.DataFrame:
    """The table, or its first `limit` rows without reading on, as one typed frame (see `chunks`)."""
    wanted = _wanted(recipe, columns)
    frames, left = [], limit
    with closing(chunks(file, recipe, columns=columns, rows=min(limit or 50_000, 50_000))) as found:
        while left != 0 and (frame := next(found, None)) is not None:
            frames.append(frame if left is None else frame.head(left))
            left = None if left is None else left - len(frames[-1])
    if not frames:
        return _frame(wanted, lambda column: pa.array([], cells.ARROW_TYPES[column.type]))
    return pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]


def stored(file: BinaryIO, recipe: ParseRecipe, *, rows: int = 50_000) -> Iterator[pa.RecordBatch]:
    """Yields a CSV or Parquet table as it stands in the file: cells as they are written, values as they are stored.

    With the row labels that pandas adds to Parquet, where they are plain: they are no column of the table.
    """
    if recipe.format == "csv":
        names = [column.name for column in recipe.columns]
        found = _text_batches(file, recipe, names, names, missing=())
    else:
        found = parquet.batches(file, recipe.compression)
    with closing(found) as batches:
        for batch in batches:
            for start in range(0, batch.num_rows, rows):
                yield batch.slice(start, rows)


def _wanted(recipe, names):
    if names is None:
        return recipe.columns
    known = {column.name: column for column in recipe.columns}
    for name in names:
        if name not in known:
            raise ValidationError(f"The file has no column `{name[:200]}`.", code="unknown_column")
    return tuple(known[name] for name in names)


def _frame(wanted, array):
    return pd.DataFrame(
        {column.name: cells.to_pandas(array(column), column) for column in wanted}, copy=False
    )


# Delimited text


def _settle_csv(file, filename, kind, max_bytes):
    layout = detection.layout(kind, filename)
    recipe = ParseRecipe("csv", kind.compression, None, layout.delimiter, ".", layout.escape, layout.skip)
    for encoding in kind.encodings:
        guesses, rows = [cells.TextGuess() for _ in layout.names], 0
        recipe = replace(recipe, encoding=encoding)
        try:
            with closing(_text_batches(file, recipe, layout.names, layout.names, max_bytes)) as batches:
                for batch in batches:
                    rows += batch.num_rows
                    for guess, column in zip(guesses, batch.columns, strict=True):
                        guess.update(column)
        except streams.WrongEncoding as error:
            if encoding == kind.encodings[-1]:
                raise detection.encoding_error(encoding, error.line) from error
        else:
            break
    decimal = "," if any(guess.has_decimal_comma for guess in guesses) else "."
    found = [guess.column(name, decimal=decimal) for guess, name in zip(guesses, layout.names, strict=True)]
    return replace(recipe, decimal=decimal, columns=tuple(found)), rows


def _csv_batches(file, recipe, wanted):
    names = [column.name for column in recipe.columns]
    picked = [column.name for column in wanted]
    with closing(_text_batches(file, recipe, names, picked)) as batches:
        for batch in batches:
            texts = dict(zip(picked, batch.columns, strict=True))  # looking up a name in a batch is a search

            def convert(column, start, rows, texts=texts):
                return cells.from_text(texts[column.name].slice(start, rows), column, decimal=recipe.decimal)

            yield batch.num_rows, convert


def _text_batches(file, recipe, names, picked, max_bytes=streams.MAX_BYTES, missing=cells.MISSING):
    """Record batches of the picked columns, all as text; a ragged line or an open quote is an error."""
    watch = delimited.Watch(len(names), recipe.delimiter)
    end = f"\n{watch.end}\n"
    stream = streams.decoded(file, recipe.compression, recipe.encoding, max_bytes=max_bytes, end=end)
    try:
        reader = pyarrow.csv.open_csv(
            pa.PythonFile(stream, mode="r"),
            read_options=pyarrow.csv.ReadOptions(
                use_threads=False,
                block_size=CSV_BLOCK,
                column_names=names,
                skip_rows=recipe.skip,
                skip_rows_after_names=1,
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=recipe.delimiter,
                escape_char=recipe.escape or False,
                newlines_in_values=True,
                invalid_row_handler=watch,
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                check_utf8=False,
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=picked,
                null_values=missing,
                strings_can_be_null=bool(missing),
            ),
        )
        step = 8 if len(names) > WIDE else 1
        while batches := list(itertools.islice(reader, step)):
            yield pa.concat_batches(batches)
        if not watch.is_ended:
            raise pa.ArrowInvalid("a quotation mark is still open at the end")
    except pa.ArrowInvalid as error:
        stream.close()
        raise delimited.error(file, recipe, watch) from error
    finally:
        stream.close()


# JSON lines


def _settle_jsonl(file, filename, kind, max_bytes):
    guess = json_lines.Guess()
    encoding = "utf-8" if kind.encodings[0] in ("cp1252", "latin-1") else kind.encodings[0]  # RFC 8259
    try:
        with closing(streams.decoded(file, kind.compression, encoding, max_bytes=max_bytes)) as stream:
            for lines, rows in json_lines.batches(stream):
                guess.update(lines, rows)
    except streams.WrongEncoding as error:
        raise detection.encoding_error(encoding, error.line) from error
    return ParseRecipe("jsonl", kind.compression, encoding, columns=guess.columns()), guess.rows


def _jsonl_batches(file, recipe, wanted):
    with closing(streams.decoded(file, recipe.compression, recipe.encoding)) as stream:
        for _, objects in json_lines.batches(stream):

            def convert(column, start, rows, objects=objects):
                return json_lines.array(objects[start : start + rows], column)

            yield len(objects), convert


# Parquet


def _settle_parquet(file, filename, kind, max_bytes):
    found, rows = parquet.settle(file, kind.compression, max_bytes=max_bytes)
    return ParseRecipe("parquet", kind.compression, columns=found), rows


def _parquet_batches(file, recipe, wanted):
    names = [column.name for column in wanted]
    with closing(parquet.batches(file, recipe.compression, names)) as batches:
        for batch in batches:
            values = dict(zip(batch.schema.names, batch.columns, strict=True))

            def convert(column, start, rows, values=values):
                return cells.from_arrow(values[column.name].slice(start, rows), column)

            yield batch.num_rows, convert


BATCHES = {"csv": _csv_batches, "jsonl": _jsonl_batches, "parquet": _parquet_batches}

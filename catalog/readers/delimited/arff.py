"""ARFF, the format of Weka and OpenML: comma-separated text whose header declares the columns."""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import BinaryIO

import pyarrow as pa
from django.core.exceptions import ValidationError

from catalog.readers import column_names, streams
from catalog.readers.cells import conclusion, conversion
from catalog.readers.cells.column_types import Column
from catalog.readers.cells.type_inference import TypeInference
from catalog.readers.delimited import records
from catalog.readers.detection import Head
from catalog.readers.recipe import Finding, ParseRecipe, Reading

START = re.compile(r"(?:\s*(?:%[^\n]*)?\n)*\s*@relation\b", re.IGNORECASE)
DATA = re.compile(r"^[ \t]*@data[ \t\r]*$", re.IGNORECASE | re.MULTILINE)
ATTRIBUTE = re.compile(
    r"^[ \t]*@attribute[ \t]+('(?:\\\\.|[^'])*'|\"(?:\\\\.|[^\"])*\"|[^\s{]+)[ \t]*(.*?)[ \t\r]*$",
    re.IGNORECASE | re.MULTILINE,
)
TEXTS = ("{", "string")  # the types of which cells are texts even if they look like numbers
BATCH_CELLS = 500_000
NULLS = ("?", "")


def matches(head: Head) -> bool:
    return START.match(head.text) is not None


def detect(file: BinaryIO, head: Head, *, max_bytes: int) -> Reading:
    data = DATA.search(head.text)
    declared = ATTRIBUTE.findall(head.text[: data.start()]) if data else []
    if not declared:
        raise ValidationError(
            "The ARFF file has no @ATTRIBUTE lines followed by @DATA. Export it again, or save it as CSV.",
            code="no_header",
        )
    for name, kind in declared:
        if kind.lower().startswith("relational"):
            raise _unsupported(f"attribute {name} is relational")
    first = next(
        (line for line in head.text[data.end() :].splitlines() if line.strip() and line[0] != "%"), ""
    )
    if first.lstrip().startswith("{"):
        raise _unsupported("rows are sparse")
    names, findings = column_names.usable([_unquoted(name) for name, _ in declared])
    skip = 1 + head.text.count("\n", 0, data.end())
    quote = '"' if '"' in head.text[data.end() :] and "'" not in first else "'"
    delimiter = "\t" if "\t" in first and "," not in first else ","
    recipe = ParseRecipe(
        "arff",
        head.compression,
        head.encodings[0],
        delimiter,
        ".",
        "\\",
        skip,
        header=False,
        quote=quote,
        spaced=True,
    )
    inferences, rows = [TypeInference() for _ in names], 0
    for batch in _batches(file, recipe, names, names, max_bytes=max_bytes):
        rows += batch.num_rows
        for inference, cells in zip(inferences, batch.columns, strict=True):
            inference.update(cells)
    found = conclusion.conclude(names, inferences, decimal=".")
    are_texts = {
        name for name, (_, kind) in zip(names, declared, strict=True) if kind.lower().startswith(TEXTS)
    }
    columns = [
        Column(column.name, "text", inference.missing > 0) if column.name in are_texts else column
        for column, inference in zip(found.columns, inferences, strict=True)
    ]
    findings += [
        Finding(one.code, one.text, one.column) for one in found.findings if one.column not in are_texts
    ]
    findings = [*head.encoding_findings(recipe.encoding), *findings]
    return Reading(replace(recipe, columns=tuple(columns)), rows, tuple(findings))


def batches(file: BinaryIO, recipe: ParseRecipe, columns: Sequence[Column]) -> Iterator[pa.RecordBatch]:
    return _batches(file, recipe, recipe.names, [column.name for column in columns])


def typed(values: pa.Array, column: Column, recipe: ParseRecipe) -> pa.Array:
    return conversion.from_text(values, column, decimal=recipe.decimal)


def raw_batches(file: BinaryIO, recipe: ParseRecipe) -> Iterator[pa.RecordBatch]:
    batch = None
    for batch in _batches(file, recipe, recipe.names, recipe.names):
        yield batch
    if batch is None:
        yield pa.RecordBatch.from_arrays([pa.array([], pa.string())] * len(recipe.names), recipe.names)


line_of = records.line_of


def _batches(file, recipe, names, selected, *, max_bytes=streams.MAX_BYTES):
    places = [names.index(name) for name in selected]
    most = max(BATCH_CELLS // len(names), 1)
    stream = streams.decoded(file, recipe.compression, recipe.encoding, max_bytes=max_bytes)
    with closing(stream), io.TextIOWrapper(stream, "utf-8", newline="") as text:
        rows = records.data_rows(_WithoutComments(text), recipe, len(names))
        block = []
        for cells in rows:
            block.append(cells)
            if len(block) == most:
                yield _batch(block, places, selected)
                block = []
        if block:
            yield _batch(block, places, selected)


def _batch(block, places, names):
    columns = [[_cell(cells[place]) for cells in block] for place in places]
    return pa.RecordBatch.from_arrays([pa.array(column, pa.string()) for column in columns], list(names))


def _cell(text):
    text = text.strip()
    if (
        len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    ):  # the other kind of quotes than most cells have
        text = text[1:-1]
    return None if text in NULLS else text


class _WithoutComments:
    """A text whose comments are blank lines."""

    def __init__(self, text):
        self._text = text

    def readline(self, size: int) -> str:
        line = self._text.readline(size)
        return "\n" if line.startswith("%") else line


def _unquoted(name):
    return re.sub(r"\\(.)", r"\1", name[1:-1]) if name[0] in "'\"" else name


def _unsupported(what):
    return ValidationError(
        f"The ARFF file cannot be read: its {what}. Save it as CSV, for example with Weka.",
        code="unsupported_arff",
    )

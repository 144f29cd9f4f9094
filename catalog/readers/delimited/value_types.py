"""The types of the columns of delimited text, and what was assumed about their values."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import BinaryIO

import pyarrow as pa

from catalog.readers.cells import conclusion, text_words
from catalog.readers.cells.column_types import Column
from catalog.readers.cells.missing import MISSING, with_nulls
from catalog.readers.cells.type_inference import TypeInference
from catalog.readers.cells.value_findings import ANSWERS
from catalog.readers.corrections import Corrections
from catalog.readers.delimited import records
from catalog.readers.recipe import Finding, ParseRecipe

WORD_BYTES = 4 * 1024 * 1024  # of text columns that are searched for words


def inferences(names: Sequence[str], corrections: Corrections) -> list[TypeInference]:
    """One for each column, with what a user has set for it."""
    given = map(corrections.of_column, names)
    return [TypeInference(kind=one.type, form=one.format) if one else TypeInference() for one in given]


def concluded(
    file: BinaryIO,
    recipe: ParseRecipe,
    names: Sequence[str],
    inferences: Sequence[TypeInference],
    *,
    corrections: Corrections,
    text_batches: Callable[..., Iterator[pa.RecordBatch]],
) -> tuple[ParseRecipe, tuple[Finding, ...]]:
    """The recipe with its columns, and the findings that the corrections do not answer.

    `text_batches` reads columns as they are written, given their names and the texts that mean a missing value.
    """
    found = conclusion.conclude(names, inferences, delimiter=recipe.delimiter, decimal=corrections.decimal)
    recipe = replace(recipe, decimal=found.decimal, columns=found.columns)
    columns, of_texts = _with_words(recipe, text_batches)
    recipe, answered = replace(recipe, columns=tuple(columns)), _answered(corrections)
    findings = [one for one in [*found.findings, *of_texts] if (one.column, one.code) not in answered]
    lines = records.lines_of_rows(file, recipe, {one.row for one in findings if one.row is not None})
    return recipe, tuple(
        Finding(one.code, one.sentence(lines.get(one.row)), one.column, lines.get(one.row))
        for one in findings
    )


def _with_words(recipe, text_batches):
    """The columns, in which NA can be a word, and findings: by the first 4 MB of their texts."""
    words = [text_words.TextWords(column) for column in recipe.columns if column.type == "text"]
    if not words:
        return recipe.columns, []
    size = 0
    with closing(text_batches(recipe, [one.column.name for one in words], missing=())) as batches:
        for batch in batches:
            for one, cells in zip(words, batch.columns, strict=True):
                one.update(cells)
            size += batch.nbytes
            if size > WORD_BYTES:
                break
    return text_words.concluded(recipe.columns, words, is_whole=size <= WORD_BYTES)


def _answered(corrections):
    """The columns and codes of findings that the corrections answer."""
    return {
        (column.source, code)
        for column in corrections.columns
        for field, codes in ANSWERS.items()
        for code in codes
        if getattr(column if field == "type" else column.format, field, None) not in (None, ())
        or (field == "missing" and column.format and column.format.missing == ())
    }


def common_missing(tokens: Iterable[Sequence[str] | None]) -> list[str]:
    """What means a missing value in every column, given those of the columns that have their own: the parser finds
    these fastest."""
    own = [set(of_column) for of_column in tokens if of_column is not None]
    return [text for text in MISSING if all(text in of_column for of_column in own)]


def with_missing(batch: pa.RecordBatch, columns: Sequence[Column]) -> pa.RecordBatch:
    """The batch with what means missing in columns without a list of their own; that of the others is converted."""
    arrays = [
        cells if column.format and column.format.missing is not None else with_nulls(cells, MISSING)
        for cells, column in zip(batch.columns, columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, batch.schema.names)

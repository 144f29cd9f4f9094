"""Write the rows of a file back with additional columns, in the format of the file."""

import codecs
import csv
import io
import json
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from django.conf import settings

from catalog.readers.encodings import BYTE_ORDER_MARKS
from catalog.readers.formats import written_delimiter
from catalog.readers.parquet import PANDAS
from catalog.readers.recipe import ParseRecipe

# Spreadsheets do not recognise UTF-8 without a byte order mark, so a file that had one gets one.
MARKED_ENCODINGS = {encoding for _, encoding in BYTE_ORDER_MARKS}
CONTENT_TYPES = {  # by extension
    "csv": "text/csv; charset=utf-8",
    "tsv": "text/tab-separated-values; charset=utf-8",
    "tab": "text/tab-separated-values; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}


def content_type(filename: str) -> str:
    """The content type of a result."""
    return CONTENT_TYPES[filename.rpartition(".")[2]]


def with_unique_names(names: list[str], new: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The new columns, renamed to name_2, name_3 ... if the table has a column of that name."""
    used, columns = set(names), {}
    for name, values in new.items():
        number, unique = 1, name
        while unique in used:
            number += 1
            unique = f"{name}_{number}"
        used.add(unique)
        columns[unique] = values
    return columns


class CsvWriter:
    """UTF-8, with the cells of the input as they were and quotes only where needed; numbers as Python writes them."""

    def __init__(self, file: IO[bytes], recipe: ParseRecipe):
        self.file, self.is_first = file, True
        self.delimiter = written_delimiter(recipe.delimiter)
        if recipe.encoding in MARKED_ENCODINGS:
            file.write(codecs.BOM_UTF8)

    def write(self, batch: pa.RecordBatch, new: dict[str, np.ndarray]) -> None:
        new = with_unique_names(batch.schema.names, new)
        columns = [*batch.columns, *(_as_text(values) for values in new.values())]
        if self.is_first:
            self._write_rows([[*batch.schema.names, *new]])
            self.is_first = False
        plain = io.BytesIO()
        options = pyarrow.csv.WriteOptions(
            include_header=False, delimiter=self.delimiter, quoting_style="none"
        )
        names = [str(index) for index in range(len(columns))]
        try:
            pyarrow.csv.write_csv(pa.RecordBatch.from_arrays(columns, names), plain, options)
        except pa.ArrowInvalid:  # a cell contains a delimiter, a quotation mark or a line break
            self._write_rows(zip(*(column.to_pylist() for column in columns), strict=True))
        else:
            self.file.write(plain.getbuffer())

    def _write_rows(self, rows) -> None:
        lines = _Lines()
        csv.writer(lines, delimiter=self.delimiter, lineterminator=_Lines.END).writerows(rows)
        self.file.write("".join(lines).encode())

    def close(self) -> None:
        self.file.flush()

    def abandon(self) -> None:
        """Nothing is buffered."""


class _Lines(list):
    """A file for csv.writer. Before 3.13, Python quotes a carriage return only if it is part of the line terminator."""

    END = "\r\n"

    def write(self, line: str) -> None:
        self.append(line.removesuffix(self.END) + "\n")


def _as_text(values: np.ndarray) -> pa.Array:
    """The text of each value in Python; null for NaN and infinity."""
    texts = list(map(repr if values.dtype.kind == "f" else str, values.tolist()))
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        texts = [text if finite else None for text, finite in zip(texts, np.isfinite(values), strict=True)]
    return pa.array(texts, pa.string())


def _pandas_metadata(schema: pa.Schema) -> dict[bytes, bytes]:
    """The metadata of pandas, with its index and types, as far as it holds for the table with predictions."""
    names = set(schema.names)
    try:
        metadata = json.loads((schema.metadata or {})[PANDAS])
        metadata["columns"] = [column for column in metadata["columns"] if column["field_name"] in names]
        metadata["index_columns"] = [
            index for index in metadata["index_columns"] if type(index) is dict or index in names
        ]
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}
    # Column names may have been numbers or dates; those of predictions are texts.
    metadata["column_indexes"] = []
    return {PANDAS: json.dumps(metadata).encode()}


def _as_arrow(values: np.ndarray) -> pa.Array:
    """With the type even of an empty array: predicted objects are texts."""
    return pa.array(values, pa.string() if values.dtype.kind == "O" else None, from_pandas=True)


class ParquetWriter:
    """Columns with the types of the input; dictionaries are decoded."""

    def __init__(self, file: IO[bytes], recipe: ParseRecipe):
        self.file, self.writer, self.metadata = file, None, None
        self.pending: list[pa.RecordBatch] = []
        self.pending_bytes = 0

    def write(self, batch: pa.RecordBatch, new: dict[str, np.ndarray]) -> None:
        new = with_unique_names(batch.schema.names, new)
        added = [_as_arrow(values) for values in new.values()]
        if self.metadata is None:
            self.metadata = _pandas_metadata(batch.schema)
        self.pending.append(pa.RecordBatch.from_arrays([*batch.columns, *added], [*batch.schema.names, *new]))
        self.pending_bytes += self.pending[-1].nbytes
        if self.pending_bytes >= settings.PARQUET_ROW_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        group = pa.Table.from_batches(self.pending).replace_schema_metadata(self.metadata)
        self.writer = self.writer or pyarrow.parquet.ParquetWriter(self.file, group.schema)
        self.writer.write_table(group, row_group_size=max(group.num_rows, 1))
        self.pending, self.pending_bytes = [], 0

    def close(self) -> None:
        if self.pending:
            self._flush()
        self.writer.close()

    def abandon(self) -> None:
        """An open writer would write its footer when it is garbage-collected, to a file that is closed by then."""
        if self.writer:
            self.writer.is_open = False


WRITERS = {"csv": CsvWriter, "parquet": ParquetWriter}

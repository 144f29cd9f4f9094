"""Objects out of JSON lines, or out of one JSON array of objects, a batch at a time."""

import io
import json
import re

import pyarrow as pa
from django.core.exceptions import ValidationError

from catalog.readers import column_types
from catalog.readers.column_types import Column

BATCH_ROWS = 10_000
BATCH_SIZE = 4 * 1024 * 1024
MAX_OBJECT = 16 * 1024 * 1024
WINDOW = 1024 * 1024
INT64 = range(-(2**63), 2**63)
GAP = re.compile(r"[\s,]*")


class Guess:
    """The columns of the objects seen so far: the keys in order of appearance and what their values were."""

    def __init__(self):
        self.rows = 0
        self._types = {}
        self._rows_with = {}
        self._is_date = {}

    def update(self, lines, rows):
        keys = {}
        for row in rows:
            keys.update(row)
        for name in keys:
            values = [row.get(name) for row in rows]
            types = self._types.setdefault(name, set())
            types |= set(map(type, values))
            if dict in types or list in types:
                self._refuse_nested(name, values, lines)
            if int in types and not _fits_int64(values):
                types.add(str)  # an identifier, which a float would round
                self._is_date[name] = False
            if float in types and any(value != value for value in values):
                types.add(type(None))
            if str in types and self._is_date.get(name, True):
                texts = pa.array([value for value in values if type(value) is str], pa.string())
                self._is_date[name] = not len(texts) or column_types.is_dates(texts)
            self._rows_with[name] = self._rows_with.get(name, 0) + len(rows)
        self.rows += len(rows)
        if len(self._types) > column_types.MAX_COLUMNS:
            column_types.usable_names(list(self._types))

    def columns(self):
        """The columns with their final types, named exactly as their keys are spelt."""
        names = column_types.exact_names(list(self._types))
        return tuple(Column(name, self._type(name), self._is_nullable(name)) for name in names)

    def _is_nullable(self, name):
        return type(None) in self._types[name] or self._rows_with[name] < self.rows

    def _type(self, name):
        types = self._types[name] - {type(None)}
        if types == {str}:
            return "date" if self._is_date[name] else "text"
        if types == {bool}:
            return "boolean"
        if types == {int}:
            return "integer"
        return "number" if types <= {int, float} else "text"

    @staticmethod
    def _refuse_nested(name, values, lines):
        line = next(line for line, value in zip(lines, values, strict=True) if type(value) in (dict, list))
        raise ValidationError(
            f"Line {line:,}: `{name[:100]}` holds an object or a list. Flatten it into plain columns.",
            code="nested_value",
        )


def batches(stream):
    """Yields (line numbers, objects) of a stream in UTF-8; what is not an object is an error."""
    found = _elements(stream) if _first_character(stream) == b"[" else _lines(stream)
    lines, rows, size = [], [], 0
    for line, text, value in found:
        if type(value) is not dict:
            raise _invalid(line, "is not a JSON object")
        if "\\u0000" in text or "\\ud" in text or "\\uD" in text:
            _refuse_odd_characters(line, value)
        lines.append(line)
        rows.append(value)
        size += len(text)
        if len(rows) == BATCH_ROWS or size > BATCH_SIZE:
            yield lines, rows
            lines, rows, size = [], [], 0
    if rows:
        yield lines, rows


def array(rows, column):
    """One column of the objects as the Arrow array of its type."""
    values = [row.get(column.name) for row in rows]
    if column.type == "number":
        values = [None if value is None or value != value else float(value) for value in values]
    if column.type == "text":
        values = [value if value is None or type(value) is str else json.dumps(value) for value in values]
    if column.type == "date":
        return column_types.dates(pa.array(values, pa.string()))
    return pa.array(values, column_types.ARROW_TYPES[column.type])


def _lines(stream):
    number = 0
    while line := stream.readline(MAX_OBJECT):
        number += 1
        if len(line) == MAX_OBJECT:
            raise _invalid(number, "is longer than 16 MB")
        if text := line.decode().strip():
            try:
                yield number, text, json.loads(text)
            except (ValueError, RecursionError) as error:
                raise _invalid(number, "is not valid JSON") from error


def _elements(stream):
    """The elements of one JSON array, parsed from a window: the file is never in memory as a whole."""
    source = io.TextIOWrapper(stream, "utf-8", newline="")
    window = source.read(WINDOW)
    line, place = 1, window.index("[") + 1
    line += window.count("\n", 0, place)
    decode = json.JSONDecoder().raw_decode
    while True:
        start = GAP.match(window, place).end()
        line += window.count("\n", place, start)
        place = start
        if window.startswith("]", place):
            return
        try:
            value, end = decode(window, place)
        except (ValueError, RecursionError) as error:
            more = source.read(WINDOW)
            if not more or len(window) - place > MAX_OBJECT:
                raise _invalid(line, "is not valid JSON, or the file was cut off there") from error
            window, place = window[place:] + more, 0
            continue
        yield line, window[place:end], value
        line += window.count("\n", place, end)
        place = end


def _first_character(stream):
    while (head := stream.peek(1)) and not head.strip():
        stream.read(len(head))
    return head.lstrip()[:1]


def _refuse_odd_characters(line, value):
    """No database stores them: half of a surrogate pair is no UTF-8, and PostgreSQL has no NUL in a text."""
    try:
        plain = json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise _invalid(line, "holds half of a surrogate pair (\\ud800 to \\udfff)") from error
    if b"\\u0000" in plain.replace(b"\\\\", b""):
        raise _invalid(line, "holds a NUL character (\\u0000)")


def _fits_int64(values):
    whole = [value for value in values if type(value) is int]
    return not whole or (min(whole) in INT64 and max(whole) in INT64)


def _invalid(line, what):
    return ValidationError(
        f'Line {line:,} {what}. JSON lines hold one object per line, such as {{"age": 41, "city": "Oslo"}}.',
        code="invalid_json",
    )

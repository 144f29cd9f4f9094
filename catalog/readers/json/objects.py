"""The objects in a JSON file: on lines, one after the other, in an array, or in one object that is a table."""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from django.core.exceptions import ValidationError

from catalog.readers import column_names
from catalog.readers.recipe import Finding

BATCH_ROWS = 10_000
BATCH_SIZE = 4 * 1024 * 1024
MAX_OBJECT = 16 * 1024 * 1024
WINDOW = 1024 * 1024
NUMBER = re.compile("[0-9]+")  # a key of an object by which pandas numbers rows
SEPARATORS = re.compile(r"[\s,]*")


@dataclass
class Notes:
    """What was assumed about a file: the objects that became columns, and how one object is a table."""

    flattened: dict[str, None] = field(default_factory=dict)  # in their order
    layout: str = ""

    def findings(self) -> Iterator[Finding]:
        if self.layout:
            yield Finding("json_layout", self.layout)
        if self.flattened:
            names = column_names.listed(list(self.flattened))
            example = next(iter(self.flattened))
            yield Finding(
                "flattened",
                f"The values of {names} are objects: their keys are columns, named as `{example}.key`.",
            )


def read(stream: BinaryIO, notes: Notes | None = None) -> Iterator[tuple[list[int], list[dict]]]:
    """Yields (line numbers, objects) of a UTF-8 stream, without objects in them; what was assumed goes into `notes`.

    Raises ValidationError for any other value.
    """
    notes = notes or Notes()
    is_array = _first_character(stream) == b"["
    lines, rows, size = [], [], 0
    for line, text, value in _elements(stream) if is_array else _of_document(_lines(stream), notes):
        if type(value) is not dict:
            raise _invalid(line, "is not a JSON object")
        if "\\u0000" in text or "\\ud" in text or "\\uD" in text:
            _check_characters(line, value)
        if dict in map(type, value.values()):
            value = _flattened(line, value, notes)
        lines.append(line)
        rows.append(value)
        size += len(text)
        if len(rows) == BATCH_ROWS or size > BATCH_SIZE:
            yield lines, rows
            lines, rows, size = [], [], 0
    if rows:
        yield lines, rows


def _flattened(line, row, notes):
    flat = {}
    for name, value in row.items():
        if type(value) is dict:
            notes.flattened[name] = None
            flat |= {f"{name}.{key}": inner for key, inner in value.items()}
        else:
            flat[name] = value
    if len(flat) < sum(len(value) if type(value) is dict else 1 for value in row.values()):
        raise _invalid(line, "has a key twice once the objects in it are columns")
    return flat


def _of_document(elements, notes):
    """The elements; of a single one that is a table, its rows."""
    first = next(elements, None)
    second = next(elements, None)
    if first is None:
        return
    line, _, value = first
    rows = None if second or type(value) is not dict else _rows_of(value, notes)
    if rows is None:
        yield first
        if second:
            yield second
        yield from elements
        return
    _check_characters(line, value)
    for row in rows:
        yield line, "", row


def _rows_of(document, notes):
    """The rows of an object that is a table by its lists or objects; None for one that is a row."""
    values = list(document.values())
    kinds = set(map(type, values))
    if _is_split(document):
        notes.layout = "The file is one object with `columns` and `data`, which are the names and the rows."
        return [dict(zip(map(str, document["columns"]), row, strict=True)) for row in document["data"]]
    lists = {name: value for name, value in document.items() if type(value) is list}
    tables = [name for name, value in lists.items() if value and set(map(type, value)) == {dict}]
    if len(tables) == len(lists) == 1:
        notes.layout = f"The file is one object: the list `{tables[0][:60]}` in it is read as the table."
        return lists[tables[0]]
    if kinds == {list} and len(set(map(len, values))) == 1 and not tables:
        notes.layout = "The file is one object: its lists are read as columns."
        return [dict(zip(document, cells, strict=True)) for cells in zip(*values, strict=True)]
    if kinds == {dict} and all(map(NUMBER.fullmatch, document)):
        notes.layout = "The file is one object: the objects in it are read as rows, and their keys left out."
        return values
    if kinds == {dict} and all(
        value.keys() == values[0].keys() and all(map(NUMBER.fullmatch, value)) for value in values
    ):
        notes.layout = (
            "The file is one object: the objects in it are read as columns, and their keys left out."
        )
        return [{name: column[key] for name, column in document.items()} for key in values[0]]
    return None


def _is_split(document):
    """As pandas writes with orient="split"."""
    names, rows = document.get("columns"), document.get("data")
    are_lists = type(names) is list and type(rows) is list and rows and set(map(type, rows)) == {list}
    return (
        are_lists and all(len(row) == len(names) for row in rows) and len(set(map(str, names))) == len(names)
    )


def _lines(stream):
    """The values on lines; if the first line is only a part of one, the values one after the other."""
    number = 0
    while line := stream.readline(MAX_OBJECT):
        number += 1
        if len(line) == MAX_OBJECT:
            raise _invalid(number, "is longer than 16 MB")
        if text := line.decode().strip():
            try:
                value = json.loads(text)
            except (ValueError, RecursionError) as error:
                if number > 1 or not text.startswith("{"):
                    raise _invalid(number, "is not valid JSON") from error
                yield from _elements(stream, line.decode())
                return
            yield number, text, value


def _elements(stream, window=""):
    """The elements of one JSON array, or objects one after the other, parsed from a window: the whole file is never in
    memory."""
    source = io.TextIOWrapper(stream, "utf-8", newline="")
    window += source.read(WINDOW)
    is_array = window.lstrip().startswith("[")
    line, place = 1, window.index("[") + 1 if is_array else 0
    line += window.count("\n", 0, place)
    decode = json.JSONDecoder().raw_decode
    while True:
        start = SEPARATORS.match(window, place).end()
        line += window.count("\n", place, start)
        place = start
        if window.startswith("]", place) and is_array:
            return
        if place == len(window) and not is_array:
            window, place = source.read(WINDOW), 0
            if not window:
                return
            continue
        try:
            value, end = decode(window, place)
        except (ValueError, RecursionError) as error:
            more = source.read(WINDOW)
            if len(window) - place > MAX_OBJECT:
                raise _invalid(line, "is longer than 16 MB") from error
            if not more:
                raise _invalid(line, "is not valid JSON, or the file is incomplete") from error
            window, place = window[place:] + more, 0
            continue
        yield line, window[place:end], value
        line += window.count("\n", place, end)
        place = end


def _first_character(stream):
    while (head := stream.peek(1)) and not head.strip():
        stream.read(len(head))
    return head.lstrip()[:1]


def _check_characters(line, value):
    """Half of a surrogate pair is not valid UTF-8, and PostgreSQL does not store NUL: no database could keep them."""
    try:
        plain = json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise _invalid(line, "contains half of a surrogate pair (\\ud800 to \\udfff)") from error
    if b"\\u0000" in plain.replace(b"\\\\", b""):
        raise _invalid(line, "contains a NUL character (\\u0000)")


def _invalid(line, what):
    return ValidationError(
        f'Line {line:,} {what}. JSON lines have one object per line, such as {{"age": 41, "city": "Oslo"}}.',
        code="invalid_json",
    )

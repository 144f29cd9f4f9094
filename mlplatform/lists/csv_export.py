"""CSV for spreadsheets, which run a cell that begins with one of a few characters as a formula: lists and files.

An apostrophe in front makes it text, as OWASP recommends ("CSV Injection"). Numbers stay as they are.
"""

import codecs
import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

MARK = codecs.BOM_UTF8
FORMULA = r"^[=+\-@\t\r\n＝＋－＠]"
NUMBER = r"^[+-]?(\d[\d.,]*|[.,]\d+)([eE][+-]?\d+)?%?$"
CHUNK = 500  # rows that are read at a time


def chunks(rows: QuerySet | list) -> Iterator[list]:
    """The rows of a list, some at a time, each with a constant number of queries: no cursor stays open."""
    keys = list(rows.values_list("pk", flat=True)) if isinstance(rows, QuerySet) else rows
    for start in range(0, len(keys), CHUNK):
        some = keys[start : start + CHUNK]
        yield list(rows.filter(pk__in=some)) if isinstance(rows, QuerySet) else some


def download(blocks: Iterator[bytes], filename: str) -> StreamingHttpResponse:
    """CSV that is written while it is sent, so without a length, ranges and an ETag."""
    response = StreamingHttpResponse(blocks, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(True, filename)
    return response


def respond(rows: Iterable[Iterable[Mapping]], *, header: list[str], filename: str) -> StreamingHttpResponse:
    """A list as CSV. Each mapping is a row; what it lacks is an empty cell."""
    return download(_blocks(rows, header), filename)


def _blocks(rows: Iterable[Iterable[Mapping]], header: list[str]) -> Iterator[bytes]:
    yield MARK + _lines([header])
    for chunk in rows:
        yield _lines([[cell(row.get(name)) for name in header] for row in chunk])


def _lines(rows: Iterable[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def cell(value) -> str:
    """A value of JSON as the text of a cell: a list of names with commas, any other structure as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple) and not any(isinstance(item, dict | list) for item in value):
        value = ", ".join(str(item) for item in value)
    elif isinstance(value, dict | list | tuple):
        value = json.dumps(value, ensure_ascii=False)
    text = str(value)
    is_formula = re.match(FORMULA, text) and not re.match(NUMBER, text)
    return f"'{text}" if is_formula else text

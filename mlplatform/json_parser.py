"""The JSON parser of all API requests: strict, fast, and limited in depth. Bodies may be compressed."""

import json
from collections import Counter

import numpy
import orjson
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from rest_framework.parsers import BaseParser

from mlplatform.errors import TooLarge, UnsupportedType
from mlplatform.web.request_body import read_content
from mlplatform.web.request_limits import MB, in_units

# Bytes that Python takes for the values of a body, by the characters that come with one: a place in a list with a
# number, the rest of a text, a list, an object.
JSON_COSTS = {b",": 40, b'"': 28, b"[": 72, b"{": 120}


def loads(content: bytes):
    """Parse a request body. Raises ValidationError, also for NaN, Infinity, invalid UTF-8, repeated keys and
    excessive nesting, and TooLarge for too many values.
    """
    check_memory(content, JSON_COSTS)
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        reason = "it is in UTF-16 or UTF-32; send UTF-8" if _is_utf_16(content) else _reason(error)
        raise ValidationError(f"The request body is not valid JSON: {reason}.", code="parse_error") from error
    if _may_repeat_keys(content, value):
        del value  # the check takes as much memory
        _check_keys(content)
        value = orjson.loads(content)
    return value


def check_memory(content: bytes, costs: dict[bytes, int]) -> None:
    """Raise TooLarge if the values of a text would take more than MAX_VALUES_MB, before they exist.

    64 MB of empty lists took 1.6 GB. Counting takes 2 % of the time of the parser.
    """
    limit = settings.MAX_VALUES_MB * MB
    if len(content) * max(costs.values()) <= limit:
        return
    codes = numpy.frombuffer(content, numpy.uint8)
    size = sum(numpy.count_nonzero(codes == ord(character)) * cost for character, cost in costs.items())
    if size > limit:
        raise TooLarge(
            f"The values of the request would take {in_units(size)} of memory; the limit is {in_units(limit)}. "
            "Send fewer rows in one request, or a file to /predict/file.",
            code="too_large",
        )


def _is_utf_16(content: bytes) -> bool:
    """True for UTF-16 and UTF-32: they start with a byte order mark or, since JSON starts with ASCII, have a null."""
    return content[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\0" in content[:4]


def _reason(error: orjson.JSONDecodeError) -> str:
    """What is wrong and where; of NaN and Infinity, which Python's `json.dumps` writes, also what to send instead."""
    if not error.pos:
        return error.msg
    word = error.doc[error.pos : error.pos + 8].lower()
    is_number = word.startswith(("nan", "infinity"))
    reason = "NaN and Infinity are not JSON; send null if a value is unknown" if is_number else error.msg
    return f"{reason} (line {error.lineno:,}, column {error.colno:,})"


def unique_keys(pairs: list[tuple[str, object]]) -> dict:
    """An `object_pairs_hook` of Python's parser. Raises ValidationError for a repeated key, code: repeated."""
    value = dict(pairs)
    if len(value) < len(pairs):
        repeated, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValidationError(f"The request body has the key `{repeated[:100]}` twice.", code="repeated")
    return value


def _may_repeat_keys(content: bytes, value) -> bool:
    """False if no object has a key twice, of which orjson keeps the last. True if that is not certain.

    Each key has a colon, so with a repeated one the body has more colons than its value. This takes 1 microsecond for
    the body of a one-row prediction; Python's own parser, which can reject repeated keys, takes 5 times as long as
    orjson.
    """
    colons = content.count(b":")
    if type(value) is dict:
        keys = len(value)
        for part in value.values():
            if type(part) is dict:
                keys += len(part)
        if keys == colons:
            return False
    try:
        written = orjson.dumps(value)
    except orjson.JSONEncodeError:  # nested more deeply than orjson writes
        return True
    return colons != written.count(b":") or b"\\u003a" in content or b"\\u003A" in content


def _check_keys(content: bytes) -> None:
    try:
        json.loads(content, object_pairs_hook=unique_keys, parse_int=len, parse_float=len)
    except RecursionError as error:
        raise ValidationError("The request body is nested too deeply.", code="parse_error") from error


class JSONParser(BaseParser):
    media_type = "application/json"

    def parse(self, stream, media_type=None, parser_context=None):
        return loads(read_content(parser_context["request"]._request))


def read_json_body(request: HttpRequest):
    """The parsed body of a request. Raises UnsupportedType unless it is JSON, and what read_content() raises."""
    if request.content_type != "application/json":
        raise UnsupportedType("The body must be application/json.", code="unsupported_media_type")
    return loads(read_content(request))

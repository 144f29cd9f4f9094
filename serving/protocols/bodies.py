"""What stands between the bytes of a request and a protocol: compression, and the JSON that stock clients write."""

import json
import re
import zlib

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, ValidationError
from django.http import HttpRequest

from mlplatform import json_parser
from mlplatform.errors import TooLarge, UnsupportedType

# Tables as JSON come to a tenth. What grows far more is made to fill the memory of whoever reads it.
MOST_GROWTH, ALWAYS_ALLOWED = 100, 4 * 1024**2
GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS  # which of both it is, zlib sees from the first bytes
A_NUMBER_THAT_IS_NONE = re.compile(rb"\bNaN\b")


def content_of(request: HttpRequest) -> bytes:
    """A request's body, decompressed. Raises ValidationError when it is broken, unknown or grows too large."""
    encoding = request.META.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
    try:
        body = request.body
    except RequestDataTooBig as error:  # one that calls itself an upload, which may be larger
        raise _too_large() from error
    if encoding in {"identity", ""}:
        return body
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise UnsupportedType(
            "The body's Content-Encoding must be gzip, deflate or none.", code="unsupported_encoding"
        )
    limit = min(max(MOST_GROWTH * len(body), ALWAYS_ALLOWED), settings.MAX_REQUEST_MB * 1024**2)
    stream = zlib.decompressobj(wbits=GZIP_OR_ZLIB)
    try:
        content = stream.decompress(body, limit + 1)
    except zlib.error as error:
        raise ValidationError(f"The body is not {encoding}.", code="parse_error") from error
    if len(content) > limit:
        if limit < settings.MAX_REQUEST_MB * 1024**2:
            raise TooLarge(
                f"The body grows to more than {MOST_GROWTH} times what was sent. Send it uncompressed.",
                code="too_large",
            )
        raise _too_large()
    if not stream.eof or stream.unused_data:
        raise ValidationError(f"The body is not {encoding}.", code="parse_error")
    return content


def json_of(request: HttpRequest):
    """The body of a call of ours, as JSON. Raises UnsupportedType for another kind, and what content_of() raises."""
    if request.content_type != "application/json":
        raise UnsupportedType("The body must be application/json.", code="unsupported_media_type")
    return json_parser.loads(content_of(request))


def _too_large() -> TooLarge:
    return TooLarge(f"A request may have {settings.MAX_REQUEST_MB} MB at most.", code="too_large")


def loads(content: bytes):
    """JSON in which NaN may stand for a missing number, as the clients of MLflow and Triton write it.

    Everything else is refused as json_parser.loads() refuses it.
    """
    try:
        return json_parser.loads(content)
    except ValidationError:
        if not A_NUMBER_THAT_IS_NONE.search(content):
            raise
        try:
            body = json.loads(content.decode(), parse_constant=_missing)
            # It refuses what Python's parser lets pass: half a character, numbers without end.
            orjson.dumps(body)
        except (ValueError, RecursionError, orjson.JSONEncodeError):
            pass
        else:
            return body
        raise


def _missing(constant: str) -> None:
    if constant != "NaN":
        raise ValueError(constant)

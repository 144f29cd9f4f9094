"""Read request bodies for all protocols: decompression, and JSON as stock clients write it."""

import json
import re
import zlib

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, ValidationError
from django.http import HttpRequest

from mlplatform import json_parser
from mlplatform.errors import TooLarge, UnsupportedType

# Tables as JSON compress to a tenth. A body that expands far more is meant to exhaust the server's memory.
MAX_EXPANSION, ALWAYS_ALLOWED_BYTES = 100, 4 * 1024**2
GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS  # zlib detects the format from the header
NAN = re.compile(rb"\bNaN\b")


def read_content(request: HttpRequest) -> bytes:
    """The decompressed body. Raises ValidationError if it is corrupt, TooLarge or UnsupportedType."""
    encoding = request.META.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
    try:
        body = request.body
    except RequestDataTooBig as error:  # multipart, for which the request size limit is higher
        raise _too_large() from error
    if encoding in {"identity", ""}:
        return body
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise UnsupportedType(
            "Content-Encoding must be gzip, deflate or identity.", code="unsupported_encoding"
        )
    return _decompress(body, encoding)


def _decompress(body: bytes, encoding: str) -> bytes:
    max_bytes = settings.MAX_REQUEST_MB * 1024**2
    limit = min(max(MAX_EXPANSION * len(body), ALWAYS_ALLOWED_BYTES), max_bytes)
    stream = zlib.decompressobj(wbits=GZIP_OR_ZLIB)
    try:
        content = stream.decompress(body, limit + 1)
    except zlib.error as error:
        raise ValidationError(f"The body is not valid {encoding} data.", code="parse_error") from error
    if len(content) > limit:
        if limit < max_bytes:
            raise TooLarge(
                f"The body expands to more than {MAX_EXPANSION} times its compressed size. Send it uncompressed.",
                code="too_large",
            )
        raise _too_large()
    if not stream.eof or stream.unused_data:
        raise ValidationError(f"The body is not valid {encoding} data.", code="parse_error")
    return content


def read_json_body(request: HttpRequest):
    """The parsed body of a native call. Raises UnsupportedType unless it is JSON, and what read_content() raises."""
    if request.content_type != "application/json":
        raise UnsupportedType("The body must be application/json.", code="unsupported_media_type")
    return json_parser.loads(read_content(request))


def _too_large() -> TooLarge:
    return TooLarge(f"The request is larger than the {settings.MAX_REQUEST_MB} MB limit.", code="too_large")


def parse_json(content: bytes):
    """Parse JSON in which NaN is a missing number, as the clients of MLflow and Triton write it.

    Everything else is rejected as json_parser.loads() rejects it.
    """
    try:
        return json_parser.loads(content)
    except ValidationError:
        if not NAN.search(content):
            raise
        try:
            body = json.loads(content.decode(), parse_constant=_parse_constant)
            # orjson rejects what json accepts: lone surrogates and numbers of unlimited length.
            orjson.dumps(body)
        except (ValueError, RecursionError, orjson.JSONEncodeError):
            pass
        else:
            return body
        raise


def _parse_constant(constant: str) -> None:
    if constant != "NaN":
        raise ValueError(constant)

"""The JSON parser of all API requests: strict, fast, and limited in depth. Bodies may be compressed."""

import orjson
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from rest_framework.parsers import BaseParser

from mlplatform.errors import UnsupportedType
from mlplatform.web.request_body import read_content


def loads(content: bytes):
    """Parse a request body. Raises ValidationError, also for NaN, Infinity, invalid UTF-8 and excessive nesting."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise ValidationError(
            f"The request body is not valid JSON: {error.msg}.", code="parse_error"
        ) from error


class JSONParser(BaseParser):
    media_type = "application/json"

    def parse(self, stream, media_type=None, parser_context=None):
        return loads(read_content(parser_context["request"]._request))


def read_json_body(request: HttpRequest):
    """The parsed body of a request. Raises UnsupportedType unless it is JSON, and what read_content() raises."""
    if request.content_type != "application/json":
        raise UnsupportedType("The body must be application/json.", code="unsupported_media_type")
    return loads(read_content(request))

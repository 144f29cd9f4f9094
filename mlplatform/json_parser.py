"""The JSON parser of all API requests: strict, fast, and limited in depth."""

import orjson
from django.core.exceptions import ValidationError
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser


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
        try:
            return loads(stream.read())
        except ValidationError as error:
            raise ParseError(error.messages[0]) from error

"""JSON in, for every call: strict, fast, and bounded in depth."""

import orjson
from django.core.exceptions import ValidationError
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser


def loads(content: bytes):
    """A body as JSON. Raises ValidationError; NaN, Infinity, half a character and endless nesting are no JSON."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise ValidationError(f"The body is not JSON: {error.msg}.", code="parse_error") from error


class JSONParser(BaseParser):
    media_type = "application/json"

    def parse(self, stream, media_type=None, parser_context=None):
        try:
            return loads(stream.read())
        except ValidationError as error:
            raise ParseError(error.messages[0]) from error

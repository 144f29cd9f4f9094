"""The parser of forms with files."""

from rest_framework import parsers
from rest_framework.exceptions import ParseError


class MultiPartParser(parsers.MultiPartParser):
    """DRF's parser with a sentence for people."""

    def parse(self, stream, media_type=None, parser_context=None):
        try:
            return super().parse(stream, media_type, parser_context)
        except ParseError as error:
            raise ParseError(
                "The form cannot be read. Send multipart/form-data with a boundary in the Content-Type header, as "
                "HTTP clients do when they create the form."
            ) from error

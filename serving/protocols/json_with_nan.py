"""JSON as the stock clients of MLflow and Triton write it."""

import json
import re

import orjson
from django.core.exceptions import ValidationError

from mlplatform import json_parser

NAN = re.compile(rb"\bNaN\b")


def parse_json(content: bytes):
    """Parse JSON in which NaN is a missing number.

    Everything else is rejected as json_parser.loads() rejects it.
    """
    try:
        return json_parser.loads(content)
    except ValidationError as error:
        if error.code != "parse_error" or not NAN.search(content):
            raise
        try:
            body = json.loads(
                content.decode(), parse_constant=_parse_constant, object_pairs_hook=json_parser.unique_keys
            )
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

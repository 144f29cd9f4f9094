"""JSON bodies with repeated keys, of which other parsers keep the last, and with too many values."""

import pytest
from django.core.exceptions import ValidationError

from mlplatform import json_parser
from mlplatform.errors import TooLarge
from mlplatform.json_parser import loads
from mlplatform.web.request_limits import MB
from serving.protocols.json_with_nan import parse_json


@pytest.mark.parametrize(
    "content",
    [
        b'{"a": 1, "a": 2}',
        b'{"a": {"a": 1, "b": 2, "a": 3}}',
        b'{"rows": [[{"a": 1}], [{"a": 1, "a": 1}]]}',
        rb'{"a": "\u003a", "a": 2}',
        rb'{"a": 1, "\u0061": 2}',
        b"[" * 300 + b'{"a": 1, "a": 2}' + b"]" * 300,
    ],
    ids=range(6),
)
def test_a_repeated_key_is_rejected(content):
    with pytest.raises(ValidationError, match="has the key `a` twice") as caught:
        loads(content)
    assert caught.value.code == "repeated"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'{"a":\n [1, NaN]}', "send null if a value is unknown (line 2, column 6)."),
        (b'{"a": -Infinity}', "send null if a value is unknown (line 1, column 8)."),
        (b'{"a": 1,}', "not valid JSON: trailing comma is not allowed (line 1, column 8)."),
    ],
)
def test_invalid_json_is_located_and_of_nan_the_remedy_is_named(content, sentence):
    with pytest.raises(ValidationError) as caught:
        loads(content)
    assert caught.value.message.endswith(sentence)


def test_colons_in_texts_are_no_keys():
    body = loads(b'{"at": "2026-01-01T10:00:00", "more": {"a:b": ":", "c": [{"a": 1}, {"a": 2}]}}')
    assert body == {"at": "2026-01-01T10:00:00", "more": {"a:b": ":", "c": [{"a": 1}, {"a": 2}]}}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_another_encoding_is_named(encoding):
    with pytest.raises(ValidationError, match="it is in UTF-16 or UTF-32; send UTF-8"):
        loads('{"a": "b"}'.encode(encoding))


@pytest.mark.parametrize("unit", ["[],", "{},", '"a",', "[[[]]],", '{"a":1},', "NaN,"])
def test_values_that_would_take_too_much_memory_are_refused_before_they_exist(settings, unit):
    settings.MAX_VALUES_MB = 1
    content = f"[{unit * (MB // 8 // len(unit))}0]".encode()
    for parse in (loads, parse_json):
        with pytest.raises(TooLarge, match=r"would take .* MB of memory; the limit is 1 MB"):
            parse(content * 10)


def test_a_full_body_of_numbers_is_accepted(settings):
    rows = b"[5.1843,3.5127,1.4291,0.2348],"
    content = b"[" + rows * (settings.MAX_REQUEST_MB * MB // len(rows) - 1) + b"[]]"
    assert json_parser.check_memory(content, json_parser.JSON_COSTS) is None

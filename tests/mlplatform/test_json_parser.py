"""JSON bodies with repeated keys, of which other parsers keep the last."""

import pytest
from django.core.exceptions import ValidationError

from mlplatform.json_parser import loads


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


def test_colons_in_texts_are_no_keys():
    body = loads(b'{"at": "2026-01-01T10:00:00", "more": {"a:b": ":", "c": [{"a": 1}, {"a": 2}]}}')
    assert body == {"at": "2026-01-01T10:00:00", "more": {"a:b": ":", "c": [{"a": 1}, {"a": 2}]}}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_another_encoding_is_named(encoding):
    with pytest.raises(ValidationError, match="it is in UTF-16 or UTF-32; send UTF-8"):
        loads('{"a": "b"}'.encode(encoding))

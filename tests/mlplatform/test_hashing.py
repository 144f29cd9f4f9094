import hashlib
import io

import pytest

from mlplatform.hashing import HashingFile, is_signed, sha256, sign

CONTENT = bytes(range(256)) * 50


def test_the_hash_of_a_file_does_not_depend_on_its_position():
    file = io.BytesIO(CONTENT)
    file.seek(100)
    assert sha256(file) == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize(
    "reads",
    [
        [],
        [(0, -1)],
        [(0, 100), (0, 250), (200, 300), (0, -1)],
        [(12_000, 800), (0, 10), (5, 20), (10_000, 1)],
        [(0, 4), (12_799, 5), (0, 2)],
    ],
    ids=["none", "all", "again and on", "with gaps", "head and tail"],
)
def test_a_file_is_hashed_in_its_order_whatever_the_order_of_the_reads(reads):
    file = HashingFile(io.BytesIO(CONTENT))
    for position, size in reads:
        file.seek(position)
        expected = CONTENT[position:] if size < 0 else CONTENT[position : position + size]
        assert file.read(size) == expected
    assert file.sha256() == hashlib.sha256(CONTENT).hexdigest()


def test_a_signature_is_that_of_its_facts_purpose_and_key(settings):
    signature = sign("artifact", {"a": [1, None, "é"]})
    assert is_signed("artifact", {"a": [1, None, "é"]}, signature)
    assert not is_signed("artifact", {"a": [1, None, "e"]}, signature)
    assert not is_signed("verification", {"a": [1, None, "é"]}, signature)
    settings.SECRET_KEY = "another key"
    assert not is_signed("artifact", {"a": [1, None, "é"]}, signature)


def test_numbers_that_postgresql_returns_in_another_form_keep_their_signature():
    assert is_signed(
        "numbers", {"x": [1e16, 0.0, 10**22, 0.5]}, sign("numbers", {"x": [10**16, -0.0, 1e22, 0.5]})
    )

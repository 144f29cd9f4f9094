import hashlib
import io

import pytest

from mlplatform.hashing import HashingFile, sha256

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

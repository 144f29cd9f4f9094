"""The encoded rows on disk: each once, in batches drawn at random, in a file that no crash leaves behind."""

import numpy as np
import pytest

from mlplatform.errors import DiskFull
from registry.training.out_of_core.encoded_rows import EncodedRows

TABLE = np.arange(3_000, dtype="float64").reshape(1_000, 3)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def written(seed=1) -> EncodedRows:
    encoded = EncodedRows(3, 1_000, batch_rows=150, seed=seed)
    for start in range(0, 1_000, 300):
        encoded.write_block(start, TABLE[start : start + 300])
    return encoded


def test_every_row_is_in_one_batch_with_its_number(folder):
    encoded, numbers = written(), []
    for in_batch, block in encoded:
        np.testing.assert_array_equal(block, TABLE[in_batch])
        numbers += in_batch.tolist()
    assert sorted(numbers) == list(range(1_000))
    assert len(encoded) == 7
    encoded.close()


def test_the_batches_depend_on_the_seed(folder):
    orders = [written(seed).order.tolist() for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]


def test_the_file_has_no_name_so_a_killed_training_leaves_nothing(folder):
    encoded = written()
    assert list(folder.iterdir()) == []
    encoded.close()


def test_a_disk_without_space_is_noticed_before_a_row_is_written(folder):
    with pytest.raises(DiskFull):
        EncodedRows(1_000, 10**12, batch_rows=150, seed=1)

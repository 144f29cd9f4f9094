"""The sampler: uniform, ordered, reproducible and bounded."""

import numpy as np
import pyarrow as pa

from catalog.profiling.sample import Sampler
from tests.catalog.profiling.tables import ingested

LONG = "position,half\n" + "".join(f"{i},{i / 2}\n" for i in range(30_000))


def sampled(batches, **options) -> pa.Table:
    sampler = Sampler(**options)
    for batch in batches:
        sampler.update(batch)
    return sampler.result()


def positions(rows: int, *, batch: int):
    for start in range(0, rows, batch):
        yield pa.record_batch({"position": list(range(start, min(start + batch, rows)))})


def test_every_part_of_a_table_is_equally_likely_in_the_sample():
    counts, _ = np.histogram(ingested(LONG).sample["position"], bins=10, range=(0, 30_000))
    assert counts.min() > 25
    assert counts.max() < 80


def test_the_sample_does_not_depend_on_the_batches():
    sample = sampled(positions(3_000, batch=7))
    assert sample.num_rows == 500
    assert sample["position"].to_pylist() == sorted(sample["position"].to_pylist())
    assert sample.equals(sampled(positions(3_000, batch=1_000)))


def test_a_table_of_500_rows_is_its_sample():
    assert sampled(positions(500, batch=300))["position"].to_pylist() == list(range(500))


def test_rows_of_long_prose_give_a_smaller_sample():
    batches = (
        pa.record_batch({"position": places, "text": [chr(97 + place % 26) * 1_000 for place in places]})
        for places in (range(start, start + 250) for start in range(0, 2_000, 250))
    )
    sample = sampled(batches, max_bytes=100_000)
    assert 30 < sample.num_rows < 100
    assert max(sample["position"].to_pylist()) > 1_500

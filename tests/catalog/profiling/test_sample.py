"""The sampler: uniform, ordered, reproducible and bounded."""

import io

import numpy as np
import pandas

from catalog.profiling.inspection import inspect
from catalog.profiling.sample import Sampler
from catalog.readers.tables import Column

LONG = "position,half\n" + "".join(f"{i},{i / 2}\n" for i in range(30_000))


def sample_of(content: str) -> pandas.DataFrame:
    return inspect(io.BytesIO(content.encode()), "table.csv").sample


def test_every_part_of_a_table_is_equally_likely_in_the_sample():
    counts, _ = np.histogram(sample_of(LONG)["position"], bins=10, range=(0, 30_000))
    assert counts.min() > 25
    assert counts.max() < 80


def test_the_same_table_gives_the_same_sample():
    assert sample_of(LONG).equals(sample_of(LONG))


def test_rows_of_long_prose_give_a_smaller_sample():
    columns = [Column("position", "integer", False), Column("text", "text", False)]
    sampler = Sampler(columns, 2_000, max_bytes=100_000)
    for start in range(0, 2_000, 300):
        positions = range(start, min(start + 300, 2_000))
        texts = [chr(97 + position % 26) * 1_000 for position in positions]
        sampler.update(pandas.DataFrame({"position": positions, "text": pandas.array(texts, "str")}))
    sample = sampler.result()
    assert 30 < len(sample) < 100
    assert sample["position"].is_monotonic_increasing
    assert sample["position"].max() > 1_500

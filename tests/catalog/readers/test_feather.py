"""Feather and Arrow files: typed as Parquet, by record batches."""

import pandas as pd
import pyarrow as pa
import pytest

from tests.catalog.readers.reading import error_of, feather, table, types


def test_columns_keep_their_types_and_categories_are_texts():
    frame = pd.DataFrame(
        {"city": pd.Categorical(["Bergen", "Porto", "Bergen"]), "x": [1.5, None, 2], "ok": [True] * 3}
    )
    content = feather(pa.Table.from_pandas(frame.set_index(pd.Index([7, 8, 9]))), chunksize=2)
    assert types(content) == {"city": "text", "x": "number", "ok": "boolean"}
    assert table(content)["city"].tolist() == ["Bergen", "Porto", "Bergen"]


def test_nested_columns_are_named_in_the_error():
    assert "`a` has the unsupported type" in error_of(feather(pa.table({"a": [[1], [2]]})))[1]


@pytest.mark.parametrize("size", [10, 200, -40])
def test_a_damaged_file_is_refused(size):
    assert error_of(feather(pa.table({"a": list(range(1000))}))[:size])[0] == "corrupt_file"


def test_a_file_that_decompresses_to_more_than_the_limit_is_refused():
    content = feather(pa.table({"a": ["x" * 1000] * 20_000}), compression="zstd")
    assert error_of(content, max_bytes=1_000_000)[0] == "too_large"

"""Input warnings of rows to predict: counted for the metrics, listed on request."""

import tracemalloc

from serving.model_cache.cache import shared_cache


def test_an_unseen_category_is_counted_by_every_engine(make_dataset, make_version):
    table = "x,colour,y\n" + "".join(f"{i},{['red', 'blue'][i % 2]},{'abcde'[i % 5]}\n" for i in range(30))
    make_version(
        make_dataset("random", table),
        module="dummy",
        class_name="DummyClassifier",
        params={"strategy": "uniform"},
        features=["x", "colour"],
        random_state=None,
    )
    model = shared_cache().get("random", stage="dev").model
    assert model.engine.kind == "pipeline"
    rows = model.reader.from_rows([[15, "green"], [16, "red"]])  # in any training split's range
    assert model.input_warnings.counts(rows) == {"unseen_category": 1}
    assert model.input_warnings.details(rows) == [{"row": 1, "column": "colour", "kind": "unseen_category"}]


def test_only_the_first_thousand_of_many_warnings_are_created(make_version):
    make_version()
    model = shared_cache().get("flowers", stage="dev").model
    rows = model.reader.from_rows([[None, None, None]] * 100_000)
    tracemalloc.start()
    try:
        listed = model.input_warnings.details(rows)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (len(listed), listed[-1]["row"]) == (1000, 334)
    assert peak < 5_000_000

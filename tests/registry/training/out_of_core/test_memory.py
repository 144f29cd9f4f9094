"""The estimate of the memory, and the algorithms that can be trained in passes."""

import pytest
from django.core.exceptions import ValidationError

from registry.estimators.algorithms import find
from registry.training.out_of_core import memory
from tests.registry.training.out_of_core.stored import columns_of, profile, request_of, table


def needed(name: str, rows: int) -> int:
    request = request_of(name)
    columns = columns_of(request)
    return memory.needed_bytes(request, columns=columns, profile=profile(table(100), columns), rows=rows)


def test_the_estimate_grows_with_the_rows_and_the_encoded_columns():
    start, one_million = needed("SGDClassifier", 0), needed("SGDClassifier", 1_000_000)
    assert start == memory.START_BYTES
    assert needed("SGDClassifier", 2_000_000) - start == 2 * (one_million - start)
    assert needed("HistGradientBoostingClassifier", 1_000_000) < one_million


@pytest.mark.parametrize("name", ["RandomForestClassifier", "CategoricalNB", "Birch"])
def test_some_algorithms_cannot_be_fitted_in_passes(name):
    assert memory.reason_against(find(name))


def test_algorithms_with_partial_fit_can():
    names = {
        task: {one.name for one in memory.in_passes(task)}
        for task in ("classification", "regression", "clustering")
    }
    assert names["classification"] >= {
        "SGDClassifier",
        "Perceptron",
        "GaussianNB",
        "BernoulliNB",
        "MLPClassifier",
    }
    assert names["regression"] >= {"SGDRegressor", "MLPRegressor"}
    assert names["clustering"] == {"MiniBatchKMeans"}


def test_a_table_can_be_too_large_even_in_passes():
    request = request_of("LGBMClassifier")
    columns = columns_of(request)
    known = {"columns": columns, "profile": profile(table(100), columns)}
    assert memory.choose(request, **known, rows=10_000_000, limit_mb=4_000).in_passes
    with pytest.raises(ValidationError) as caught:
        memory.choose(request, **known, rows=30_000_000, limit_mb=4_000)
    assert "even in passes it takes about" in caught.value.message_dict["model"][0]


def test_the_categories_of_a_text_count_in_passes_too():
    request = request_of("SGDClassifier")
    columns = columns_of(request)
    few = profile(table(100), columns)
    text = next(column["name"] for column in columns if column["type"] == "text")
    many = [one | {"distinct": 900_000} if one["name"] == text else one for one in few]
    known = {"columns": columns, "rows": 2_000_000, "limit_mb": 900}
    assert memory.choose(request, profile=few, **known).in_passes
    with pytest.raises(ValidationError, match="even in passes it takes about"):
        memory.choose(request, profile=many, **known)


@pytest.mark.parametrize("name", ["SGDClassifier", "RandomForestClassifier"])
def test_a_limit_below_what_passes_take_leads_to_no_algorithm(name):
    request = request_of(name)
    columns = columns_of(request)
    known = {"columns": columns, "profile": profile(table(100), columns), "rows": 1_000_000}
    with pytest.raises(ValidationError) as caught:
        memory.choose(request, **known, limit_mb=400)
    sentence = caught.value.message_dict["model"][0]
    assert sentence.endswith("limit is 400 MB. Select fewer columns, or derive a dataset of fewer rows.")
    assert memory.excess(request, **known, limit_mb=400).algorithms(request.task) == []


def test_the_nearest_algorithms_are_of_the_same_kind():
    def nearest(name: str) -> list[str]:
        return memory.nearest(find(name), memory.in_passes(find(name).task))

    assert nearest("LogisticRegression")[0] == "SGDClassifier"
    assert nearest("KMeans") == ["MiniBatchKMeans"]
    assert len(nearest("RandomForestClassifier")) == 3


def test_a_limit_below_the_start_leaves_a_quarter_for_the_table():
    assert memory.budget_bytes(100) == 25 * 1024**2
    assert memory.budget_bytes(1_000) == 800 * 1024**2

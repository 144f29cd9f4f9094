"""A training in passes: what it fits, measures and describes, beside the same training in memory."""

import numpy as np
import pandas
import pytest
from django.core.exceptions import ValidationError
from sklearn import metrics
from sklearn.base import clone

from registry.training import pipelines
from registry.training.out_of_core import fit as out_of_core
from registry.training.out_of_core import memory
from registry.training.out_of_core.stored_rows import StoredRows
from tests.registry.training.out_of_core.stored import (
    INPUTS,
    column,
    columns_of,
    in_memory,
    in_passes,
    profile,
    request_of,
    stored,
    table,
)
from tests.registry.training.tables import assert_json

NAMES = [one["name"] for one in INPUTS]


@pytest.fixture(scope="module")
def frame():
    return table()


@pytest.fixture(scope="module")
def classifier(frame):
    return in_passes(request_of("SGDClassifier"), frame)


@pytest.fixture(scope="module")
def in_memory_too(frame):
    return in_memory(request_of("SGDClassifier"), frame)


def test_the_held_out_rows_are_those_of_a_training_in_memory(classifier, in_memory_too):
    assert sorted(classifier.held_out.index) == sorted(in_memory_too.held_out.index)
    assert (classifier.rows_train, classifier.rows_test) == (640, 160)
    assert classifier.measured == in_memory_too.measured


def test_columns_are_prepared_as_in_memory(classifier, in_memory_too, frame):
    assert classifier.preparation == in_memory_too.preparation
    assert {one["prepare"] for one in classifier.preparation} >= {
        "scale",
        "one_hot",
        "target_mean",
        "date_parts",
    }
    ours, theirs = (
        result.pipeline["columns"].transform(frame[NAMES]) for result in (classifier, in_memory_too)
    )
    is_mean = np.zeros(ours.shape[1], bool)
    is_mean[in_memory_too.pipeline["columns"].output_indices_["target_mean"]] = True
    np.testing.assert_allclose(ours[:, ~is_mean], theirs[:, ~is_mean], atol=1e-9)
    np.testing.assert_allclose(ours[:, is_mean], theirs[:, is_mean], atol=0.3)  # scaled by other folds


@pytest.mark.parametrize("target", ["kind", "price"])
def test_means_of_the_target_are_those_of_all_training_rows(frame, target):
    name = {"kind": "SGDClassifier", "price": "SGDRegressor"}[target]
    request = request_of(name, target=target)
    encoders = [
        next(step for _, step in result.pipeline["columns"].named_transformers_["target_mean"].steps[1:])
        for result in (in_passes(request, frame), in_memory(request, frame))
    ]
    ours, theirs = encoders
    assert ours.target_mean_ == pytest.approx(theirs.target_mean_)
    for mine, other in zip(ours.encodings_, theirs.encodings_, strict=True):
        np.testing.assert_allclose(mine, other)


def test_the_signature_describes_all_training_rows(classifier, in_memory_too):
    for ours, theirs in zip(classifier.signature["inputs"], in_memory_too.signature["inputs"], strict=True):
        assert set(ours.pop("categories", ())) == set(theirs.pop("categories", ())) or ours["name"] == "city"
        assert ours == theirs
    assert classifier.signature["classes"] == in_memory_too.signature["classes"]


def test_coefficients_are_those_of_partial_fit_by_hand(frame):
    request = request_of("SGDClassifier", {"alpha": 0.001}, inputs=INPUTS[:2])
    result = in_passes(request, frame, batch_rows=10_000)
    fitted = result.pipeline["model"]
    train = np.setdiff1d(np.arange(len(frame)), result.held_out.index)
    X = result.pipeline["columns"].transform(frame[["size", "legs"]].astype("float64").iloc[train])
    by_hand, y = clone(fitted), frame["kind"].to_numpy(object)[train].astype("U3")
    for _ in range(int(result.trained.split()[1])):
        by_hand.partial_fit(X, y, classes=["cat", "dog"])
    np.testing.assert_array_equal(fitted.coef_, by_hand.coef_)
    np.testing.assert_array_equal(fitted.intercept_, by_hand.intercept_)


def test_naive_bayes_is_the_same_in_one_pass_of_many_batches_as_in_memory(frame):
    request = request_of("GaussianNB", inputs=[one for one in INPUTS if one["name"] != "city"])
    ours, theirs = in_passes(request, frame, batch_rows=100), in_memory(request, frame)
    assert ours.trained == "In 1 pass over 640 rows."
    np.testing.assert_allclose(ours.pipeline["model"].theta_, theirs.pipeline["model"].theta_, atol=1e-9)
    assert ours.metrics["accuracy"] == theirs.metrics["accuracy"]
    assert ours.metrics["baseline"] == theirs.metrics["baseline"]


def test_metrics_are_scikit_learns_on_the_same_rows(classifier, frame):
    rows = frame.loc[classifier.held_out.index]
    predicted = classifier.pipeline.predict(rows[NAMES])
    assert classifier.metrics["accuracy"] == metrics.accuracy_score(rows["kind"].tolist(), predicted.tolist())
    assert classifier.metrics["accuracy"] > 0.7


def test_a_result_is_json_and_says_how_it_was_trained(classifier):
    assert_json(classifier)
    assert classifier.trained.endswith("passes over 640 rows.")
    assert classifier.parameters["penalty"] == "l2"


def test_the_same_seed_gives_the_same_model(frame, classifier):
    again = in_passes(request_of("SGDClassifier"), frame)
    np.testing.assert_array_equal(again.pipeline["model"].coef_, classifier.pipeline["model"].coef_)
    other = in_passes(request_of("SGDClassifier", random_state=2), frame)
    assert not np.array_equal(other.pipeline["model"].coef_, classifier.pipeline["model"].coef_)


@pytest.mark.parametrize(
    "split",
    [
        {"method": "time", "column": "born"},
        {"method": "group", "column": "city"},
        {"method": "column", "column": "part"},
    ],
)
def test_other_splits_hold_out_the_same_rows_as_in_memory(frame, split):
    frame = frame.assign(part=pandas.Series(["train", "Test ", "train", None] * 200, dtype="str"))
    request = request_of("SGDClassifier", inputs=[INPUTS[0], INPUTS[3], INPUTS[5]], split=split)
    ours, theirs = in_passes(request, frame), in_memory(request, frame)
    assert sorted(ours.held_out.index) == sorted(theirs.held_out.index)
    assert (ours.measured, ours.warnings) == (theirs.measured, theirs.warnings)
    assert ours.metrics["baseline"] == theirs.metrics["baseline"]


def test_another_dataset_version_is_measured(frame):
    request = request_of(
        "GaussianNB", inputs=INPUTS[:3], split={"method": "dataset_version", "dataset_version": 2}
    )
    own, other = frame.iloc[:600], frame.iloc[600:].reset_index(drop=True)
    columns = columns_of(request)
    copies = [copy for part in (own, other) for copy in stored(part, columns).copies]
    ours = out_of_core.fit_rows(StoredRows(copies, columns, 150), profile(own, columns), request)
    theirs = pipelines.fit(own, columns=columns, request=request, measured_on=other)
    assert ours.measured == theirs.measured == "Measured on 200 rows of dataset version 2."
    assert ours.metrics["accuracy"] == theirs.metrics["accuracy"]
    assert list(ours.held_out.index) == list(theirs.held_out.index)


def test_an_interrupted_pass_leaves_no_file(frame, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def progress(stage, share):
        if stage == "fitting" and share:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_passes(request_of("SGDClassifier", inputs=INPUTS[:2]), frame, progress=progress)
    assert list(tmp_path.iterdir()) == []


def test_class_weights_and_row_weights_count(frame):
    frame = frame.assign(weight=np.where(frame["kind"] == "dog", 50.0, 1.0))
    columns = [*INPUTS[:2], column("kind", "text"), column("weight", "number")]
    request = request_of("GaussianNB", inputs=INPUTS[:2], sample_weight="weight")
    weighted = in_passes(request, frame, columns)
    weights = frame.drop(weighted.held_out.index).groupby("kind")["weight"].sum()
    assert weighted.pipeline["model"].class_prior_[1] == pytest.approx(weights["dog"] / weights.sum())
    balanced = in_passes(request_of("SGDClassifier", {"class_weight": "balanced"}, inputs=INPUTS[:2]), frame)
    assert balanced.parameters["class_weight"] == "balanced"


def test_free_text_is_fitted_on_some_rows(frame):
    rng = np.random.default_rng(1)
    words = np.array([f"word{n}" for n in range(150)])
    texts = [" ".join(rng.choice(words, 5)) for _ in range(len(frame))]
    frame = frame.assign(note=pandas.Series(texts, dtype="str"))
    columns = [column("note", "text"), column("kind", "text")]
    result = in_passes(request_of("SGDClassifier", inputs=columns[:1]), frame, columns)
    assert [one["prepare"] for one in result.preparation] == ["words"]


def test_boolean_classes_have_the_words_of_the_file(frame):
    frame = frame.assign(sold=(frame["price"] > 80).to_numpy())
    sold = column("sold", "boolean") | {"format": {"true": ["Yes"], "false": ["No"]}}
    result = in_passes(request_of("GaussianNB", target="sold", inputs=INPUTS[:2]), frame, [*INPUTS[:2], sold])
    assert result.signature["classes"] == ["No", "Yes"]
    assert result.signature["target"] == {"name": "sold", "type": "text"}


def test_clusters_are_measured_on_the_rows(frame):
    result = in_passes(
        request_of("MiniBatchKMeans", {"n_clusters": 3}, target=None, inputs=INPUTS[:2]), frame
    )
    assert result.signature["task"] == "clustering"
    assert result.metrics["silhouette_score"] > 0.1


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_every_incremental_algorithm_is_fitted(frame, task):
    target = {"classification": "kind", "regression": "price"}[task]
    for algorithm in memory.in_passes(task):
        params = {"max_iter": 3} if "max_iter" in {one.name for one in algorithm.parameters} else {}
        if algorithm.name.startswith("MLP"):
            params["hidden_layer_sizes"] = [4]
        inputs = [one for one in INPUTS if one["name"] != "nothing"]
        result = in_passes(request_of(algorithm.name, params, target=target, inputs=inputs), frame)
        assert result.trained, algorithm.name


def test_infinite_numbers_are_refused(frame):
    frame = frame.assign(size=frame["size"].fillna(np.inf))
    with pytest.raises(ValidationError, match="`size` contains infinite values in"):
        in_passes(request_of("SGDClassifier"), frame)


def test_a_column_of_one_class_is_refused_as_in_memory(frame):
    frame = frame.assign(kind=pandas.Series(["cat"] * len(frame), dtype="str"))
    for fit in (in_passes, in_memory):
        with pytest.raises(ValidationError, match="only one class, `cat`"):
            fit(request_of("SGDClassifier"), frame)


def test_rows_without_a_target_are_excluded(frame):
    frame = frame.assign(kind=frame["kind"].where(np.arange(len(frame)) % 10 > 0))
    result = in_passes(request_of("GaussianNB"), frame)
    assert result.rows_train + result.rows_test == 720
    assert result.warnings == ["80 rows without a value in `kind` were excluded."]


def test_progress_is_reported_for_each_stage(frame):
    steps = []
    in_passes(request_of("GaussianNB"), frame, progress=lambda stage, share: steps.append(stage))
    assert list(dict.fromkeys(steps)) == ["loading", "checking", "fitting", "evaluating"]


def test_categories_of_one_group_each_are_not_encoded_by_the_target(frame):
    """Their means say nothing about other groups, as in memory."""
    by_city = {"split": {"method": "group", "column": "city"}}
    district = frame["city"].str.replace("city", "district").astype("str")
    frame, inputs = frame.assign(district=district), [*INPUTS[:2], column("district", "text")]
    request = request_of("SGDClassifier", inputs=inputs, **by_city)
    columns = columns_of(request, [*INPUTS, column("district", "text")])
    ours, theirs = (fit(request, frame, columns).preparation for fit in (in_passes, in_memory))
    assert ours == theirs
    assert "most in one group" in next(one["reason"] for one in ours if one["column"] == "district")


def test_target_means_of_one_group_are_cross_fitted_at_random(frame):
    halves = frame.assign(half=pandas.Series(np.where(np.arange(len(frame)) % 2, "a", "b"), dtype="str"))
    options = {"split": {"method": "group", "column": "half"}, "test_size": 0.5, "inputs": [INPUTS[3]]}
    request = request_of("SGDClassifier", prepare={"city": "target_mean"}, **options)
    columns = [*columns_of(request_of("SGDClassifier", inputs=[INPUTS[3]])), column("half", "text")]
    result = in_passes(request, halves, columns)
    assert np.isfinite(result.pipeline["model"].coef_).all()


def test_groups_that_a_random_split_divides_are_a_warning_as_in_memory(frame):
    owners = np.arange(len(frame)) // 10
    kind = pandas.Series(
        np.where(np.random.default_rng(3).random(80)[owners] < 0.5, "cat", "dog"), dtype="str"
    )
    owner = pandas.Series([f"owner {n}" for n in owners], dtype="str")
    frame, inputs = frame.assign(kind=kind, owner=owner), [*INPUTS[:2], column("owner", "text")]
    request = request_of("SGDClassifier", inputs=inputs)
    ours, theirs = (
        fit(request, frame, columns_of(request, inputs)).warnings for fit in (in_passes, in_memory)
    )
    assert ours == theirs
    assert "`owner`" in ours[0]

"""The columns of a training: the default target, the selected features and their dtypes."""

import pandas
import pytest
from django.core.exceptions import ValidationError

from registry.training.columns import default_target, feature_frame, supervised_tasks, with_labels
from tests.registry.training.tables import COLUMNS, column, fit, refusal, table


@pytest.mark.parametrize(
    ("names", "target"),
    [
        (["a", "b"], "b"),
        (["Target", "b"], "Target"),
        (["y", "CLASS", "b"], "CLASS"),
        (["label", "target", "z"], "target"),
        (["Y", "targets"], "Y"),
    ],
)
def test_the_default_target_is_the_column_with_a_usual_name_else_the_last(names, target):
    columns = [column(name, "number") for name in names]
    assert default_target(columns, task="classification") == target


def test_clustering_has_no_default_target_unless_a_column_has_a_usual_name():
    assert default_target([column("a", "number"), column("b", "text")], task="clustering") is None
    assert default_target([column("label", "text"), column("b", "number")], task="clustering") == "label"


@pytest.mark.parametrize(
    ("kind", "distinct", "bounds", "tasks"),
    [
        ("text", 3, (None, None), ["classification"]),
        ("boolean", 2, (None, None), ["classification"]),
        ("date", 9, (None, None), []),
        ("integer", 3, (0, 2), ["classification", "regression"]),
        ("integer", 20, (18, 37), ["regression", "classification"]),
        ("integer", 99, (0, 98), ["regression"]),
        ("integer", None, (0, 5000), ["regression"]),
        ("integer", 1, (7, 7), ["regression"]),
        ("number", 2, (0.0, 1.0), ["regression", "classification"]),
        ("number", 2, (0.5, 1.0), ["regression"]),
    ],
)
def test_the_tasks_that_fit_a_target_follow_from_its_profile(kind, distinct, bounds, tasks):
    profile = {"type": kind, "distinct": distinct, "min": bounds[0], "max": bounds[1]}
    assert supervised_tasks(profile, rows=100) == tasks


def test_an_unknown_target_is_rejected_with_the_nearest_column():
    code, message = refusal(target="anwser")
    assert code == "target_not_found"
    assert message == "The target `anwser` is not a column of the dataset; did you mean `answer`?"


def test_an_unknown_target_of_400_kb_is_shortened_in_the_sentence():
    assert len(refusal(target="anwser" * 70_000)[1]) < 300


def test_an_unknown_target_similar_to_no_column_is_rejected_with_a_list_of_columns():
    assert "`size`, `legs`" in refusal(target="1234567")[1]


def test_the_only_column_cannot_be_its_own_feature():
    assert refusal(columns=[])[0] == "no_features"
    assert refusal(features=[])[0] == "no_features"


def test_features_must_be_distinct_columns_other_than_the_target():
    assert refusal(features=["size", "leggs"]) == (
        "feature_not_found",
        "The feature `leggs` is not a column of the dataset; did you mean `legs`?",
    )
    assert refusal(features=["size", "size"])[0] == "duplicate_feature"
    assert refusal(features=["size", "answer"])[0] == "target_is_feature"


def test_a_feature_frame_has_the_order_and_the_dtypes_of_the_signature():
    inputs = fit().signature["inputs"]
    mixed = table()[["born", "colour", "tame", "nothing", "legs", "size"]].assign(more=1)
    frame = feature_frame(mixed, inputs)
    assert list(frame.columns) == ["size", "legs", "colour", "tame", "born", "nothing"]
    dtypes = ["float64", "float64", "str", "boolean", "datetime64[us]", "float64"]
    assert [str(dtype) for dtype in frame.dtypes] == dtypes


def test_a_frame_that_lacks_a_feature_is_rejected():
    with pytest.raises(ValidationError) as caught:
        feature_frame(table()[["size"]], COLUMNS)
    assert caught.value.code == "feature_not_found"


@pytest.mark.parametrize(
    "name", ["model", "columns", "", " ", "naïve 列", "0", "a__b", "target[0]<1>", "frame"]
)
def test_a_column_can_have_any_name(name):
    frame, columns = table()[["size"]].rename(columns={"size": name}), [column(name, "number")]
    result = fit(frame=frame, columns=columns)
    assert list(result.signature["example"]) == [name]


def test_a_target_of_yes_and_no_keeps_its_words_as_classes():
    target = {
        "name": "churn",
        "type": "boolean",
        "nullable": True,
        "format": {"true": ["Yes"], "false": ["No"]},
    }
    frame = pandas.DataFrame({"churn": pandas.array([True, False, None], "boolean")})
    labelled, column = with_labels(frame, target)
    assert column["type"] == "text"
    assert labelled["churn"].tolist()[:2] == ["Yes", "No"]
    assert labelled["churn"].isna().tolist() == [False, False, True]


def test_a_target_of_true_and_false_stays_boolean():
    target, frame = {"name": "tame", "type": "boolean", "nullable": False}, pandas.DataFrame({"tame": [True]})
    assert with_labels(frame, target) == (frame, target)

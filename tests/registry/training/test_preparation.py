"""The choice of how each column is prepared, and what it makes learnable."""

import numpy as np
import pandas
import pytest

from catalog import files
from registry.estimators.algorithms import find
from registry.training import pipelines, preparation
from registry.training.request import TrainingRequest
from tests.registry.training.tables import column, fit, refusal
from tests.serving.engine.test_blocks import table as blocks_table

ROWS = 400


def random():
    return np.random.default_rng(0)


def reason(result, name):
    return next(choice["reason"] for choice in result.preparation if choice["column"] == name)


def accuracy(frame, kind, y, name):
    [feature] = frame
    return fit(y, name=name, frame=frame, columns=[column(feature, kind)]).metrics["accuracy"]


@pytest.mark.parametrize("name", ["HistGradientBoostingClassifier", "LogisticRegression"])
def test_the_weekend_is_learned_from_dates(name):
    days = pandas.Series(pandas.date_range("2026-01-01", periods=ROWS, freq="D")).astype("datetime64[us]")
    y = pandas.Series(np.where(days.dt.day_of_week >= 5, "rest", "work"), dtype="str")
    assert accuracy(pandas.DataFrame({"day": days}), "date", y, name) > 0.95


def test_free_text_is_learned_from_its_words():
    words = [f"noise{number}" for number in range(150)]
    good = random().random(ROWS) < 0.5
    texts = [
        " ".join(
            [
                *random().permutation(words)[index % 90 :][:5],
                "great" if is_good else "waste",
                words[index % 150],
            ]
        )
        for index, is_good in enumerate(good)
    ]
    frame = pandas.DataFrame({"review": pandas.Series(texts, dtype="str")})
    y = pandas.Series(np.where(good, "yes", "no"), dtype="str")
    assert accuracy(frame, "text", y, "LogisticRegression") > 0.9


def test_many_categories_are_learned_by_the_mean_of_the_target():
    codes = random().integers(0, 60, ROWS)
    frame = pandas.DataFrame({"city": pandas.Series([f"c{code}" for code in codes], dtype="str")})
    y = pandas.Series(np.where(codes % 2, "odd", "even"), dtype="str")
    result = fit(y, name="LogisticRegression", frame=frame, columns=[column("city", "text")])
    assert reason(result, "city") == "60 categories, too many for a column each"
    assert result.metrics["accuracy"] > 0.9


def test_a_number_without_values_is_imputed():
    result = fit(name="HistGradientBoostingClassifier")
    assert reason(result, "nothing") == "no values"


@pytest.mark.parametrize("name", ["LogisticRegression", "Ridge"])
def test_a_linear_model_gets_an_indicator_of_gaps_that_tell(name):
    is_gone = random().random(ROWS) < 0.3
    late = pandas.Series(np.where(is_gone, np.nan, random().normal(size=ROWS)))
    luck = late.sample(frac=1, random_state=0, ignore_index=True)
    y = pandas.Series(np.where(is_gone, 9.0, 1.0) if name == "Ridge" else np.where(is_gone, "out", "in"))
    columns = [column("late", "number"), column("luck", "number")]
    kind = "number" if name == "Ridge" else "text"
    result = fit(y, kind, name=name, frame=pandas.DataFrame({"late": late, "luck": luck}), columns=columns)
    assert reason(result, "late") == "the target differs where values are missing"
    assert [choice["prepare"] for choice in result.preparation] == ["scale_with_indicator", "scale"]
    assert result.metrics["r2" if name == "Ridge" else "accuracy"] > 0.99


@pytest.mark.parametrize(
    "name", ["RandomForestClassifier", "LogisticRegression", "HistGradientBoostingClassifier"]
)
def test_the_choices_expected_from_a_profile_are_those_of_a_training(make_dataset, name):
    version = make_dataset(content=blocks_table().to_csv(index=False))
    profile = {one["name"]: one for one in version.profile}
    inputs = [one for one in version.columns if one["name"] != "kind"]
    can_use_target = preparation.profile_can_use_target(profile["kind"], rows=400, task="classification")
    expected = preparation.expect(
        inputs, find(name).cls(), profile=profile, rows=400, can_use_target=can_use_target, requested={}
    )
    frame = files.read_frame(version, columns=[one["name"] for one in version.columns])
    result = pipelines.fit(
        frame, columns=version.columns, request=TrainingRequest(find(name).module, name, target="kind")
    )
    assert [choice.to_dict() for choice in expected] == result.preparation


def test_few_rows_give_a_linear_model_the_elapsed_time_alone():
    result = fit(name="LogisticRegression", features=["born"])
    assert reason(result, "born") == "elapsed time"
    assert result.pipeline["model"].coef_.shape == (1, 1)


@pytest.mark.parametrize(
    ("name", "prepare", "sentence"),
    [
        ("LogisticRegression", {"wings": "scale"}, "`wings` is not a feature of this training."),
        (
            "LogisticRegression",
            {"size": "one_hot"},
            "`size` cannot be prepared by one_hot; the choices for number columns are as_is, scale, "
            "scale_with_indicator, leave_out.",
        ),
        (
            "LogisticRegression",
            {"colour": "native"},
            "`colour`: LogisticRegression has no native categories; use one_hot or target_mean.",
        ),
        (
            "LogisticRegression",
            {"size": "as_is"},
            "`size`: LogisticRegression does not accept missing values; use scale.",
        ),
        (
            "DecisionTreeClassifier",
            {"colour": "target_mean"},
            "`colour`: target_mean needs a target with at most 20 classes and at least 100 training rows; use one_hot.",
        ),
        (
            "DecisionTreeClassifier",
            {"colour": "words"},
            "`colour` has fewer than 30 different words in the training rows; use one_hot.",
        ),
    ],
    ids=["unknown", "type", "native", "as_is", "target_mean", "words"],
)
def test_a_choice_that_is_not_possible_names_one_that_is(name, prepare, sentence):
    assert refusal(name=name, prepare=prepare) == ("invalid_prepare", sentence)

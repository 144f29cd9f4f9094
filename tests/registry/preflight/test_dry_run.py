"""The dry run: what it refuses, what it warns of, and what it leaves to the training."""

import io

import numpy as np
import pandas
import pytest
from django.conf import settings
from django.core.exceptions import ValidationError

from catalog.examples import EXAMPLES, add_example
from mlplatform.errors import NotReady
from registry.estimators.algorithms import find
from registry.preflight import dry_run

COLOURS = ["red", "blue", "green"]


def table(rows=120, **columns) -> pandas.DataFrame:
    """Noise, and a target of two classes that follows from none of it."""
    rng = np.random.default_rng(0)
    frame = pandas.DataFrame(
        {"size": rng.normal(size=rows), "weight": rng.normal(size=rows), "colour": rng.choice(COLOURS, rows)}
    )
    frame["answer"] = rng.choice(["cat", "dog"], rows)
    return frame.assign(**columns)


@pytest.fixture
def check(make_dataset, monkeypatch):
    monkeypatch.setattr(dry_run, "PATIENCE_S", 60)  # a machine that is busy must not change what is found

    def run(frame, name="LogisticRegression", *, target="answer", features=None, **options):
        is_table = isinstance(frame, pandas.DataFrame)
        source = make_dataset(content=frame.to_csv(index=False), new_version=True) if is_table else frame
        options = {"params": {}, "test_size": 0.2, "random_state": 1} | options
        return dry_run.check(source, algorithm=find(name), target=target, features=features, **options)

    return run


@pytest.fixture
def refusal(check):
    def run(*args, **options) -> tuple[str, str | None, str]:
        with pytest.raises(ValidationError) as caught:
            check(*args, **options)
        return caught.value.code, caught.value.params["field"], caught.value.messages[0]

    return run


def codes(warnings) -> list[tuple[str, str]]:
    return [(warning["code"], warning["field"]) for warning in warnings]


def test_a_sound_training_has_nothing_to_say(check):
    assert check(table()) == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_tables_of_scikit_learn_raise_no_false_alarm(check, admin, name):
    algorithm = "LinearRegression" if name == "diabetes" else "LogisticRegression"
    assert check(add_example(name, by=admin), algorithm, target="target") == []


def test_an_easy_class_that_two_measurements_tell_is_no_leak(check, admin):
    version = add_example("iris", by=admin)
    frame = pandas.read_csv(io.BytesIO(download(version)))
    assert check(frame.assign(target=frame["target"] == 0), target="target") == []


def download(version) -> bytes:
    return (settings.DATA_DIR / settings.DATASETS_BUCKET / version.key).read_bytes()


# The target


def test_a_constant_target_is_refused_for_a_classifier(refusal):
    assert refusal(table(answer="cat"))[:2] == ("one_class", "target")


def test_a_constant_target_of_a_long_table_is_refused_by_its_profile(refusal):
    code, field, sentence = refusal(table(2_000, answer=3))
    assert (code, field) == ("one_class", "target")
    assert "3" in sentence


def test_a_constant_target_is_a_warning_for_a_regressor(check):
    warnings = check(table(answer=3), "LinearRegression")
    assert codes(warnings) == [("constant_target", "target")]
    assert "Column `answer` has the same value in every row" in warnings[0]["detail"]


def test_a_class_of_one_row_is_refused(refusal):
    frame = table()
    frame.loc[5, "answer"] = "bird"
    code, field, sentence = refusal(frame)
    assert (code, field) == ("rare_class", "target")
    assert "bird" in sentence


def test_a_class_of_one_row_in_a_long_table_is_found_in_its_profile(refusal):
    frame = table(3_000)
    frame.loc[5, "answer"] = "bird"
    assert refusal(frame)[0] == "rare_class"


def test_a_class_that_the_sample_has_lost_is_no_error(check):
    rng = np.random.default_rng(0)
    codes_of_classes = rng.integers(0, 3, 4_000)
    codes_of_classes[:3] = 77
    assert check(table(4_000, answer=codes_of_classes)) == []


def test_a_class_that_the_sample_has_once_is_a_warning_at_most(check):
    rng = np.random.default_rng(0)
    answer = rng.integers(0, 3, 1_000)
    answer[::250] = 77
    warnings = check(table(1_000, answer=answer), "DecisionTreeClassifier")
    assert codes(warnings) in ([], [("rare_class", "target")])


@pytest.mark.parametrize("rows", [100, 3_000])
def test_a_classifier_refuses_prices(refusal, rows):
    price = np.random.default_rng(0).normal(size=rows)
    assert refusal(table(rows, answer=price))[:2] == ("continuous_target", "target")


@pytest.mark.parametrize("rows", [100, 900, 9_000])
def test_a_classifier_refuses_a_different_number_in_every_row(refusal, rows):
    answer = np.random.default_rng(0).permutation(rows) * 7
    assert refusal(table(rows, answer=answer))[0] == "continuous_target"


def test_too_few_rows_for_the_split_are_refused(refusal):
    frame = table(12, answer=[f"c{i % 6}" for i in range(12)])
    assert refusal(frame)[:2] == ("too_few_rows", "test_size")


def test_a_target_without_any_value_has_too_few_rows(refusal):
    assert refusal(table(answer=np.nan), "LinearRegression")[0] == "too_few_rows"


def test_a_target_that_is_often_missing_is_a_warning(check):
    frame = table()
    frame.loc[:49, "answer"] = None
    warnings = check(frame)
    assert codes(warnings) == [("missing_target", "target")]
    assert "empty in 50 of 120 rows" in warnings[0]["detail"]


def test_a_sentence_with_a_percent_sign_stays_as_it_is(refusal):
    frame = table(answer="cat").rename(columns={"answer": "100 % s"})
    assert "100 % s" in refusal(frame, target="100 % s")[2]


# The features


def test_a_column_without_any_value_is_a_warning(check):
    warnings = check(table(nothing=np.nan))
    assert codes(warnings) == [("empty_column", "features")]
    assert warnings[0]["detail"].startswith("Column `nothing` holds no value")


@pytest.mark.parametrize("rows", [40, 3_000])
@pytest.mark.parametrize(
    "make",
    [
        lambda rows, rng: np.arange(rows) + 1_000,
        lambda rows, rng: rng.permutation(rows),
        lambda rows, rng: [f"customer {i}" for i in range(rows)],
        lambda rows, rng: np.cumsum(rng.integers(1, 50, rows)),
    ],
    ids=["counter", "shuffled", "text", "counter with gaps"],
)
def test_a_column_like_an_identifier_is_a_warning_whatever_its_name(check, rows, make):
    warnings = check(table(rows, whatever=make(rows, np.random.default_rng(1))))
    assert codes(warnings) == [("identifier", "features")]
    assert "Column `whatever` looks like an identifier" in warnings[0]["detail"]


def test_long_random_codes_are_identifiers_and_amounts_of_money_are_not(check):
    rng = np.random.default_rng(1)
    frame = table(400, code=rng.integers(10**8, 10**9, 400), income=rng.lognormal(15, 1, 400).astype(int))
    warnings = check(frame)
    assert "`code`" in warnings[0]["detail"]
    assert "`income`" not in warnings[0]["detail"]


def test_numbers_with_decimals_are_no_identifiers(check):
    assert check(table(a=np.arange(120) / 7)) == []


@pytest.mark.parametrize("rows", [60, 3_000])
@pytest.mark.parametrize(
    "leak",
    [
        lambda answer: answer,
        lambda answer: answer.map({"cat": 7, "dog": 3}),
        lambda answer: answer == "cat",
        lambda answer: answer.map({"cat": -2.5, "dog": -1.0}) + np.linspace(0, 0.5, len(answer)),
    ],
    ids=["copy", "code", "flag", "threshold"],
)
def test_a_feature_that_gives_the_class_away_is_a_warning(check, rows, leak):
    frame = table(rows)
    frame.insert(1, "other_name", leak(frame["answer"]))
    warnings = check(frame)
    assert codes(warnings) == [("leak", "features")]
    assert "Column `other_name` alone gives `answer` away" in warnings[0]["detail"]


def test_a_text_that_decides_the_class_is_a_leak(check):
    rng = np.random.default_rng(3)
    state = rng.integers(0, 12, 300)
    answer = np.where(state % 3 == 0, "won", "lost")
    assert codes(check(table(300, state=[f"state {s}" for s in state], answer=answer))) == [
        ("leak", "features")
    ]


@pytest.mark.parametrize(
    "leak",
    [lambda y: y, lambda y: 3 - 2 * y, np.exp, lambda y: y.round(1)],
    ids=["copy", "linear", "monotone", "rounded"],
)
def test_a_feature_that_gives_the_number_away_is_a_warning(check, leak):
    y = np.random.default_rng(2).normal(0, 5, 300)
    warnings = check(table(300, answer=y, other=leak(y)), "LinearRegression")
    assert codes(warnings) == [("leak", "features")]


def test_a_good_predictor_is_no_leak(check):
    rng = np.random.default_rng(2)
    y = rng.normal(size=300)
    assert check(table(300, answer=y, near=y + rng.normal(0, 0.1, 300)), "LinearRegression") == []


def test_one_far_point_makes_no_leak(check):
    rng = np.random.default_rng(2)
    y, near = rng.normal(size=300), rng.normal(size=300)
    y[0] = near[0] = 10_000
    assert check(table(300, answer=y, near=near), "LinearRegression") == []


def test_a_rare_class_is_not_given_away_by_guessing_the_frequent_one(check):
    answer = np.where(np.arange(400) % 100 == 0, "yes", "no")
    assert check(table(400, answer=answer), "DecisionTreeClassifier") == []


def test_a_handful_of_rows_gives_nothing_away(check):
    frame = table(9, answer=["a", "b", "a"] * 3)
    assert check(frame.assign(other=frame["answer"]), test_size=0.4) == []


def test_many_columns_are_named_in_one_sentence(check):
    warnings = check(table(**{f"empty_{i}": np.nan for i in range(8)}))
    assert len(warnings) == 1
    assert (
        "Columns `empty_0`, `empty_1`, `empty_2`, `empty_3`, `empty_4` and 3 more hold"
        in warnings[0]["detail"]
    )


def test_only_the_chosen_features_are_looked_at(check):
    assert check(table(nothing=np.nan), features=["size", "weight"]) == []


def test_a_leak_is_found_in_a_wide_table(check):
    rng = np.random.default_rng(4)
    wide = pandas.DataFrame(rng.normal(size=(150, 1_200))).add_prefix("x")
    wide["answer"] = rng.choice(["cat", "dog"], 150)
    warnings = check(wide.assign(x700=wide["answer"] == "cat"))
    assert "Column `x700`" in next(w["detail"] for w in warnings if w["code"] == "leak")


# The fit


@pytest.mark.parametrize("rows", [100, 3_000])
def test_what_scikit_learn_refuses_is_refused(refusal, rows):
    options = {"solver": "lbfgs", "l1_ratio": 0.5}
    assert refusal(table(rows), params=options)[0] == "fit_failed"


@pytest.mark.parametrize("rows", [100, 3_000])
def test_a_value_that_the_algorithm_cannot_take_is_refused(refusal, rows):
    y = np.random.default_rng(0).normal(size=rows)
    code, _, sentence = refusal(table(rows, answer=y), "PoissonRegressor")
    assert code == "fit_failed"
    assert "0 or more" in sentence


def test_a_parameter_that_is_too_large_for_the_sample_only_is_no_error(check):
    frame = table(3_000)
    assert check(frame, "KNeighborsClassifier", params={"n_neighbors": 900}) == []


def test_a_parameter_that_is_too_large_for_the_whole_table_is_refused(refusal):
    assert refusal(table(), "KNeighborsClassifier", params={"n_neighbors": 900})[0] == "fit_failed"


def test_what_may_be_the_samples_own_fault_is_a_warning(check):
    frame = table(3_000, answer=np.where(np.arange(3_000) % 10 == 0, "yes", "no"))
    warnings = check(frame, "NuSVC")
    assert codes(warnings) == [("fit_failed", None)]
    assert warnings[0]["detail"].startswith("In a dry run on 500 rows: NuSVC could not be fitted")


def test_infinite_values_are_refused_beside_their_field(refusal):
    y = np.random.default_rng(0).normal(size=120)
    y[3] = np.inf
    assert refusal(table(answer=y), "LinearRegression")[:2] == ("infinite_values", "target")
    assert refusal(table(size=y), "KMeans", target=None)[:2] == ("infinite_values", "features")


def test_a_huge_request_is_tried_in_small(check):
    params = {"hidden_layer_sizes": [100_000, 100_000], "max_iter": 1_000_000}
    assert check(table(), "MLPClassifier", params=params) == []
    assert check(table(), "RandomForestClassifier", params={"n_estimators": 100_000, "n_jobs": 64}) == []


def test_weights_of_classes_are_tried_as_the_training_takes_them(check):
    weights = {"class_weight": {"cat": 1.0, "dog": 2.0}}
    assert check(table(), params=weights) == []
    assert check(table(3_000), params=weights) == []


def test_a_clusterer_needs_no_target(check):
    assert check(table(), "KMeans", target=None) == []
    assert check(table(), "DBSCAN", target="answer") == []


def test_a_store_that_does_not_answer_is_said_at_once(check, make_dataset, broken_storage):
    version = make_dataset("table", table(nothing=np.nan).to_csv(index=False))
    with broken_storage(settings.DATASETS_BUCKET), pytest.raises(NotReady):
        check(version)


def test_a_fit_that_takes_too_long_is_no_verdict(make_dataset, monkeypatch):
    monkeypatch.setattr(dry_run, "PATIENCE_S", 0)
    options = {"solver": "lbfgs", "l1_ratio": 0.5}
    found = dry_run.check(
        make_dataset(content=table().to_csv(index=False)),
        algorithm=find("LogisticRegression"),
        params=options,
        target="answer",
        features=None,
        test_size=0.2,
        random_state=1,
    )
    assert found == []


def test_the_dry_run_prints_nothing(check, capfd):
    check(table(), "RandomForestClassifier", params={"verbose": 2})
    check(table(), "MLPClassifier", params={"verbose": True})
    assert capfd.readouterr().out == ""

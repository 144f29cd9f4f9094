import io
import json
import pickle
import subprocess
import sys

import numpy as np
import pandas
import pytest
from django.core.exceptions import ValidationError

from registry.estimators import algorithms
from registry.estimators.algorithms import find
from registry.training import pipelines

ROWS = 30
EVERY = algorithms.all_algorithms()


def column(name, kind, nullable=False):
    return {"name": name, "type": kind, "nullable": nullable}


COLUMNS = [
    column("size", "number", nullable=True),
    column("legs", "integer"),
    column("colour", "text", nullable=True),
    column("tame", "boolean"),
    column("born", "date", nullable=True),
    column("nothing", "number", nullable=True),
]


def table(rows=ROWS) -> pandas.DataFrame:
    """One column of every type, with gaps and dates before 1970, and a column without any value."""
    rng = np.random.default_rng(0)
    frame = pandas.DataFrame(
        {
            "size": rng.normal(size=rows),
            "legs": rng.integers(0, 9, rows),
            "colour": pandas.Series(rng.choice(["red", "blue", "grey"], rows), dtype="str"),
            "tame": rng.random(rows) < 0.5,
            "born": pandas.Series(pandas.date_range("1965-03-01", periods=rows, freq="97D")).astype(
                "datetime64[us]"
            ),
            "nothing": np.full(rows, np.nan),
        }
    )
    frame.loc[3, "size"], frame.loc[4, "colour"], frame.loc[5, "born"] = np.nan, np.nan, pandas.NaT
    return frame


def classes(rows=ROWS):
    return pandas.Series(["cat", "dog"] * (rows // 2), dtype="str")


def fit(y=None, kind="text", *, name="RandomForestClassifier", frame=None, columns=COLUMNS, **options):
    frame = table() if frame is None else frame
    y = classes(len(frame)) if y is None else y
    options = {
        "features": None,
        "target": "answer",
        "params": {},
        "test_size": 0.3,
        "random_state": 1,
    } | options
    return pipelines.fit(
        frame.assign(answer=y),
        columns=[*columns, column("answer", kind, nullable=True)],
        algorithm=find(name),
        **options,
    )


def tree(**options):
    return fit(name="DecisionTreeClassifier", **options)


def refusal(*args, **options) -> tuple[str, str]:
    with pytest.raises(ValidationError) as caught:
        fit(*args, **options)
    return caught.value.code, caught.value.message


def assert_json(result):
    facts = [result.signature, result.metrics, result.parameters, result.warnings]
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts


TARGETS = {
    "classification": (classes(), "text"),
    "regression": (pandas.Series(np.linspace(1, 9, ROWS) % 4 + 1), "number"),
    "clustering": (classes(), "text"),
}
# What does not suit this table, and says so; each trains on a table that suits it.
UNSUITED = {
    "IsotonicRegression": "Choose exactly one feature",
    "QuadraticDiscriminantAnalysis": "reg_param",
    "RadiusNeighborsRegressor": "larger radius",
}


@pytest.mark.parametrize("algorithm", EVERY, ids=lambda algorithm: algorithm.name)
def test_every_algorithm_trains_on_a_mixed_table_or_says_why_not(algorithm):
    y, kind = TARGETS[algorithm.task]
    if algorithm.name in UNSUITED:
        code, message = refusal(y, kind, name=algorithm.name)
        assert code == "fit_failed"
        assert UNSUITED[algorithm.name] in message
        return
    result = fit(y, kind, name=algorithm.name)
    assert_json(result)
    assert result.signature["can_predict"] is algorithm.can_predict
    if algorithm.can_predict:
        frame = pipelines.feature_frame(table(), result.signature["inputs"])
        assert len(result.pipeline.predict(frame)) == ROWS


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("IsotonicRegression", {"features": ["size"], "y": TARGETS["regression"][0], "kind": "number"}),
        ("QuadraticDiscriminantAnalysis", {"params": {"reg_param": 0.1}}),
        (
            "RadiusNeighborsRegressor",
            {"params": {"radius": 9}, "y": TARGETS["regression"][0], "kind": "number"},
        ),
    ],
)
def test_the_unsuited_ones_train_as_advised(name, options):
    assert fit(name=name, **options).rows_train == 21


CLASSIFIERS = [algorithm.name for algorithm in EVERY if algorithm.task == "classification"]
CLASS_TYPES = {
    "text": (classes(), str),
    "integer": ((classes() == "dog").astype("int64"), int),
    "boolean": (classes() == "dog", bool),
    "number": ((classes() == "dog").astype("float64"), float),
}


@pytest.mark.parametrize("kind", CLASS_TYPES)
@pytest.mark.parametrize("name", sorted(set(CLASSIFIERS) - set(UNSUITED)))
def test_classes_keep_the_type_of_the_file(name, kind):
    y, python_type = CLASS_TYPES[kind]
    result = fit(y, kind, name=name)
    predicted = result.pipeline.predict(pipelines.feature_frame(table(), result.signature["inputs"]))
    assert {type(label) for label in result.signature["classes"]} == {python_type}
    assert {type(label) for label in predicted.tolist()} == {python_type}


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["a", "b"], "b"),
        (["Target", "b"], "Target"),
        (["y", "CLASS", "b"], "CLASS"),
        (["label", "target", "z"], "target"),
        (["Y", "targets"], "Y"),
    ],
)
def test_the_target_is_the_one_with_a_usual_name_else_the_last(names, chosen):
    assert pipelines.choose_target([column(name, "number") for name in names]) == chosen


def test_the_signature_tells_types_ranges_categories_and_an_example():
    signature = tree().signature
    size, legs, colour, tame, born, nothing = signature["inputs"]
    assert signature["target"] == {"name": "answer", "type": "text"}
    assert (signature["task"], signature["output"]) == ("classification", "class")
    assert signature["classes"] == ["cat", "dog"]
    assert signature["probabilities"] is True
    assert size["min"] < 0 < size["max"]
    assert type(legs["max"]) is int
    assert set(colour["categories"]) == {"red", "blue", "grey"}
    assert tame == {"name": "tame", "type": "boolean", "nullable": False}
    assert born["min"].startswith("196")
    assert (nothing["min"], nothing["max"]) == (None, None)
    missing = [name for name, value in signature["example"].items() if value is None]
    assert missing == ["nothing"]


def test_the_signature_of_a_regression_has_no_classes():
    signature = fit(*TARGETS["regression"], name="Ridge").signature
    assert (signature["output"], signature["classes"], signature["probabilities"]) == ("number", None, False)


def test_text_lists_its_50_most_frequent_categories():
    frame = pandas.DataFrame({"word": pandas.Series([f"w{i % 60}" for i in range(200)], dtype="str")})
    inputs = tree(frame=frame, columns=[column("word", "text")]).signature["inputs"]
    assert len(inputs[0]["categories"]) == 50


def test_a_clusterer_learns_from_all_rows_and_leaves_the_target_out():
    result = fit(name="KMeans", params={"n_clusters": 3}, test_size=None)
    assert (result.rows_train, result.rows_test) == (ROWS, 0)
    assert result.signature["target"] is None
    assert "answer" not in result.signature["example"]
    assert result.metrics["n_clusters"] == 3


def test_a_clusterer_needs_no_target_and_may_use_every_column():
    result = fit(name="DBSCAN", target=None)
    assert "answer" in result.signature["example"]
    assert result.signature["can_predict"] is False


def test_the_same_seed_gives_the_same_model():
    first, second = (fit(params={"n_estimators": 5}) for _ in range(2))
    frame = pipelines.feature_frame(table(), first.signature["inputs"])
    assert (first.pipeline.predict_proba(frame) == second.pipeline.predict_proba(frame)).all()
    assert first.metrics == second.metrics


def test_the_split_keeps_the_shares_of_the_classes():
    y = pandas.Series(["cat"] * 20 + ["dog"] * 10, dtype="str")
    report = tree(y=y).metrics["classification_report"]
    assert (report["cat"]["support"], report["dog"]["support"]) == (6, 3)


def test_progress_hears_the_stages_in_order():
    heard = []
    tree(progress=lambda stage, fraction: heard.append(stage))
    assert heard == ["checking", "fitting", "evaluating"]


def test_the_parameters_are_the_effective_ones():
    parameters = tree(params={"max_depth": 3}).parameters
    assert parameters["max_depth"] == 3
    assert parameters["criterion"] == "gini"
    assert parameters["random_state"] == 1
    assert fit(name="OPTICS").parameters["max_eps"] == "inf"
    assert fit(name="SVC").parameters["kernel"] == "rbf"
    assert "probability" not in fit(name="SVC").parameters


@pytest.mark.parametrize(
    ("kind", "weights"), [("integer", {"0": 1, "1": 9}), ("boolean", {"true": 2, "False": 1})]
)
def test_class_weights_from_json_reach_classes_of_any_type(kind, weights):
    assert tree(y=CLASS_TYPES[kind][0], kind=kind, params={"class_weight": weights}).rows_train == 21


def test_rows_without_a_target_are_left_out_and_counted():
    y = classes().mask(pandas.Series(range(ROWS)) < 4)
    result = tree(y=y)
    assert result.rows_train + result.rows_test == ROWS - 4
    assert result.warnings == ["4 rows have no value in `answer` and were left out."]


def test_a_nullable_integer_target_with_a_gap_keeps_its_integers():
    y = CLASS_TYPES["integer"][0].astype("Int64").mask(pandas.Series(range(ROWS)) == 3)
    result = tree(y=y, kind="integer")
    assert result.signature["classes"] == [0, 1]
    assert result.warnings == ["1 row has no value in `answer` and was left out."]


def test_scikit_learns_warnings_become_sentences_once_each_and_nothing_is_printed(capfd):
    result = fit(name="LogisticRegression", params={"max_iter": 1})
    assert len(result.warnings) == 1
    assert result.warnings[0].startswith("lbfgs failed to converge after 1 iteration(s)")
    assert capfd.readouterr() == ("", "")


def test_rows_without_a_predicted_number_are_left_out_of_the_metrics_and_counted():
    result = fit(*TARGETS["regression"], name="RadiusNeighborsRegressor", params={"radius": 1.6})
    assert "test rows got no prediction" in result.warnings[0]
    assert_json(result)


class TestRefusals:
    def test_an_unknown_target_names_the_nearest(self):
        code, message = refusal(target="anwser")
        assert code == "target_not_found"
        assert message == "The target `anwser` is not a column of the table; did you mean `answer`?"

    def test_a_target_like_no_column_lists_the_columns(self):
        assert "`size`, `legs`" in refusal(target="1234567")[1]

    def test_a_classifier_needs_a_target(self):
        assert refusal(target=None)[0] == "no_target"

    @pytest.mark.parametrize("target", ["colour", "tame"])
    def test_a_regressor_does_not_predict_text_or_truth(self, target):
        code, message = refusal(name="Ridge", target=target)
        assert code == "text_target"
        assert "Ridge predicts numbers" in message

    @pytest.mark.parametrize("name", ["Ridge", "DecisionTreeClassifier"])
    def test_nothing_predicts_dates(self, name):
        assert refusal(name=name, target="born")[0] == "date_target"

    @pytest.mark.parametrize(
        "y",
        [
            np.linspace(0, 1, ROWS),
            np.arange(ROWS),
            [0.5, 1.0] * (ROWS // 2),
        ],
    )
    def test_a_classifier_does_not_predict_a_measure(self, y):
        code, message = refusal(pandas.Series(y), "number")
        assert code == "continuous_target"
        assert "choose a regressor" in message

    def test_prices_are_no_classes_even_when_many_repeat(self):
        frame = table(400)
        prices = np.random.default_rng(0).integers(0, 120, 400).astype("int64")
        prices[0] = 999
        assert refusal(prices, "integer", frame=frame)[0] == "continuous_target"

    def test_ten_digits_are_classes(self):
        assert len(tree(y=np.arange(60) % 10, kind="integer", frame=table(60)).signature["classes"]) == 10

    def test_one_class_is_too_few(self):
        assert refusal(pandas.Series(["cat"] * ROWS, dtype="str")) == (
            "one_class",
            "`answer` has only one class, `cat`; a classifier needs at least two.",
        )

    def test_a_class_of_one_row_is_named(self):
        y = classes()
        y[7] = "newt"
        code, message = refusal(y)
        assert code == "rare_class"
        assert message.startswith("The class `newt` has only 1 row in `answer`")

    @pytest.mark.parametrize("share", [0, 1, 1.5, -0.2, float("nan"), True, "0.2", None])
    def test_a_test_share_is_between_0_and_1(self, share):
        assert refusal(test_size=share)[0] == "test_size"

    @pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "7", True])
    def test_a_seed_is_a_whole_number(self, seed):
        assert refusal(random_state=seed)[0] == "random_state"

    @pytest.mark.parametrize(
        ("name", "y", "kind"),
        [
            ("Ridge", [1.0, 2.0, 3.0, 4.0, 5.0], "number"),
            ("DecisionTreeClassifier", ["a", "b", "a", "b", "b"], "text"),
        ],
    )
    def test_five_rows_are_too_few_to_hold_some_out(self, name, y, kind):
        y = pandas.Series(y, dtype="str" if kind == "text" else float)
        code, message = refusal(y, kind, name=name, frame=table(5 + 1).iloc[:5], test_size=0.2)
        assert code == "too_few_rows"
        assert "the test part would have 1 and needs at least 2" in message

    @pytest.mark.parametrize("name", ["Ridge", "DecisionTreeClassifier", "KMeans"])
    def test_an_empty_table_is_too_few_rows(self, name):
        kind = "number" if name == "Ridge" else "text"
        y = pandas.Series([], dtype=float if name == "Ridge" else "str")
        assert refusal(y, kind, name=name, frame=table().iloc[:0])[0] == "too_few_rows"

    def test_a_target_without_any_value_is_too_few_rows(self):
        assert refusal(pandas.Series([np.nan] * ROWS, dtype="str"))[0] == "too_few_rows"

    def test_the_only_column_cannot_be_its_own_feature(self):
        assert refusal(columns=[])[0] == "no_features"
        assert refusal(features=[])[0] == "no_features"

    def test_features_are_columns_once_each_and_not_the_target(self):
        assert refusal(features=["size", "leggs"]) == (
            "feature_not_found",
            "The feature `leggs` is not a column of the table; did you mean `legs`?",
        )
        assert refusal(features=["size", "size"])[0] == "duplicate_feature"
        assert refusal(features=["size", "answer"])[0] == "target_is_feature"

    @pytest.mark.parametrize("where", ["size", "answer"])
    def test_an_infinite_number_names_its_column(self, where):
        frame, y = table(), pandas.Series(np.linspace(0, 1, ROWS))
        spoilt = frame["size"] if where == "size" else y
        spoilt = spoilt.mask(spoilt.index == 8, -np.inf)
        frame, y = (frame.assign(size=spoilt), y) if where == "size" else (frame, spoilt)
        code, message = refusal(y, "number", name="Ridge", frame=frame)
        assert code == "infinite_values"
        assert message.startswith(f"`{where}` is infinite in 1 row")

    def test_bad_parameters_are_refused_before_anything_is_fitted(self):
        assert refusal(params={"n_estimators": 0})[0] == "invalid_parameter"

    def test_a_slip_in_scikit_learn_itself_is_a_sentence(self):
        # With no iteration allowed, TheilSenRegressor reads a variable that it never set.
        y, kind = TARGETS["regression"]
        assert refusal(y, kind, name="TheilSenRegressor", params={"max_iter": 0})[0] == "fit_failed"

    def test_scikit_learns_own_reason_is_passed_on_as_a_sentence(self):
        code, message = refusal(name="KMeans", params={"n_clusters": 99})
        assert code == "fit_failed"
        assert message == "KMeans could not be fitted: n_samples=30 should be >= n_clusters=99."

    def test_memory_that_is_not_there_is_left_to_the_job_to_tell(self):
        with pytest.raises(MemoryError):
            fit(name="MLPClassifier", params={"hidden_layer_sizes": [10**9, 10**9]})


class TestFeatures:
    def predictions(self, result, frame):
        return result.pipeline.predict_proba(pipelines.feature_frame(frame, result.signature["inputs"]))

    def test_unseen_categories_and_gaps_are_fine_in_every_column(self):
        whole = table().fillna({"size": 0.0, "colour": "red", "born": pandas.Timestamp("1970-01-01")})
        result = fit(frame=whole)
        empty = pandas.DataFrame({name: [None] for name in whole.columns}, dtype=object)
        unseen = whole.iloc[:1].assign(colour="ultraviolet")
        assert self.predictions(result, empty).shape == self.predictions(result, unseen).shape == (1, 2)

    def test_the_frame_of_a_signature_has_its_order_and_its_dtypes(self):
        inputs = fit().signature["inputs"]
        mixed = table()[["born", "colour", "tame", "nothing", "legs", "size"]].assign(more=1)
        frame = pipelines.feature_frame(mixed, inputs)
        assert list(frame.columns) == ["size", "legs", "colour", "tame", "born", "nothing"]
        assert [str(dtype) for dtype in frame.dtypes] == [
            "float64",
            "float64",
            "str",
            "boolean",
            "datetime64[us]",
            "float64",
        ]

    def test_a_frame_without_a_column_is_refused(self):
        with pytest.raises(ValidationError) as caught:
            pipelines.feature_frame(table()[["size"]], COLUMNS)
        assert caught.value.code == "feature_not_found"

    @pytest.mark.parametrize(
        "name", ["model", "columns", "", " ", "naïve 列", "0", "a__b", "target[0]<1>", "frame"]
    )
    def test_a_column_may_have_any_name(self, name):
        frame, columns = table()[["size"]].rename(columns={"size": name}), [column(name, "number")]
        result = tree(frame=frame, columns=columns)
        assert list(result.signature["example"]) == [name]

    def test_an_id_like_column_cannot_explode_memory(self):
        frame = pandas.DataFrame(
            {f"id{i}": [f"{i}-{row}" for row in range(ROWS)] for i in range(200)}
        ).astype("str")
        result = tree(frame=frame, columns=[column(name, "text") for name in frame])
        assert result.pipeline["columns"].transform(frame).shape[1] <= 2_000

    def test_a_bool_with_and_without_gaps_is_the_same_category(self):
        result = fit()
        nullable = table().assign(tame=table()["tame"].astype("boolean"))
        assert (self.predictions(result, table()) == self.predictions(result, nullable)).all()

    def test_missing_dates_are_the_median_date_and_not_the_year_minus_290_billion(self):
        result = tree(features=["born"])
        column_of = result.pipeline["columns"]
        values = column_of.transform(table()[["born"]])
        assert abs(values).max() < 3
        assert values[5] == column_of.transform(table()[["born"]].iloc[[5]])

    def test_naive_bayes_for_counts_gets_no_negative_numbers_also_outside_the_training_range(self):
        result = fit(name="MultinomialNB")
        far = table().assign(size=-1e9)
        assert (result.pipeline["columns"].transform(far) >= 0).all()

    def test_naive_bayes_for_categories_gets_bins_and_predicts_outside_the_training_range(self):
        result = fit(name="CategoricalNB")
        bins = result.pipeline["columns"].transform(table())[:, 0]
        assert len(set(bins)) > 5
        assert self.predictions(result, table().assign(size=1e9, colour="ultraviolet")).shape == (ROWS, 2)


class TestArtifact:
    def test_it_predicts_a_raw_csv_as_it_predicts_the_typed_table(self):
        result = fit(params={"n_estimators": 5})
        raw = pandas.read_csv(io.StringIO(table().to_csv(index=False)))
        typed = pipelines.feature_frame(table(), result.signature["inputs"])
        assert str(raw["born"].dtype) == "str"
        assert (result.pipeline.predict_proba(raw) == result.pipeline.predict_proba(typed)).all()

    @pytest.mark.parametrize("row", [0, 3, 4, 5])
    def test_one_raw_row_is_predicted_like_many(self, row):
        result = fit(params={"n_estimators": 5})
        raw = pandas.read_csv(io.StringIO(table().iloc[[row]].to_csv(index=False)))
        typed = pipelines.feature_frame(table().iloc[[row]], result.signature["inputs"])
        assert (result.pipeline.predict_proba(raw) == result.pipeline.predict_proba(typed)).all()

    def test_a_raw_csv_with_gaps_among_booleans_is_predicted_alike(self):
        typed = table().assign(tame=table()["tame"].astype("boolean").mask(table()["legs"] > 5))
        result = fit(frame=typed)
        raw = pandas.read_csv(io.StringIO(typed.to_csv(index=False)))
        expected = result.pipeline.predict_proba(pipelines.feature_frame(typed, result.signature["inputs"]))
        assert (result.pipeline.predict_proba(raw) == expected).all()

    def test_dates_with_a_zone_are_read_as_utc(self):
        result = tree(features=["born"])
        zoned = pandas.DataFrame({"born": ["1966-01-01T02:00:00+02:00", None]})
        plain = pandas.DataFrame({"born": ["1966-01-01", None]})
        encode = result.pipeline["columns"].transform
        assert (encode(zoned) == encode(plain)).all()

    def test_it_loads_and_predicts_where_this_code_is_not(self, tmp_path):
        result = fit(params={"n_estimators": 5})
        (tmp_path / "model.pkl").write_bytes(pickle.dumps(result.pipeline))
        table().to_csv(tmp_path / "rows.csv", index=False)
        code = (
            "import pickle, sys, pandas; model = pickle.load(open('model.pkl', 'rb'));"
            "print(','.join(model.predict(pandas.read_csv('rows.csv'))));"
            "sys.exit('registry' in sys.modules or 'django' in sys.modules)"
        )
        run = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
        assert len(run.stdout.split(",")) == ROWS

"""Importing a model: what becomes of it, and what is refused."""

import io

import joblib
import numpy as np
import pandas
import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, VotingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from mlplatform.errors import NotReady
from registry import artifacts
from registry.imports import importing
from registry.imports.importing import import_model
from registry.models import ModelVersion, Release
from tests.registry.imports.models import as_skops, flowers, prepared

COLUMNS = ["length", "width", "colour"]


@pytest.fixture
def bring(admin, make_dataset):
    """Imports an estimator, or the bytes of a file."""

    def bring(estimator=None, *, source=None, filename="model.skops", **fields):
        content = estimator if isinstance(estimator, bytes) else as_skops(estimator or prepared())
        fields = {"target": "species", "by": admin} | fields
        return import_model(io.BytesIO(content), filename=filename, source=source or make_dataset(), **fields)

    return bring


def errors_of(error) -> dict:
    return error.value.message_dict


def test_an_imported_model_is_a_version_that_is_live_in_dev(bring, admin):
    version = bring(description="from the lab")
    assert (version.number, version.live_stages, version.algorithm) == (1, ["dev"], "LogisticRegression")
    assert (version.module, version.task, version.target) == ("linear_model", "classification", "species")
    assert version.features == COLUMNS
    assert version.signature["classes"] == ["rose", "tulip"]
    assert version.origin == "imported from model.skops (skops)"
    assert version.trained_by == admin
    assert version.metrics["accuracy"] == 1
    assert version.measured.startswith("Measured on all 24 rows of `flowers` version 1 when it was imported.")
    assert version.releases.get().kind == Release.Kind.IMPORT
    assert (version.verification.engine, version.verification.reason) == ("estimator", "")
    assert len(version.verification.golden_rows) > 20


def test_an_imported_model_predicts_what_the_original_predicts(bring, api):
    bring()
    rows = flowers()[COLUMNS].astype(object).where(flowers()[COLUMNS].notna(), None).values.tolist()
    body = {
        "dataset_name": "flowers",
        "environment": "dev",
        "input_data": {"features": rows},
        "explain": False,
    }
    answer = api.post("/predict", body | {"probabilities": True})
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"] == prepared().predict(flowers()).tolist()


def test_an_imported_model_is_explained_evaluated_promoted_and_downloaded(bring, api, make_dataset):
    source = make_dataset()
    bring(source=source)
    row = {
        "dataset_name": "flowers",
        "environment": "dev",
        "input_data": {"features": [[5, 1.5, "red"]]},
        "explain": True,
    }
    explained = api.post("/predict", row)
    assert explained.status_code == 200, explained.text
    assert explained.json()["explanation"]["method"] == "sampled_shapley"
    make_dataset(content="length,width,colour,species\n5,1.5,red,tulip\n9,1.6,blue,rose\n", new_version=True)
    evaluated = api.post("/models/flowers/1/evaluate", {"dataset_version": 2})
    assert evaluated.json()["metrics"]["accuracy"] == 1, evaluated.text
    promoted = api.post("/promote", {"dataset_name": "flowers", "version": 1, "target_stage": "production"})
    assert promoted.status_code == 200, promoted.text
    assert api.get("/models/flowers/1/artifact").status_code == 200
    assert [one["version"] for one in api.get("/models?imported=true").json()["results"]] == [1]
    assert api.get("/models?imported=false").json()["results"] == []


def test_what_needs_the_training_says_that_it_was_imported(bring, api):
    bring()
    assert api.post("/models/flowers/1/retrain").json()["code"] == "model_imported"
    for path in ("diagnostics", "learning-curve"):
        assert "because it was imported" in api.post(f"/models/flowers/1/{path}").json()["detail"]
    found = api.get("/models/flowers/1/diagnostics")
    sentence = "Version 1 of `flowers` was imported, so it has no diagnostics."
    assert (found.status_code, found.json()["detail"]) == (404, sentence)


def test_the_target_cannot_be_an_input(bring):
    table = flowers()
    model = LinearRegression().fit(table[["width", "length"]].to_numpy(), table["length"] * 2)
    with pytest.raises(ValidationError) as error:
        bring(model, target="length", features=["width", "length"])
    assert errors_of(error) == {
        "target_column": ["`length` is an input of the model and cannot be its target."]
    }


@pytest.mark.parametrize(
    "estimator",
    [
        GradientBoostingClassifier(n_estimators=2, random_state=0),
        HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=2),
        VotingClassifier([("a", LogisticRegression()), ("b", DecisionTreeClassifier(random_state=0))]),
    ],
    ids=lambda one: type(one).__name__,
)
def test_trees_and_votes_are_imported(bring, estimator):
    table = flowers()
    model = estimator.fit(table[["length", "width"]], table["species"])
    version = bring(model)
    assert version.algorithm == type(estimator).__name__
    assert version.metrics["accuracy"] == model.score(table[["length", "width"]], table["species"])


def test_words_of_booleans_are_what_the_model_was_fitted_on(bring, make_dataset):
    content = "size,open,kind\n" + "".join(
        f"{i},{['Yes', 'No', ''][i % 3]},{'ab'[i % 3 == 0]}\n" for i in range(30)
    )
    source = make_dataset("shops", content)
    assert source.columns[1]["type"] == "boolean"
    table = pandas.read_csv(io.StringIO(content))
    words = make_column_transformer((OneHotEncoder(handle_unknown="error"), ["open"]))
    model = make_pipeline(words, LogisticRegression()).fit(table[["open"]], table["kind"])
    version = bring(model, source=source, target="kind")
    assert version.features == ["open"]
    assert version.metrics["accuracy"] == 1


SIGNATURE = {
    "inputs": [
        {"name": "length", "type": "number", "min": 5, "max": 11},
        {"name": "width", "type": "number"},
        {"name": "colour", "type": "text", "categories": ["red", "blue"]},
    ],
    "target": "species",
}


def test_a_model_with_a_signature_is_not_measured(bring, api):
    version = bring(signature=SIGNATURE, target="")
    assert (version.metrics, version.rows_test) == ({}, 0)
    assert version.measured == "Not measured: it was imported with a signature, without rows."
    assert version.signature["example"] == {"length": 5, "width": 0, "colour": "red"}
    body = {"dataset_name": "flowers", "environment": "dev", "input_data": {"features": [[5, 1.5, "red"]]}}
    assert api.post("/predict", body).json()["predictions"] == ["tulip"]


@pytest.mark.parametrize(
    ("signature", "sentence"),
    [
        ([], "It must be a JSON object"),
        ({"inputs": []}, "`inputs` must be a list of 1 to"),
        (SIGNATURE | {"odd": 1}, "It has no field `odd`"),
        (SIGNATURE | {"target": "length"}, "`length` is an input and cannot be the target"),
        (SIGNATURE | {"inputs": [{"name": "a", "type": "float"}]}, "The type of `a` must be one of integer"),
        (SIGNATURE | {"inputs": [{"name": "a", "type": "number", "min": "1"}]}, "`min` and `max` of `a`"),
        (SIGNATURE | {"example": {"length": 1}}, "`example` must have a value for each input"),
        (SIGNATURE | {"inputs": SIGNATURE["inputs"][:2]}, "must be those of the model"),
        (
            SIGNATURE | {"inputs": [{"name": "length", "type": "date"}, *SIGNATURE["inputs"][1:]]},
            "`length` is declared as date, and in version 1 of `flowers` it is",
        ),
    ],
    ids=range(9),
)
def test_an_invalid_signature_is_refused(bring, signature, sentence):
    with pytest.raises(ValidationError) as error:
        bring(signature=signature, target="")
    assert sentence in errors_of(error)["signature"][0]
    assert not ModelVersion.objects.exists()


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"target": ""}, "target_column", "Enter the column that the model predicts"),
        ({"target": "kind"}, "target_column", "The target `kind` is not a column of the dataset"),
        ({"target": "colour"}, "target_column", "`colour` is an input of the model"),
        ({"features": ["length"]}, "features", "The model names its own input columns"),
        ({"signature": SIGNATURE}, "signature", "leave the others out"),
    ],
    ids=["none", "unknown", "input", "features", "both"],
)
def test_columns_that_do_not_fit_are_refused(bring, fields, field, sentence):
    with pytest.raises(ValidationError) as error:
        bring(**fields)
    assert sentence in errors_of(error)[field][0]


def test_a_dataset_without_the_columns_of_the_model_is_refused(bring, make_dataset):
    with pytest.raises(ValidationError) as error:
        bring(source=make_dataset("short", "length,species\n1,rose\n2,tulip\n"))
    assert "The input of the model `width` is not a column of the dataset" in errors_of(error)["file"][0]


def test_other_classes_and_another_number_of_columns_are_refused(bring):
    table = flowers()
    numbered = LogisticRegression().fit(table[["length", "width"]], [0, 1] * 12)
    with pytest.raises(ValidationError) as error:
        bring(numbered)
    [sentence] = errors_of(error)["target_column"]
    assert sentence.startswith(
        "The model predicts `0`, `1`, and `species` has `rose`, `tulip`. If these are names"
    )
    version = bring(numbered, classes=["tulip", "rose"])
    assert (version.signature["classes"], version.algorithm) == (["tulip", "rose"], "LogisticRegression")
    for model, classes, sentence in (
        (numbered, ["rose"], "The model has 2 classes, and `classes` names 1."),
        (prepared(), ["rose", "tulip"], "this model does not. Leave it out."),
    ):
        with pytest.raises(ValidationError) as error:
            bring(model, classes=classes)
        assert sentence in errors_of(error)["classes"][0]
    array = LogisticRegression().fit(table[["length", "width"]].to_numpy(), table["species"])
    with pytest.raises(ValidationError) as error:
        bring(array)
    assert "The model takes 2 input columns, not 3" in errors_of(error)["features"][0]
    assert bring(array, features=["length", "width"]).features == ["length", "width"]


def test_a_model_without_finite_predictions_is_refused(bring):
    model = LinearRegression().fit([[1.0], [2.0]], [1, 2])
    model.coef_ = np.array([np.nan])
    with pytest.raises(ValidationError) as error:
        bring(model, target="length", features=["width"])
    assert "no finite prediction for any row" in errors_of(error)["file"][0]


def test_only_who_may_train_imports(bring, make_user):
    with pytest.raises(PermissionDenied):
        bring(by=make_user("viewer"))


def test_an_import_beyond_its_limits_leaves_nothing(bring):
    with pytest.raises(ValidationError) as error:
        bring(limit_s=0.01)
    assert "exceeded the 0.01-second limit" in errors_of(error)["file"][0]
    assert not ModelVersion.objects.exists()
    assert bring().number == 1


def test_an_import_waits_for_another_and_then_gives_up(bring, monkeypatch):
    monkeypatch.setattr(importing.turns, "wait_s", 0.01)
    with importing.turns.child("time.sleep"), pytest.raises(NotReady) as error:
        bring()
    assert error.value.code == "busy"
    assert "loading another model" in error.value.message
    assert not ModelVersion.objects.exists()


def test_the_artifact_loads_without_the_platform(bring):
    version = bring()
    with artifacts.open_verified(version, version.release.key) as file:
        content = file.read()
    assert b"registry" not in content
    assert (
        joblib.load(io.BytesIO(content)).predict(flowers()[COLUMNS]).tolist() == flowers()["species"].tolist()
    )


def test_the_page_does_not_call_the_measured_rows_held_out(bring, page):
    bring()
    text = page.get("/registry/models/flowers/1/").text
    assert "24 rows of the dataset" in text
    assert "held-out test rows" not in text

"""CatBoost's own files: they predict as before, and only their checked trees are used."""

import copy
import io
import json

import numpy as np
import pytest
from django.core.exceptions import ValidationError

from registry.imports.importing import import_model
from registry.imports.readers import catboost_files
from tests.registry.imports.models import flowers

catboost = pytest.importorskip("catboost")
COLUMNS = ["length", "width"]
OPTIONS = {"iterations": 3, "depth": 2, "verbose": 0, "allow_writing_files": False, "thread_count": 1}
TABLE = np.random.default_rng(0).normal(size=(80, 3))
NUMBERS = TABLE[:, 0] * 2 - TABLE[:, 1]


def saved(model, tmp_path, format="cbm") -> str:
    path = tmp_path / f"model.{format}"
    model.save_model(str(path), format=format)
    return str(path)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> dict:
    regressor = catboost.CatBoostRegressor(**OPTIONS).fit(TABLE, NUMBERS)
    with open(saved(regressor, tmp_path_factory.mktemp("catboost"), "json")) as file:
        return json.load(file)


@pytest.mark.parametrize(
    ("options", "target"),
    [
        ({}, NUMBERS),
        ({"grow_policy": "Lossguide"}, NUMBERS),
        ({"loss_function": "Poisson"}, np.abs(NUMBERS)),
        ({"loss_function": "Tweedie:variance_power=1.7"}, np.abs(NUMBERS)),
        ({"loss_function": "Quantile:alpha=0.9"}, NUMBERS),
        ({}, np.where(NUMBERS > 0, "yes", "no")),
        ({"grow_policy": "Depthwise"}, np.digitize(NUMBERS, [-1, 1])),
        ({"loss_function": "MultiClassOneVsAll", "classes_count": 3}, np.digitize(NUMBERS, [-1, 1])),
        ({"loss_function": "CrossEntropy"}, (NUMBERS > 0).astype(int)),
    ],
)
def test_a_model_predicts_as_before(options, target, tmp_path):
    is_number = target.dtype.kind == "f"
    estimator = catboost.CatBoostRegressor if is_number else catboost.CatBoostClassifier
    before = estimator(**OPTIONS, **options).fit(TABLE, target)
    loaded = catboost_files.load(saved(before, tmp_path), max_unpacked_mb=10)
    rows = np.where(np.random.default_rng(1).random(TABLE.shape) < 0.1, np.nan, TABLE)
    if is_number:
        np.testing.assert_allclose(loaded.estimator.predict(rows), before.predict(rows), rtol=1e-12)
    else:
        assert loaded.estimator.predict(rows).tolist() == before.predict(rows).tolist()
        assert loaded.estimator.classes_.tolist() == before.classes_.tolist()
        expected = before.predict_proba(rows)
        np.testing.assert_allclose(loaded.estimator.predict_proba(rows), expected, rtol=1e-12)
    assert (loaded.names, loaded.count) == (None, 3)


def test_a_file_becomes_a_version_that_the_engine_compiles(admin, make_dataset, tmp_path, api):
    table = flowers()
    classifier = catboost.CatBoostClassifier(**OPTIONS).fit(table[COLUMNS], table["species"])
    with open(saved(classifier, tmp_path), "rb") as file:
        content = io.BytesIO(file.read())
    version = import_model(content, filename="model.cbm", source=make_dataset(), target="species", by=admin)
    assert (version.imported_format, version.algorithm, version.module) == (
        "catboost",
        "CatBoostClassifier",
        "catboost",
    )
    assert (version.features, version.signature["classes"]) == (COLUMNS, ["rose", "tulip"])
    assert (version.verification.engine, version.verification.reason) == ("estimator", "")
    body = {
        "dataset_name": "flowers",
        "environment": "dev",
        "input_data": {"features": [[5, 1.5], [None, 1]]},
    }
    served = api.post("/predict", body | {"probabilities": True}).json()["probabilities"]
    np.testing.assert_allclose(served, classifier.predict_proba([[5, 1.5], [np.nan, 1]]), rtol=1e-12)


CRAFTED = {
    "leaf": lambda model: model["oblivious_trees"][0]["leaf_values"].pop(),
    "leaf_that_is_a_text": lambda model: model["oblivious_trees"][0].update(leaf_values=["x"] * 4),
    "weight": lambda model: model["oblivious_trees"][0]["leaf_weights"].append(1),
    "column": lambda model: model["oblivious_trees"][0]["splits"][0].update(float_feature_index=7),
    "border": lambda model: model["oblivious_trees"][0]["splits"][0].update(border=123.5),
    "split_type": lambda model: model["oblivious_trees"][0]["splits"][0].update(split_type="OneHotFeature"),
    "depth": lambda model: model["oblivious_trees"][0].update(splits=[{}] * 40),
    "borders": lambda model: model["features_info"]["float_features"][0]["borders"].reverse(),
    "order": lambda model: model["features_info"]["float_features"][1].update(flat_feature_index=9),
    "scores": lambda model: model["scale_and_bias"].__setitem__(1, [0.0, 0.0]),
    "no_trees": lambda model: model.pop("oblivious_trees"),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_a_crafted_model_is_refused_before_it_is_built(model, name):
    crafted = copy.deepcopy(model)
    CRAFTED[name](crafted)
    with pytest.raises(ValidationError) as error, catboost_files.contents.unexpected():
        catboost_files.checked(crafted)
    assert error.value.code == "damaged_model"


def test_a_file_does_not_add_scores_to_its_classes():
    info = {"params": {"loss_function": {"type": "MultiClass"}}, "class_params": {}}
    info["class_params"] = {
        "class_label_type": "Integer",
        "class_names": [1, 2, 3],
        "class_to_label": [0, 1, 2],
    }
    for count in (0, 3):
        info["class_params"]["classes_count"] = count
        assert catboost_files._outputs(info, 3)[1] == info["class_params"]
    info["class_params"]["classes_count"] = 10**7
    with pytest.raises(ValidationError, match="not one for each class"):
        catboost_files._outputs(info, 3)


def test_the_index_of_a_split_is_not_taken_from_the_file(model):
    crafted = copy.deepcopy(model)
    crafted["oblivious_trees"][0]["splits"][0]["split_index"] = 10**6
    crafted["surprise"] = {"trees": 1}
    assert catboost_files.checked(crafted) == catboost_files.checked(model)


def test_categories_and_other_objectives_are_not_supported(model):
    with pytest.raises(ValidationError, match="categories"):
        catboost_files.checked(
            model | {"features_info": model["features_info"] | {"categorical_features": [{}]}}
        )
    params = {"params": {"loss_function": {"type": "YetiRank"}}}
    with pytest.raises(ValidationError, match="its loss function is YetiRank"):
        catboost_files.checked(model | {"model_info": params})


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "model.cbm"
    path.write_bytes(b"CBM1" + bytes(range(200)))
    with pytest.raises(ValidationError, match="cannot be read as a model of CatBoost"):
        catboost_files.load(str(path), max_unpacked_mb=10)

"""Model files of XGBoost and LightGBM: they predict as before, and are checked before they are used."""

import io
import json
import re

import numpy as np
import pytest
from django.core.exceptions import ValidationError

from registry.imports import formats
from registry.imports.importing import import_model
from registry.imports.readers import booster_files, contents
from serving.engine.boosters import LightGBMPredictor
from tests.registry.imports.models import flowers

lightgbm = pytest.importorskip("lightgbm")
xgboost = pytest.importorskip("xgboost")
COLUMNS = ["length", "width"]
CODES = {"tulip": 0, "rose": 1}


def xgboost_json(target=None) -> bytes:
    y = flowers()["species"].map(CODES) if target is None else flowers()[target]
    estimator = xgboost.XGBClassifier if target is None else xgboost.XGBRegressor
    model = estimator(n_estimators=2, n_jobs=1).fit(flowers()[COLUMNS[: 2 if target is None else 1]], y)
    return bytes(model.get_booster().save_raw("json"))


def lightgbm_text() -> bytes:
    model = lightgbm.LGBMClassifier(n_estimators=2, min_child_samples=2, n_jobs=1, verbose=-1)
    return model.fit(flowers()[COLUMNS], flowers()["species"].map(CODES)).booster_.model_to_string().encode()


def changed(change) -> bytes:
    model = json.loads(xgboost_json())
    change(model["learner"])
    return json.dumps(model).encode()


@pytest.mark.parametrize(
    ("content", "name"), [(xgboost_json, "xgboost"), (lightgbm_text, "lightgbm")], ids=["xgboost", "lightgbm"]
)
def test_a_booster_is_imported_with_the_names_of_its_classes(make_dataset, admin, api, content, name):
    version = import_model(
        io.BytesIO(content()),
        filename=f"model.{name}",
        source=make_dataset(),
        by=admin,
        target="species",
        classes=list(CODES),
    )
    assert (version.module, version.features, version.imported_format) == (name, COLUMNS, name)
    assert version.signature["classes"] == list(CODES)
    assert version.metrics["accuracy"] == 1
    assert name in version.libraries
    body = {
        "dataset_name": "flowers",
        "environment": "dev",
        "input_data": {"features": [[5, 1.5], [10, 1.6]]},
    }
    assert api.post("/predict", body).json()["predictions"] == ["tulip", "rose"]


def test_a_text_column_and_other_names_are_refused(make_dataset, admin):
    arguments = {"filename": "m.json", "source": make_dataset(), "by": admin, "target": "species"}
    unnamed = changed(lambda model: model.update(feature_names=[]))
    with pytest.raises(ValidationError) as error:
        import_model(io.BytesIO(unnamed), features=["length", "colour"], **arguments)
    assert "`colour` is text" in error.value.message_dict["features"][0]
    with pytest.raises(ValidationError) as error:
        import_model(io.BytesIO(unnamed), features=COLUMNS, classes=["a"], **arguments)
    assert "The model has 2 classes" in error.value.message_dict["classes"][0]


def test_the_format_is_that_of_the_content():
    found = [
        formats.of_file(io.BytesIO(content), "model").name
        for content in (xgboost_json(), b"{L\0\0", lightgbm_text())
    ]
    assert found == ["xgboost", "xgboost", "lightgbm"]


def trees(model) -> dict:
    return model["gradient_booster"]["model"]["trees"][0]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda model: model["objective"].update(name="rank:ndcg"), "unsupported_model"),
        (lambda model: trees(model)["left_children"].__setitem__(0, 0), "damaged_model"),
        (lambda model: trees(model)["right_children"].__setitem__(0, 10**6), "damaged_model"),
        (lambda model: trees(model)["split_indices"].__setitem__(0, 10**6), "damaged_model"),
        (lambda model: model["gradient_booster"]["model"]["tree_info"].__setitem__(0, 7), "damaged_model"),
        (lambda model: trees(model)["split_indices"].pop(), "damaged_model"),
    ],
    ids=range(6),
)
def test_a_crafted_tree_of_xgboost_is_refused(change, code):
    learner = json.loads(xgboost_json())["learner"]
    change(learner)
    with pytest.raises(ValidationError) as error:
        booster_files.check_xgboost(learner)
    assert error.value.code == code


@pytest.mark.parametrize(
    ("pattern", "value", "code"),
    [
        (r"left_child=-?\d+", "left_child=999", "damaged_model"),
        (r"left_child=-?\d+", "left_child=0", "damaged_model"),
        (r"left_child=-?\d+", "left_child=-999", "damaged_model"),
        (r"split_feature=\d+", "split_feature=999", "damaged_model"),
        (r"decision_type=\d+", "decision_type=1", "damaged_model"),
        (r"leaf_value=\S+ ", "leaf_value=", "damaged_model"),
        (r"num_cat=0", "num_cat=1", "unsupported_model"),
        (r"objective=binary", "objective=lambdarank", "unsupported_model"),
        (r"num_tree_per_iteration=1", "num_tree_per_iteration=3", "damaged_model"),
        (r"num_class=1", "num_class=0", "damaged_model"),
    ],
    ids=range(10),
)
def test_a_crafted_tree_of_lightgbm_is_refused(pattern, value, code):
    text = lightgbm_text().decode()
    booster_files.check_lightgbm(text)
    with pytest.raises(ValidationError) as error:
        booster_files.check_lightgbm(re.sub(pattern, value, text, count=1))
    assert error.value.code == code


def test_a_leaf_of_xgboost_has_one_score():
    """Prediction would write the others beyond its array."""
    model = json.loads(xgboost_json())["learner"]
    booster_files.check_xgboost(model)
    model["gradient_booster"]["model"]["trees"][-1]["tree_param"]["size_leaf_vector"] = "4"
    with pytest.raises(ValidationError) as error:
        booster_files.check_xgboost(model)
    assert error.value.code == "damaged_model"


@pytest.mark.parametrize("objective", ["multiclass", "multiclassova"])
def test_the_objective_of_lightgbm_has_as_many_classes_as_its_trees(objective):
    """It would write that many scores into an array of those."""
    options = {"n_estimators": 1, "min_child_samples": 2, "n_jobs": 1, "verbose": -1}
    model = lightgbm.LGBMClassifier(objective=objective, **options)
    text = model.fit(flowers()[COLUMNS], np.arange(len(flowers())) % 3).booster_.model_to_string()
    assert booster_files.check_lightgbm(text)["num_class"] == "3"
    with pytest.raises(ValidationError, match="other classes"):
        booster_files.check_lightgbm(text.replace(" num_class:3", " num_class:200000"))


def test_the_name_of_a_column_of_lightgbm_adds_no_columns():
    text = lightgbm_text().decode()
    name = "width\x0bmax_feature_idx=5\x0bfeature_names=a\u00a0b\u00a0c\u00a0d\u00a0e\u00a0f"
    text = re.sub("feature_names=.*", f"feature_names=length {name}", text)
    assert booster_files.check_lightgbm(text)["max_feature_idx"] == "1"
    with pytest.raises(ValidationError) as error:
        booster_files.check_lightgbm(re.sub(r"split_feature=\d", "split_feature=5", text))
    assert error.value.code == "damaged_model"


def test_a_file_that_ends_the_library_is_refused(make_dataset, admin):
    """LightGBM aborts the process that reads this."""
    text = lightgbm_text().replace(b"tree_sizes=", b"tree_sizes=1")
    with pytest.raises(ValidationError) as error:
        import_model(io.BytesIO(text), filename="m.txt", source=make_dataset(), by=admin, target="species")
    assert list(error.value.message_dict) == ["file"]


def test_a_truncated_file_of_xgboost_is_refused(tmp_path):
    path = tmp_path / "model.json"
    path.write_bytes(xgboost_json()[:-50])
    with pytest.raises(ValidationError) as error:
        booster_files.load_xgboost(str(path), max_unpacked_mb=1)
    assert error.value.code == "invalid_model"


def test_a_regressor_predicts_what_it_did(tmp_path):
    path = tmp_path / "model.json"
    path.write_bytes(xgboost_json("width"))
    loaded = booster_files.load_xgboost(str(path), max_unpacked_mb=1)
    expected = xgboost.Booster(model_file=str(path)).inplace_predict(flowers()[["length"]].to_numpy(float))
    assert np.array_equal(loaded.estimator.predict(flowers()[["length"]].to_numpy(float)), expected)


def test_xgboost_is_imported_up_to_its_best_iteration(tmp_path):
    x = np.random.default_rng(0).normal(size=(60, 1))
    model = xgboost.XGBRegressor(n_estimators=20, early_stopping_rounds=3, n_jobs=1)
    model.fit(x[:30], x[:30, 0], eval_set=[(x[30:], -x[30:, 0])], verbose=False)
    assert model.best_iteration + 1 < model.get_booster().num_boosted_rounds()
    model.get_booster().save_model(tmp_path / "model.json")
    loaded = booster_files.load_xgboost(str(tmp_path / "model.json"), max_unpacked_mb=10).estimator
    assert loaded.get_booster().num_boosted_rounds() == model.best_iteration + 1
    assert np.array_equal(loaded.predict(x), model.predict(x))


@pytest.fixture(scope="module")
def linear():
    """A model of LightGBM with a linear model in each leaf, and rows with gaps."""
    x = np.random.default_rng(0).normal(size=(80, 2))
    model = lightgbm.LGBMRegressor(n_estimators=3, linear_tree=True, num_leaves=4, n_jobs=1, verbose=-1)
    model.fit(x, x[:, 0] * 2 + np.where(x[:, 1] > 0, x[:, 1], 0))
    return model, np.where(np.random.default_rng(1).random(x.shape) < 0.2, np.nan, x)


def test_linear_trees_of_lightgbm_are_imported(linear, tmp_path):
    model, rows = linear
    path = tmp_path / "model.txt"
    path.write_text(model.booster_.model_to_string())
    loaded = booster_files.load_lightgbm(str(path), max_unpacked_mb=10).estimator
    assert np.array_equal(loaded.predict(rows), model.predict(rows))
    predictor = LightGBMPredictor(loaded)
    one = [predictor.predict(row[None], probabilities=False)[0][0] for row in rows]
    assert np.array_equal(one, model.predict(rows))


@pytest.mark.parametrize(
    ("part", "instead"),
    [
        (r"leaf_features=0", "leaf_features=9"),
        (r"leaf_coeff=\S+", "leaf_coeff="),
        (r"num_features=1", "num_features=7"),
        (r"num_features=1", "num_features=-1"),
        (r"leaf_const=\S+", "leaf_const="),
    ],
)
def test_crafted_linear_trees_are_refused(linear, part, instead):
    text = re.sub(part, instead, linear[0].booster_.model_to_string())
    with pytest.raises(ValidationError) as error, contents.unexpected():
        booster_files.check_lightgbm(text)
    assert error.value.code == "damaged_model"

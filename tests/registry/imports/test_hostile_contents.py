"""Trusted types with crafted attributes, whose compiled code would write beyond an array or open files."""

import json

import numpy as np
import pandas
import pytest
from django.core.exceptions import ValidationError
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    BaggingRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from registry.imports.readers import booster_files, contents, trust

ROWS = np.arange(40.0).reshape(20, 2)
CLASSES = np.arange(20) % 3
WORDS = pandas.DataFrame({"word": ["a", "b", "c", "c"] * 5, "place": [1.0, 2.0, np.nan, 3.0] * 5})


def boosting(classes=CLASSES, **parameters):
    return GradientBoostingClassifier(n_estimators=2, max_depth=2, **parameters).fit(ROWS, classes)


def encoder(**parameters):
    return OneHotEncoder(**parameters).fit(WORDS)


def binary_loss(model):
    other = boosting(CLASSES > 0)
    model._loss, model.init_ = other._loss, other.init_


def start_without_rows(model):
    model.init_ = DummyRegressor().fit(ROWS, CLASSES)
    model.init_.constant_, model.init_.n_outputs_ = np.zeros((1, 0)), 0


def as_a_tree(model):
    model.tree_ = model.estimators_[0].tree_
    del model.n_features_in_


def more_nodes(model):
    state = model.tree_.__getstate__()
    state["node_count"] += 1
    model.tree_.__setstate__(state)


def own_method(model):
    model.predict = np.abs


def fewer_columns(model):
    model.n_features_in_ = 1


CRAFTED = [
    (boosting, binary_loss),
    (lambda: GradientBoostingRegressor(n_estimators=2).fit(ROWS, CLASSES), start_without_rows),
    (lambda: boosting(init=LogisticRegression()), lambda model: None),
    (boosting, lambda model: delattr(model, "n_features_in_")),
    (lambda: RandomForestClassifier(n_estimators=2).fit(ROWS, CLASSES), as_a_tree),
    (lambda: DecisionTreeClassifier().fit(ROWS, CLASSES), more_nodes),
    (lambda: HistGradientBoostingClassifier(max_iter=1).fit(ROWS, CLASSES), fewer_columns),
    (lambda: LogisticRegression().fit(ROWS, CLASSES), own_method),
    (encoder, lambda one: setattr(one, "_n_features_outs", [1, 1])),
    (encoder, lambda one: setattr(one, "categories_", [one.categories_[0], np.array([3.0, 1, 2, np.nan])])),
    (lambda: encoder(min_frequency=6), lambda one: one._default_to_infrequent_mappings[0].__setitem__(0, 10**7)),
    (lambda: encoder(drop="first"), lambda one: one._drop_idx_after_grouping.__setitem__(0, -9)),
    (
        lambda: KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf").fit(ROWS),
        lambda one: setattr(one._encoder, "_n_features_outs", [1, 1]),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("fitted", "change"), CRAFTED, ids=range(len(CRAFTED)))
def test_a_crafted_estimator_is_refused(fitted, change):
    model = fitted()
    change(model)
    with pytest.raises(ValidationError) as error:
        contents.check(model)
    assert error.value.code in ("damaged_model", "untrusted_type")


@pytest.mark.parametrize(
    "model",
    [
        boosting(),
        boosting(CLASSES > 0),
        boosting(init="zero"),
        encoder(),
        encoder(min_frequency=6, handle_unknown="infrequent_if_exist"),
        encoder(max_categories=2, drop="first"),
        encoder(drop="if_binary"),
        encoder(drop=["b", np.nan]),
        BaggingRegressor(GradientBoostingRegressor(n_estimators=2), n_estimators=2).fit(ROWS, CLASSES),
        HistGradientBoostingClassifier(max_iter=1, categorical_features=None).fit(ROWS, CLASSES),
    ],
    ids=range(10),
)
def test_estimators_as_scikit_learn_fits_them_are_accepted(model):
    contents.check(model)


@pytest.mark.parametrize("attribute", ["input", "token_pattern"])
def test_a_vectorizer_opens_no_files_and_hides_no_pattern(attribute):
    vectorizer = CountVectorizer().fit(["one two"])
    contents.check(vectorizer)
    if attribute == "input":
        vectorizer.input = "filename"  # then each cell of a request is the path of a file that it reads
    else:
        del vectorizer.token_pattern
    with pytest.raises(ValidationError):
        contents.check(vectorizer)


def test_a_model_uses_one_thread():
    model = RandomForestClassifier(n_estimators=2, n_jobs=500).fit(ROWS, CLASSES)
    contents.check(model)
    assert model.n_jobs == 1


def test_what_the_modules_of_numeric_classes_import_is_not_trusted():
    assert trust.is_trusted("ObjectNode", "sklearn.gaussian_process.kernels.RBF")
    assert trust.is_trusted("LossNode", "sklearn._loss._loss.CyHalfBinomialLoss")
    for name in ("sklearn.gaussian_process.kernels.namedtuple", "sklearn._loss.loss.np"):
        assert not trust.is_trusted("TypeNode", name)


@pytest.mark.parametrize("booster", ["gblinear", "gbtree"])
def test_the_weights_and_iterations_of_xgboost_are_those_that_it_has(tmp_path, booster):
    xgboost = pytest.importorskip("xgboost")
    path = tmp_path / "model.json"
    xgboost.XGBClassifier(n_estimators=2, booster=booster, n_jobs=1).fit(ROWS, CLASSES > 0).save_model(path)
    booster_files.load_xgboost(str(path), max_unpacked_mb=1)
    file = json.loads(path.read_text())
    model = file["learner"]["gradient_booster"]["model"]
    if booster == "gblinear":
        model["weights"] = [0.1]
    else:
        model["iteration_indptr"] = [0, 10**6, 2]
    path.write_text(json.dumps(file))
    with pytest.raises(ValidationError) as error:
        booster_files.load_xgboost(str(path), max_unpacked_mb=1)
    assert error.value.code == "damaged_model"

"""Read the model files of XGBoost and LightGBM, in a child process, and check what their compiled code would follow."""

import json
import re

import numpy as np
from django.core.exceptions import ValidationError

from mlplatform.validation import integers
from registry.imports.readers import contents
from registry.imports.readers.loaded import NUMBERS, Loaded

XGBOOST_CLASSES = {"binary:logistic", "multi:softprob", "multi:softmax"}
XGBOOST_NUMBERS = ("reg:", "count:")
LIGHTGBM_CLASSES = {"binary", "multiclass", "multiclassova"}
LIGHTGBM_NUMBERS = {
    *("regression", "regression_l1", "huber", "fair", "poisson", "quantile", "mape", "gamma", "tweedie"),
}  # fmt: skip
# The names of columns that were not named.
UNNAMED = {"xgboost": re.compile(r"f\d+"), "lightgbm": re.compile(r"Column_\d+")}
CATEGORIES = (
    "it splits on categories, which its file does not name: encode them in a pipeline, or train without them"
)


def load_xgboost(path: str, *, max_unpacked_mb: int) -> Loaded:
    """An estimator of XGBoost from its JSON or UBJSON. Raises ValidationError: invalid_model, unsupported_model."""
    import xgboost

    with open(path, "rb") as file:
        content = bytearray(file.read())
    try:
        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(content)
        booster = _until_best(booster)
        model = json.loads(bytes(booster.save_raw("json")))["learner"]
    except (xgboost.core.XGBoostError, ValueError, KeyError) as error:
        raise _invalid("XGBoost", error) from error
    with contents.unexpected():
        check_xgboost(model)
    is_classifier = model["objective"]["name"] in XGBOOST_CLASSES
    estimator = (xgboost.XGBClassifier if is_classifier else xgboost.XGBRegressor)(n_jobs=1)
    booster.set_attr(scikit_learn=None)  # the file's word for what it is
    try:
        estimator.load_model(bytearray(booster.save_raw("ubj")))
    except (xgboost.core.XGBoostError, ValueError, TypeError) as error:
        raise _invalid("XGBoost", error) from error
    columns = _named(model.get("feature_names") or [], "xgboost")
    return Loaded(
        estimator, cells=NUMBERS, names=columns, count=int(model["learner_model_param"]["num_feature"])
    )


def _until_best(booster):
    """Without the trees after its best iteration, which its estimator leaves out of predictions."""
    best = integers.parse(booster.attr("best_iteration") or "")
    if best is None or not 0 <= best < booster.num_boosted_rounds() - 1:
        return booster
    booster = booster[: best + 1]
    booster.set_attr(best_iteration=None)
    return booster


def check_xgboost(model: dict) -> None:
    """Raise ValidationError for an objective or trees that cannot be used: unsupported_model, damaged_model."""
    objective = model["objective"]["name"]
    if objective not in XGBOOST_CLASSES and not objective.startswith(XGBOOST_NUMBERS):
        raise _unsupported(f"its objective is {objective[:50]}; only classes and numbers are predicted")
    booster, parameters = model["gradient_booster"], model["learner_model_param"]
    columns, groups = int(parameters["num_feature"]), max(int(parameters["num_class"]), 1)
    if booster["name"] == "gblinear":
        contents.require(
            len(booster["model"]["weights"]) == (columns + 1) * groups,
            "its weights are not one for each column",
        )
        return
    if int(parameters.get("num_target", 1)) > 1:
        raise _unsupported("it predicts several targets")
    trees = booster.get("gbtree", booster)["model"]
    starts = np.asarray(trees.get("iteration_indptr", (0, len(trees["trees"]))), dtype=np.int64)
    is_whole = len(starts) > 0 and starts[0] == 0 and starts[-1] == len(trees["trees"])
    contents.require(is_whole and (np.diff(starts) >= 0).all(), "its iterations have trees that it lacks")
    info = np.asarray(trees["tree_info"], dtype=np.int64)
    contents.require(len(info) == len(trees["trees"]), "its trees are not one for each score")
    contents.require(((info >= 0) & (info < groups)).all(), "a tree is of a class that it does not have")
    for tree in trees["trees"]:
        if tree.get("categories_nodes") or any(tree.get("split_type", ())):
            raise _unsupported(CATEGORIES)
        contents.require(
            int(tree["tree_param"]["size_leaf_vector"]) <= 1, "a leaf has several scores for one"
        )
        left, right = np.asarray(tree["left_children"]), np.asarray(tree["right_children"])
        contents.require(len(left) == len(right) == len(tree["split_indices"]) > 0, "a tree has no nodes")
        contents.check_nodes(left, right, np.asarray(tree["split_indices"]), left != -1, columns)


def load_lightgbm(path: str, *, max_unpacked_mb: int) -> Loaded:
    """An estimator of LightGBM from its text. Raises ValidationError: invalid_model, unsupported_model."""
    import lightgbm

    try:
        with open(path, encoding="utf-8") as file:
            booster = lightgbm.Booster(model_str=file.read())
        # As it is in memory: the sizes in a file can make LightGBM read another text than we would.
        text = booster.model_to_string(num_iteration=-1)
    except (lightgbm.basic.LightGBMError, ValueError) as error:
        raise _invalid("LightGBM", error) from error
    with contents.unexpected():
        facts = check_lightgbm(text)
    booster = lightgbm.Booster(model_str=text)
    names = _named(facts["feature_names"].split(" "), "lightgbm")
    return Loaded(
        _lightgbm_estimator(booster, facts), cells=NUMBERS, names=names, count=booster.num_feature()
    )


def check_lightgbm(text: str) -> dict[str, str]:
    """The facts of the header of a model, after a check of its trees."""
    header, *trees = text.partition("\nend of trees")[0].split("\nTree=")
    facts = _facts(header)
    objective, *options = facts.get("objective", "custom").split()
    if objective not in LIGHTGBM_CLASSES | LIGHTGBM_NUMBERS:
        raise _unsupported(f"its objective is {objective[:50]}; only classes and numbers are predicted")
    columns, groups = int(facts["max_feature_idx"]) + 1, int(facts["num_tree_per_iteration"])
    classes = int(facts["num_class"])
    scores = classes if objective.startswith("multiclass") else 1
    is_whole = (
        groups == scores == classes
        and len(trees) % groups == 0
        and len(facts["feature_names"].split(" ")) == columns
    )
    contents.require(is_whole, "its trees are not one for each score")
    if objective.startswith("multiclass"):
        contents.require(f"num_class:{scores}" in options, "its objective has other classes than its scores")
    for tree in trees:
        one = _facts(tree)
        if one["num_cat"] != "0":
            raise _unsupported(CATEGORIES)
        leaves = int(one["num_leaves"])
        if one.get("is_linear", "0") != "0":
            _check_linear(one, leaves, columns)
        left, right, feature, kinds = (
            np.array(one.get(name, "").split(), dtype=np.int64)
            for name in ("left_child", "right_child", "split_feature", "decision_type")
        )
        contents.require(leaves > 0 and len(one["leaf_value"].split()) == leaves, "a tree has no leaves")
        inner = leaves - 1
        sizes = {len(left), len(right), len(feature), len(kinds), len(one.get("threshold", "").split())}
        contents.require(sizes == {inner}, "a tree has nodes without a child")
        contents.require((kinds & 1 == 0).all(), "a tree splits on the categories of a number")
        for child in (left, right):
            contents.require(
                (~child[child < 0] < leaves).all(), "a tree refers to a leaf that it does not have"
            )
            contents.check_nodes(child, child, feature, child >= 0, columns)
        contents.require(
            ((feature >= 0) & (feature < columns)).all(), "a tree refers to a column that it does not have"
        )
    return facts


def _check_linear(tree: dict[str, str], leaves: int, columns: int) -> None:
    """Each leaf has a constant, and as many columns as coefficients."""
    constants, coefficients = tree["leaf_const"].split(), tree["leaf_coeff"].split()
    counts, features = (
        np.array(tree[name].split(), dtype=np.int64) for name in ("num_features", "leaf_features")
    )
    is_whole = len(constants) == len(counts) == leaves and (counts >= 0).all()
    contents.require(is_whole, "a linear tree has leaves without a constant")
    is_whole = len(features) == len(coefficients) == counts.sum()
    contents.require(is_whole, "a linear tree has columns without a coefficient")
    in_table = ((features >= 0) & (features < columns)).all()
    contents.require(in_table, "a tree refers to a column that it does not have")


def _facts(block: str) -> dict[str, str]:
    """As LightGBM reads them: other breaks and spaces of Unicode than these belong to the names of columns."""
    return dict(line.partition("=")[::2] for line in block.split("\n") if "=" in line)


def _lightgbm_estimator(booster, facts: dict[str, str]):
    """The estimator that has this booster, as after a fit: LightGBM has no way to make one of a file."""
    import lightgbm
    from sklearn.preprocessing import LabelEncoder

    objective = facts["objective"].split()[0]
    is_classifier = objective in LIGHTGBM_CLASSES
    estimator = (lightgbm.LGBMClassifier if is_classifier else lightgbm.LGBMRegressor)(
        objective=objective, n_jobs=1
    )
    estimator._Booster, estimator.fitted_ = booster, True
    estimator._n_features = estimator._n_features_in = booster.num_feature()
    estimator._objective, estimator._best_iteration, estimator._other_params = objective, -1, {}
    if is_classifier:
        estimator._le = LabelEncoder().fit(range(max(int(facts["num_class"]), 2)))
        estimator._classes, estimator._n_classes = estimator._le.classes_, len(estimator._le.classes_)
        estimator._class_map = dict(
            zip(estimator._classes.tolist(), range(estimator._n_classes), strict=True)
        )
    return estimator


def _named(names: list[str], framework: str) -> list[str] | None:
    """The names of the columns; None if the library has numbered them."""
    return None if not names or all(UNNAMED[framework].fullmatch(name) for name in names) else names


def _invalid(library: str, error: Exception) -> ValidationError:
    reason = " ".join(str(error).split("Stack trace")[0].split())[:200]
    return ValidationError(f"The file cannot be read as a model of {library}: {reason}", code="invalid_model")


def _unsupported(reason: str) -> ValidationError:
    return ValidationError(f"The model is not supported: {reason}.", code="unsupported_model")

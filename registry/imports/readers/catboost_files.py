"""Read CatBoost's own model files, in a child process.

CatBoost writes what it has loaded as JSON; this is checked and reduced to its trees, from which another model is built.
So nothing of the file reaches the compiled code of web processes. It rounds values in the last bits.
"""

import itertools
import json
import math
from pathlib import Path

from django.core.exceptions import ValidationError

from registry.imports.readers import contents
from registry.imports.readers.loaded import NUMBERS, Loaded

CLASSES = {"Logloss", "CrossEntropy", "MultiClass", "MultiClassOneVsAll"}
VALUES = {
    *("RMSE", "MAE", "MAPE", "SMAPE", "Quantile", "Expectile", "LogLinQuantile", "LogCosh", "Huber", "Lq", "Poisson"),
    "Tweedie",
}  # fmt: skip
OPTIONS = {"alpha", "delta", "q", "variance_power"}  # of loss functions
MAX_DEPTH = 16  # of symmetric trees in CatBoost
MAX_LEVELS = 200  # of others
GAPS = {"AsIs", "AsFalse", "AsTrue"}


def load(path: str, *, max_unpacked_mb: int) -> Loaded:
    """An estimator of CatBoost from its CBM file. Raises ValidationError: invalid_model, unsupported_model."""
    import catboost

    copy = Path(path).with_suffix(".json")
    try:
        catboost.CatBoost().load_model(path, format="cbm").save_model(str(copy), format="json")
        model = json.loads(copy.read_bytes())
    except (catboost.CatBoostError, ValueError, RecursionError) as error:
        raise _invalid(error) from error
    with contents.unexpected():
        model, names = checked(model)
    copy.write_text(json.dumps(model))
    is_classifier = model["model_info"]["params"]["loss_function"]["type"] in CLASSES
    estimator = (catboost.CatBoostClassifier if is_classifier else catboost.CatBoostRegressor)(thread_count=1)
    try:
        estimator.load_model(str(copy), format="json")
    except (catboost.CatBoostError, ValueError) as error:
        raise _invalid(error) from error
    numbered = [str(number) for number in range(len(names))]
    is_named = names not in ([""] * len(names), numbered)
    return Loaded(estimator, cells=NUMBERS, names=names if is_named else None, count=len(names))


def checked(model: dict) -> tuple[dict, list[str]]:
    """What a model is built from, and the names of its columns.

    Raises ValidationError: unsupported_model, damaged_model.
    """
    features, info = model["features_info"], model["model_info"]
    others = [name for name, found in features.items() if found and name != "float_features"]
    if others:
        raise _unsupported(
            "it splits on categories or texts: encode them in a pipeline, or train without them"
        )
    columns = [_column(number, one) for number, one in enumerate(features["float_features"])]
    scale, bias = model["scale_and_bias"]
    loss, classes = _outputs(info, len(bias))
    splits, start = {}, 0
    for number, column in enumerate(columns):
        splits |= {(number, border): start + place for place, border in enumerate(column["borders"])}
        start += len(column["borders"])
    kept = {
        "features_info": {"float_features": columns},
        "model_info": {"params": _params(loss)} | ({"class_params": classes} if classes else {}),
        "scale_and_bias": [float(scale), [float(value) for value in bias]],
    }
    if "trees" in model:
        kept["trees"] = [_tree(one, splits, len(bias), MAX_LEVELS) for one in model["trees"]]
    else:
        kept["oblivious_trees"] = [_symmetric(one, splits, len(bias)) for one in model["oblivious_trees"]]
    return kept, [column["feature_id"] for column in columns]


def _column(number: int, one: dict) -> dict:
    borders = [float(border) for border in one["borders"]]
    contents.require(
        one["feature_index"] == one["flat_feature_index"] == number, "its columns are not in their order"
    )
    is_sorted = all(low < high for low, high in itertools.pairwise(borders))
    contents.require(
        is_sorted and all(map(math.isfinite, borders)), "the borders of a column are not in their order"
    )
    contents.require(one["nan_value_treatment"] in GAPS, "it treats gaps in a way that CatBoost does not")
    return {
        "borders": borders,
        "feature_id": str(one["feature_id"]),
        "feature_index": number,
        "flat_feature_index": number,
        "has_nans": bool(one["has_nans"]),
        "nan_value_treatment": one["nan_value_treatment"],
    }


def _outputs(info: dict, scores: int) -> tuple[dict, dict | None]:
    """The loss function, and the classes of a classifier in the order of its scores."""
    loss = info["params"]["loss_function"]
    kind, params = str(loss["type"]), loss.get("params") or {}
    if kind not in CLASSES | VALUES:
        raise _unsupported(f"its loss function is {kind[:50]}; only classes and numbers are predicted")
    kept = {
        "type": kind,
        "params": {name: str(float(value)) for name, value in params.items() if name in OPTIONS},
    }
    if kind in VALUES:
        contents.require(scores == 1, "it has several scores for one number")
        return kept, None
    classes = info["class_params"]
    labels, count = classes["class_to_label"], scores if kind.startswith("MultiClass") else 2
    names = classes["class_names"] or labels  # it has none for the probabilities of CrossEntropy
    contents.require(scores == 1 or kind.startswith("MultiClass"), "it has several scores for two classes")
    is_whole = len(names) == count == len(set(map(str, names))) and labels == list(range(count))
    is_whole = is_whole and classes["classes_count"] in (0, count)  # it predicts so many scores
    contents.require(is_whole, "its scores are not one for each class")
    contents.require(all(isinstance(name, str | int | float) for name in names), "a class is no value")
    fields = ("class_label_type", "class_to_label", "classes_count")
    return kept, {name: classes[name] for name in fields} | {"class_names": names}


def _params(loss: dict) -> dict:
    """What its estimators need: by the loss function they choose whether a score is an exponent."""
    options = ";".join(f"{name}={value}" for name, value in loss["params"].items())
    text = f"{loss['type']}:{options}" if options else loss["type"]
    flat = {"loss_function": text, "thread_count": 1, "allow_writing_files": False}
    return {"loss_function": loss, "flat_params": flat}


def _symmetric(tree: dict, splits: dict, scores: int) -> dict:
    """A tree whose nodes of a level have the same split."""
    levels = tree.get("splits") or []
    contents.require(len(levels) <= MAX_DEPTH, "a tree is deeper than those of CatBoost")
    leaves = [float(value) for value in tree["leaf_values"]]
    weights = [float(value) for value in tree.get("leaf_weights") or []]
    contents.require(
        len(leaves) == 2 ** len(levels) * scores and len(weights) in (0, 2 ** len(levels)),
        "a tree has not one leaf for each path",
    )
    return {
        "splits": [_split(one, splits) for one in levels],
        "leaf_values": leaves,
        "leaf_weights": weights,
    }


def _tree(node: dict, splits: dict, scores: int, levels: int) -> dict:
    """A tree with a split of its own in each node."""
    contents.require(levels > 0, "a tree is too deep")
    if "split" in node:
        sides = {side: _tree(node[side], splits, scores, levels - 1) for side in ("left", "right")}
        return sides | {"split": _split(node["split"], splits)}
    value = node["value"] if isinstance(node["value"], list) else [node["value"]]
    contents.require(len(value) == scores, "a leaf has not one value for each score")
    numbers = [float(one) for one in value]
    return {
        "value": numbers if isinstance(node["value"], list) else numbers[0],
        "weight": float(node["weight"]),
    }


def _split(one: dict, splits: dict) -> dict:
    """A split at a border of a column, both of which exist."""
    contents.require(one["split_type"] == "FloatFeature", "a tree does not split on numbers")
    number, border = int(one["float_feature_index"]), float(one["border"])
    contents.require((number, border) in splits, "a tree splits at a border that its column does not have")
    index = splits[number, border]
    return {
        "border": border,
        "float_feature_index": number,
        "split_index": index,
        "split_type": "FloatFeature",
    }


def _invalid(error: Exception) -> ValidationError:
    reason = " ".join(str(error).split())[:200]
    return ValidationError(f"The file cannot be read as a model of CatBoost: {reason}", code="invalid_model")


def _unsupported(reason: str) -> ValidationError:
    return ValidationError(f"The model is not supported: {reason}.", code="unsupported_model")

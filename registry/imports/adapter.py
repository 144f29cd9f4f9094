"""An imported estimator as the platform's pipelines are: of the steps "columns" and "model".

The artifact has no function of ours in it, so it loads without this code.
"""

import numpy as np
import pandas
from django.core.exceptions import ValidationError

from registry.estimators import wrappers
from registry.imports.declared import words_of
from registry.imports.readers.loaded import ARRAY, NUMBERS, Loaded

TASKS = {"classifier": "classification", "regressor": "regression"}


def task_of(estimator) -> str:
    """Raises ValidationError (unsupported_model) for what is neither a classifier nor a regressor."""
    from sklearn.utils import get_tags

    try:
        kind = get_tags(estimator).estimator_type
    except Exception as error:  # of a class that is no estimator
        raise _unsupported("it is not an estimator of scikit-learn") from error
    if kind not in TASKS:
        raise _unsupported("it is neither a classifier nor a regressor")
    return TASKS[kind]


def final_estimator(estimator):
    """The last step of nested pipelines, without the names of its classes."""
    while type(estimator).__name__ == "Pipeline" or _is_named(estimator):
        estimator = estimator.estimators_[0] if _is_named(estimator) else estimator.steps[-1][1]
    return estimator


def _is_named(estimator) -> bool:
    return type(estimator).__name__ in wrappers.VOTES and wrappers.is_labelled(estimator)


def named(estimator, classes: list[str], kind: str):
    """A classifier of the numbers from 0, as one of these classes, in a column of this type.

    Raises ValidationError (classes_differ) unless it has so many, and probabilities.
    """
    from sklearn.ensemble import VotingClassifier
    from sklearn.preprocessing import LabelEncoder

    count = len(getattr(estimator, "classes_", ()))
    if not count or list(estimator.classes_) != list(range(count)):
        raise ValidationError(
            "`classes` is for a classifier that predicts the numbers from 0, and this model does not. Leave it out.",
            code="classes_differ",
        )
    if count != len(classes):
        sentence = f"The model has {count} classes, and `classes` names {len(classes)}."
        raise ValidationError(sentence, code="classes_differ")
    if not hasattr(estimator, "predict_proba") or len(set(classes)) < count:
        raise ValidationError(
            "`classes` needs a different name for each class, and a model with probabilities.",
            code="classes_differ",
        )
    vote = VotingClassifier([(wrappers.LABELLED, estimator)], voting="soft")
    vote.estimators_, vote.le_ = [estimator], LabelEncoder()
    vote.le_.classes_ = vote.classes_ = _typed(classes, kind)
    return vote


def _typed(classes: list[str], kind: str) -> np.ndarray:
    """Texts in the type of the target."""
    try:
        if kind == "integer":
            return np.array([int(one) for one in classes])
        if kind == "number":
            return np.array([float(one) for one in classes])
        if kind == "boolean":
            return np.array([{"true": True, "false": False}[one.lower()] for one in classes])
    except (ValueError, KeyError, OverflowError) as error:
        raise ValidationError(
            f"`classes` must be values of the target, which is {kind}.", code="classes_differ"
        ) from error
    return np.array(classes)


def as_pipeline(loaded: Loaded, inputs: list[dict]):
    """A Pipeline that predicts our frames: values as `pandas.read_csv` has them, in the form that the model takes.

    Raises ValidationError (columns_differ) for a text or a date that a model of numbers would get.
    """
    from sklearn.pipeline import Pipeline, make_pipeline

    # A vote or a bag of the model would be taken for an ensemble of ours.
    estimator = loaded.estimator
    model = estimator if type(estimator) is Pipeline else make_pipeline(estimator)
    if loaded.cells == NUMBERS:
        _require_numbers(inputs)
        steps = [_call(pandas.DataFrame.astype, dtype="float64"), _call(pandas.DataFrame.to_numpy)]
    else:
        steps = _conversions(inputs)
        steps += [_call(pandas.DataFrame.to_numpy)] if loaded.cells == ARRAY else []
    return Pipeline([("columns", make_pipeline(*steps) if steps else "passthrough"), ("model", model)])


def _require_numbers(inputs: list[dict]) -> None:
    for one in inputs:
        if one["type"] in ("text", "date"):
            raise ValidationError(
                f"The model takes numbers, and `{one['name']}` is {one['type']}. Import a pipeline that encodes it, or "
                "name other features.",
                code="columns_differ",
            )


def _conversions(inputs: list[dict]) -> list:
    """From the dtypes of the platform to those of a file that pandas has read: its words, or True and False."""
    booleans = [one["name"] for one in inputs if one["type"] == "boolean"]
    if not booleans:
        return []
    steps = [
        _call(pandas.DataFrame.astype, dtype=dict.fromkeys(booleans, "object")),
        _call(pandas.DataFrame.fillna, value=dict.fromkeys(booleans, np.nan)),
    ]
    if words := words_of(inputs):
        steps.append(_call(pandas.DataFrame.replace, to_replace=words))
    return steps


def _call(function, **arguments):
    from sklearn.preprocessing import FunctionTransformer

    return FunctionTransformer(function, kw_args=arguments)


def check_outputs(pipeline, rows: pandas.DataFrame, *, task: str) -> list[str]:
    """Predict some rows. Returns warnings; raises ValidationError (invalid_predictions) for other shapes and values."""
    predicted = np.asarray(pipeline.predict(rows))
    if predicted.shape not in {(len(rows),), (len(rows), 1)}:
        raise _wrong(
            f"it predicts values of the shape {predicted.shape} for {len(rows):,} rows; one for each is needed"
        )
    if task == "regression":
        return _check_numbers(np.ravel(predicted))
    classes = list(pipeline.classes_)
    if not pandas.Series(np.ravel(predicted)).isin(classes).all():
        raise _wrong("it predicts a class that is not one of its classes")
    if hasattr(pipeline, "predict_proba"):
        _check_probabilities(np.asarray(pipeline.predict_proba(rows)), rows, len(classes))
    return []


def _check_numbers(predicted: np.ndarray) -> list[str]:
    if predicted.dtype.kind not in "fiub":
        raise _wrong("a regressor predicts numbers, and it predicts something else")
    missing = int((~np.isfinite(predicted.astype(float))).sum())
    if missing == len(predicted):
        raise _wrong("it has no finite prediction for any row")
    return [f"{missing:,} of {len(predicted):,} tried rows have no finite prediction."] if missing else []


def _check_probabilities(values: np.ndarray, rows: pandas.DataFrame, classes: int) -> None:
    if values.shape != (len(rows), classes):
        raise _wrong(f"its probabilities have the shape {values.shape}, not {(len(rows), classes)}")
    finite = np.isfinite(values).all(axis=1)
    with_gaps = rows.isna().any(axis=1).to_numpy()
    if not finite.all() and finite[~with_gaps].all():
        gaps = ", ".join(f"`{name}`" for name in rows.columns[rows[~finite].isna().any()][:3])
        raise _wrong(
            f"it has no probabilities for rows with missing values, such as in {gaps}. Import a pipeline that fills "
            "them, or measure it on a dataset without them"
        )
    if not finite.all() or (values < -1e-6).any() or (np.abs(values.sum(axis=1) - 1) > 1e-3).any():
        raise _wrong("its probabilities are not numbers from 0 to 1 with the sum 1")


def _wrong(reason: str) -> ValidationError:
    return ValidationError(f"The model cannot be served: {reason}.", code="invalid_predictions")


def _unsupported(reason: str) -> ValidationError:
    return ValidationError(f"The model is not supported: {reason}.", code="unsupported_model")

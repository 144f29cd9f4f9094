"""DataFrame in, fitted scikit-learn pipeline and signature out. No Django models or settings.

scikit-learn takes seconds to import, so only the functions that need it do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas
from django.core.exceptions import ValidationError

from registry.estimators import algorithms, errors
from registry.estimators.algorithms import Algorithm
from registry.evaluation import metrics as evaluation
from registry.training import iterations, preprocessing, signature, validation

TARGET_NAMES = ("target", "label", "class", "y")
DTYPES = {
    "integer": "float64",
    "number": "float64",
    "text": "str",
    "boolean": "boolean",
    "date": "datetime64[us]",
}


@dataclass
class FitResult:
    """A fitted pipeline with what is known about it; all but the pipeline and the held-out rows is JSON-safe."""

    pipeline: object
    signature: dict
    metrics: dict
    parameters: dict
    warnings: list[str]
    rows_train: int
    rows_test: int
    held_out: pandas.DataFrame


@dataclass
class Parts:
    """The rows to fit and to measure on; a clusterer has the same in both, and no `y`."""

    train: pandas.DataFrame
    test: pandas.DataFrame
    y_train: np.ndarray | None
    y_test: np.ndarray | None


def choose_target(columns: list[dict]) -> str:
    """The column named target, label, class or y (any case, in that order), else the last one."""
    by_name = {column["name"].lower(): column["name"] for column in reversed(columns)}
    return next((by_name[name] for name in TARGET_NAMES if name in by_name), columns[-1]["name"])


def build(inputs: list[dict], estimator):
    """An unfitted Pipeline of the steps "columns" and "model", in scikit-learn's and pandas' own pieces only.

    An artifact loads without this code, and predicts a raw `pandas.read_csv` frame as it predicts ours.
    """
    from sklearn.pipeline import Pipeline

    return Pipeline([("columns", preprocessing.columns(inputs, estimator)), ("model", estimator)])


def feature_frame(frame: pandas.DataFrame, inputs: list[dict]) -> pandas.DataFrame:
    """The columns of `inputs`, in that order and in one dtype per type, for training and serving alike.

    Raises ValidationError (feature_not_found) for a column that `frame` lacks.
    """
    for column in inputs:
        if column["name"] not in frame.columns:
            raise ValidationError(f"The table has no column `{column['name']}`.", code="feature_not_found")
    return pandas.DataFrame(
        {column["name"]: frame[column["name"]].astype(DTYPES[column["type"]]) for column in inputs},
        index=frame.index,
    )


def fit(
    frame: pandas.DataFrame,
    *,
    columns: list[dict],
    features: list[str] | None,
    target: str | None,
    algorithm: Algorithm,
    params: dict,
    test_size: float,
    random_state: int | None,
    progress: Callable[[str, float | None], None] = lambda stage, fraction: None,
) -> FitResult:
    """Fit `algorithm` on the training part of `frame` and measure it on the held-out part.

    The pipeline stays as it was measured: it is not fitted again on all rows. A clusterer is fitted on all
    rows, and `target` is only left out of its features. `progress` hears "checking", "fitting", "evaluating".
    Raises ValidationError: invalid_parameter, fit_failed, and the codes of `checks`.
    """
    progress("checking", None)
    validation.seed(random_state)
    algorithms.check_params(algorithm, params)
    inputs = validation.inputs(columns, features=features, target=target)
    answer = next((c for c in columns if c["name"] == target and algorithm.task != "clustering"), None)
    notes: list[str] = []
    parts = split(frame, inputs, answer, algorithm, test_size, random_state, notes)
    estimator = algorithms.build(algorithm, with_typed_labels(params, parts.y_train), random_state)
    with errors.as_sentences(algorithm, notes):
        pipeline = build(inputs, estimator)

    progress("fitting", None)
    with errors.as_sentences(algorithm, notes), iterations.told(estimator, partial(progress, "fitting")):
        pipeline.fit(parts.train, parts.y_train)
    progress("evaluating", None)
    with errors.as_sentences(algorithm, notes):
        metrics = evaluate(pipeline, parts, algorithm, notes)
    return FitResult(
        pipeline=pipeline,
        signature=signature.describe(pipeline, parts.train, inputs, target=answer, task=algorithm.task),
        metrics=metrics,
        parameters=_effective(estimator),
        warnings=list(dict.fromkeys(notes)),
        rows_train=len(parts.train),
        rows_test=0 if parts.y_test is None else len(parts.test),
        held_out=parts.test,
    )


def _effective(estimator) -> dict:
    """Its parameters as JSON. Those that scikit-learn is about to drop have a placeholder for a value."""
    values = {name: _plain(value) for name, value in estimator.get_params(deep=False).items()}
    return {name: value for name, value in values.items() if value != "deprecated"}


def split(
    frame: pandas.DataFrame,
    inputs: list[dict],
    answer: dict | None,
    algorithm: Algorithm,
    test_size: float,
    random_state: int | None,
    notes: list[str],
) -> Parts:
    """Checked training and test rows: by chance, and in the same class shares for a classifier."""
    names = [column["name"] for column in inputs]
    validation.finite(frame, names)
    if algorithm.task == "clustering":
        validation.some_rows(frame)
        every_row = feature_frame(frame, inputs)
        return Parts(every_row, every_row, None, None)
    validation.share(test_size)
    validation.target_type(answer, algorithm=algorithm)
    frame, y = _target(frame, answer, notes)
    is_classes = algorithm.task == "classification"
    if is_classes:
        validation.classes(y, name=answer["name"], algorithm=algorithm)
    validation.both_parts(len(y), test_size=test_size, classes=len(np.unique(y)) if is_classes else None)

    from sklearn.model_selection import train_test_split

    train, test = train_test_split(
        np.arange(len(y)), test_size=test_size, random_state=random_state, stratify=y if is_classes else None
    )
    typed = feature_frame(frame, inputs)
    return Parts(typed.iloc[train], typed.iloc[test], y[train], y[test])


def _target(frame: pandas.DataFrame, answer: dict, notes: list[str]) -> tuple[pandas.DataFrame, np.ndarray]:
    """The rows that have a target, and it, in the Python type of the file: str, int, bool or float."""
    name = answer["name"]
    validation.finite(frame, [name])
    known = frame[name].notna()
    missing = len(frame) - int(known.sum())
    if missing:
        rows = "1 row has" if missing == 1 else f"{missing} rows have"
        notes.append(f"{rows} no value in `{name}` and {'was' if missing == 1 else 'were'} left out.")
        frame = frame[known]
    dtype = {"text": object, "boolean": bool, "integer": "int64", "number": "float64"}[answer["type"]]
    return frame, frame[name].astype(dtype).to_numpy()


def evaluate(pipeline, parts: Parts, algorithm: Algorithm, notes: list[str]) -> dict:
    if algorithm.task == "clustering":
        values = pipeline["columns"].transform(parts.test)
        labels = getattr(pipeline["model"], "labels_", None)
        return evaluation.clustering(values, pipeline.predict(parts.test) if labels is None else labels)
    predicted = np.ravel(pipeline.predict(parts.test))
    if algorithm.task == "regression":
        known = np.isfinite(predicted)
        if not known.any():
            raise ValueError("it predicts no number for any row of the test part")
        if not known.all():
            notes.append(f"{int((~known).sum())} of {len(known)} test rows got no prediction and no metric.")
        return evaluation.regression(parts.y_test[known], predicted[known])
    scorer = next((m for m in ("predict_proba", "decision_function") if hasattr(pipeline, m)), None)
    scores = getattr(pipeline, scorer)(parts.test) if scorer else None
    return evaluation.classification(
        parts.y_test, predicted, classes=pipeline.classes_.tolist(), scores=scores
    )


def with_typed_labels(params: dict, y: np.ndarray | None) -> dict:
    """`params` with the keys of class_weight, which are text in JSON, in the type of the classes."""
    weights = params.get("class_weight")
    if y is None or not isinstance(weights, dict):
        return params
    labels = {str(label): label for label in np.unique(y).tolist()}
    labels |= {str(label).lower(): label for label in labels.values() if isinstance(label, bool)}
    return params | {"class_weight": {labels.get(key, key): weight for key, weight in weights.items()}}


def _plain(value: object) -> object:
    """A parameter as JSON; infinity, estimators and kernels as their text."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if (
        value is None
        or isinstance(value, bool | int | str)
        or (isinstance(value, float) and np.isfinite(value))
    ):
        return float(value) if isinstance(value, float) else value
    return str(value)

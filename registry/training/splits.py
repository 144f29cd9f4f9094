"""The split of a table into training and test rows. No Django models or settings."""

from dataclasses import dataclass

import numpy as np
import pandas

from registry.training import validation
from registry.training.columns import feature_frame
from registry.training.request import TrainingRequest

TARGET_DTYPES = {"text": object, "boolean": bool, "integer": "int64", "number": "float64"}


@dataclass
class Split:
    """The rows to fit and to evaluate on; for clustering both are all rows, without `y`."""

    train: pandas.DataFrame
    test: pandas.DataFrame
    y_train: np.ndarray | None
    y_test: np.ndarray | None


def split(
    frame: pandas.DataFrame,
    *,
    inputs: list[dict],
    target: dict | None,
    request: TrainingRequest,
    warnings: list[str],
) -> Split:
    """Validated random training and test rows, stratified by class for a classifier.

    Rows without a target are excluded, which is added to `warnings`. Raises ValidationError with the codes
    of `validation`.
    """
    algorithm, test_size = request.algorithm, request.test_size
    validation.check_finite(frame, [column["name"] for column in inputs])
    if algorithm.task == "clustering":
        validation.check_clustering_rows(frame)
        all_rows = feature_frame(frame, inputs)
        return Split(all_rows, all_rows, None, None)
    validation.check_test_size(test_size)
    validation.check_target_type(target, algorithm=algorithm)
    frame, y = _with_target(frame, target, warnings)
    is_classification = algorithm.task == "classification"
    if is_classification:
        validation.check_classes(y, name=target["name"], algorithm=algorithm)
    classes = len(np.unique(y)) if is_classification else None
    validation.check_split_sizes(len(y), test_size=test_size, classes=classes)

    from sklearn.model_selection import train_test_split

    stratify = y if is_classification else None
    train, test = train_test_split(
        np.arange(len(y)), test_size=test_size, random_state=request.random_state, stratify=stratify
    )
    parts = [feature_frame(frame.iloc[rows], inputs) for rows in (train, test)]
    return Split(*parts, y[train], y[test])


def target_values(series: pandas.Series, kind: str) -> np.ndarray:
    """The values of a target without gaps, in the Python type of the file: str, int, bool or float."""
    return series.astype(TARGET_DTYPES[kind]).to_numpy()


def _with_target(
    frame: pandas.DataFrame, target: dict, warnings: list[str]
) -> tuple[pandas.DataFrame, np.ndarray]:
    """The rows that have a target, and its values."""
    name = target["name"]
    validation.check_finite(frame, [name])
    has_target = frame[name].notna()
    missing = len(frame) - int(has_target.sum())
    if missing:
        rows, were = ("1 row", "was") if missing == 1 else (f"{missing:,} rows", "were")
        warnings.append(f"{rows} without a value in `{name}` {were} excluded.")
        frame = frame[has_target]
    return frame, target_values(frame[name], target["type"])

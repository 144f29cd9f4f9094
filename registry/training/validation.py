"""What a table must satisfy before a pipeline is fitted on it. No Django models or settings.

Each check raises ValidationError with the code that its docstring names and a sentence that a user can act on.
"""

import contextlib
import inspect
import math

import numpy as np
import pandas
from django.core.exceptions import ValidationError

from registry.estimators.algorithms import Algorithm
from registry.training.columns import FEW_CLASSES, MAX_CLASSES, not_a_column

SOME_CLASSES = 50
MAX_FOLDS, MAX_REPEATS = 10, 10
NOT_NUMBERS = {"text": "text", "boolean": "true or false"}
# The field of a training request that an error is about, by its code.
ERROR_FIELDS = {
    "threshold": "threshold",
    "calibration": "calibration",
    "target_not_found": "target",
    "no_target": "target",
    "date_target": "target",
    "text_target": "target",
    "continuous_target": "target",
    "too_many_classes": "target",
    "one_class": "target",
    "rare_class": "target",
    "feature_not_found": "features",
    "duplicate_feature": "features",
    "target_is_feature": "features",
    "no_features": "features",
    "infinite_values": "features",
    "invalid_parameter": "params",
    "invalid_prepare": "prepare",
    "test_size": "test_size",
    "split": "split",
    "cv": "cv",
    "cv_repeats": "cv_repeats",
    "sample_weight": "sample_weight",
    "refit": "refit",
    "too_few_rows": "test_size",
    "random_state": "random_state",
    "timeout": "timeout_s",
}


def check_finite(frame: pandas.DataFrame, names: list[str]) -> None:
    """These columns must not contain infinite numbers. Code: infinite_values."""
    for name in names:
        if pandas.api.types.is_float_dtype(frame[name].dtype):
            infinite = int(np.isinf(frame[name].to_numpy(dtype=float, na_value=np.nan)).sum())
            if infinite:
                raise ValidationError(
                    f"`{name}` contains infinite values in {count(infinite)}; remove or replace them.",
                    code="infinite_values",
                )


def check_test_size(test_size: float) -> None:
    """Code: test_size."""
    is_number = isinstance(test_size, int | float) and not isinstance(test_size, bool)
    if not is_number or not 0 < test_size < 1:
        raise ValidationError(
            "The test size must be a number above 0 and below 1, such as 0.2.", code="test_size"
        )


def check_random_state(random_state: int | None) -> None:
    """Code: random_state."""
    if random_state is not None and (type(random_state) is not int or not 0 <= random_state < 2**32):
        raise ValidationError(
            "The random state must be empty or an integer from 0 to 4,294,967,295.", code="random_state"
        )


def check_folds(cv: int | None, repeats: int, *, split: dict, task: str) -> None:
    """Codes: cv, cv_repeats."""
    if cv is None:
        if repeats != 1:
            raise ValidationError(
                "Repeats need folds; set `cv`, or leave the repeats out.", code="cv_repeats"
            )
        return
    if task == "clustering":
        raise ValidationError(
            "Clustering has no folds, since it predicts no column; leave them out.", code="cv"
        )
    if not _is_between(cv, 2, MAX_FOLDS):
        raise ValidationError(f"The number of folds must be from 2 to {MAX_FOLDS}, or empty.", code="cv")
    if not _is_between(repeats, 1, MAX_REPEATS):
        raise ValidationError(f"The number of repeats must be from 1 to {MAX_REPEATS}.", code="cv_repeats")
    if repeats > 1 and split["method"] == "time":
        raise ValidationError(
            "Folds in the order of time are the same in every repeat; use 1 repeat.", code="cv_repeats"
        )


def check_refit(refit: bool, *, split: dict, task: str) -> None:
    """Code: refit."""
    if refit and (task == "clustering" or split["method"] == "dataset_version"):
        raise ValidationError("The model is already fitted on all rows; leave `refit` out.", code="refit")


def check_weight_column(
    name: str | None,
    *,
    columns: list[dict],
    target: str | None,
    algorithm: Algorithm,
    is_wrapped: bool = False,
) -> None:
    """The column must contain numbers, and the estimator accept weights, also inside a threshold or a calibration if
    `is_wrapped`. Code: sample_weight."""
    if name is None:
        return
    types = {column["name"]: column["type"] for column in columns}
    if name not in types:
        sentence = not_a_column("sample weight", name, list(types))
    elif name == target:
        sentence = f"`{name}` is the target and cannot be the sample weight."
    elif types[name] not in ("integer", "number"):
        sentence = f"Sample weights are numbers; `{name}` has the type {types[name]}."
    elif (
        algorithm.task == "clustering"
        or "sample_weight" not in inspect.signature(algorithm.cls.fit).parameters
    ):
        sentence = f"{algorithm.name} does not support sample weights; leave them out."
    elif is_wrapped and not hasattr(algorithm.cls, "set_fit_request"):
        sentence = f"{algorithm.name} does not support sample weights with a threshold or calibration; leave them out."
    else:
        return
    raise ValidationError(sentence, code="sample_weight")


def weights(values: pandas.Series) -> np.ndarray:
    """Weights without gaps, as floats of 0 or more. Code: sample_weight."""
    numbers = values.to_numpy("float64")
    if not np.isfinite(numbers).all() or (numbers < 0).any():
        raise ValidationError(
            f"`{values.name}` contains negative or infinite values, which are no weights.",
            code="sample_weight",
        )
    return numbers


def check_some_weight(numbers: np.ndarray, *, name: str) -> None:
    """Code: sample_weight."""
    if not numbers.any():
        raise ValidationError(
            f"`{name}` is 0 in every training row; use other weights or another split.", code="sample_weight"
        )


def check_target_type(target: dict | None, *, algorithm: Algorithm) -> None:
    """The task must be able to predict the target's type. Codes: no_target, date_target, text_target."""
    if target is None:
        raise ValidationError(f"{algorithm.name} needs a target column; select one.", code="no_target")
    name, kind = target["name"], target["type"]
    if kind == "date":
        raise ValidationError(
            f"`{name}` contains dates, which cannot be predicted; select another target.", code="date_target"
        )
    if algorithm.task == "regression" and kind in NOT_NUMBERS:
        raise ValidationError(
            f"{algorithm.name} predicts numbers, but `{name}` contains {NOT_NUMBERS[kind]}; "
            "select a classifier or another target.",
            code="text_target",
        )


def check_classes(y: np.ndarray, *, name: str, algorithm: Algorithm) -> None:
    """`y` must have at least two classes of at least two rows each.

    Codes: continuous_target, too_many_classes, one_class, rare_class.
    """
    check_class_counts(*np.unique(y, return_counts=True), name=name, algorithm=algorithm)


def check_class_counts(values: np.ndarray, counts: np.ndarray, *, name: str, algorithm: Algorithm) -> None:
    """As check_classes(), by the classes in order and the rows of each."""
    if values.dtype.kind in "if" and _is_continuous(values, counts, int(counts.sum())):
        raise ValidationError(
            f"{algorithm.name} predicts classes, but `{name}` contains {len(values):,} distinct numbers; "
            "select a regressor or another target.",
            code="continuous_target",
        )
    if len(values) > MAX_CLASSES:
        raise ValidationError(
            f"`{name}` has {len(values):,} distinct values; the limit is {MAX_CLASSES:,} classes. "
            "Select another target, or merge classes.",
            code="too_many_classes",
        )
    if len(values) == 1:
        raise ValidationError(
            f"`{name}` has only one class, {_label(values[0])}; a classifier needs at least two.",
            code="one_class",
        )
    rare = [_label(value) for value in values[counts == 1]]
    if rare:
        listed = ", ".join(rare[:5]) + (f" and {len(rare) - 5:,} more" if len(rare) > 5 else "")
        subject = f"The class {listed} has" if len(rare) == 1 else f"The classes {listed} have"
        raise ValidationError(
            f"{subject} only 1 row in `{name}`; each class needs at least 2. "
            "Add rows, merge classes or remove these rows.",
            code="rare_class",
        )


def check_clustering_rows(frame: pandas.DataFrame) -> None:
    """Code: too_few_rows."""
    if len(frame) < 2:
        raise ValidationError(
            "The dataset has too few rows; clustering needs at least 2.", code="too_few_rows"
        )


def check_split_sizes(rows: int, *, test_size: float, classes: int | None) -> None:
    """Both sets need a row per class, or two for a regression (`classes` is None). Code: too_few_rows."""
    if not rows:
        raise ValidationError(
            "The target has no value in any row; select another target.", code="too_few_rows"
        )
    needed, reason = (classes, "one per class") if classes else (2, "to measure an error")
    test = math.ceil(test_size * rows)
    for part, size in (("test", test), ("training", rows - test)):
        if size < needed:
            raise ValidationError(
                f"{count(rows)} with a target are too few: the {part} set would have {size:,} and "
                f"needs at least {needed:,} ({reason}). Add rows or change the test size.",
                code="too_few_rows",
            )


def usual_test_size(rows: int, *, classes: int | None) -> float:
    """0.2, or the next larger share for which both sets have enough rows."""
    for test_size in (0.2, 0.3, 0.4, 0.5):
        with contextlib.suppress(ValidationError):
            check_split_sizes(rows, test_size=test_size, classes=classes)
            return test_size
    return 0.2


def _is_continuous(values: np.ndarray, counts: np.ndarray, rows: int) -> bool:
    """Fractions, or too many distinct integers to be classes.

    Ten digits, 26 letters or 100 species of 16 rows each are classes; prices and ages are not.
    """
    if (values % 1 != 0).any() or len(values) > MAX_CLASSES:
        return True
    mostly_distinct = len(values) > max(FEW_CLASSES, rows / 2)
    return mostly_distinct or (len(values) > SOME_CLASSES and counts.min() == 1)


def _is_between(value: object, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _label(value: object) -> str:
    return f"`{value}`" if isinstance(value, str) else str(value)


def count(number: int, what: str = "row") -> str:
    return f"1 {what}" if number == 1 else f"{number:,} {what}s"

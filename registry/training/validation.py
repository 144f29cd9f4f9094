"""What a table must be before a pipeline is fitted on it: each fault is a sentence that a user can act on.

Every function raises ValidationError with the code that its docstring names.
"""

import difflib
import math
from collections import Counter

import numpy as np
import pandas
from django.core.exceptions import ValidationError

from registry.estimators.algorithms import Algorithm

# Up to here an integer column may be classes whatever its size; sklearn would also accept prices and years.
FEW_CLASSES = 10
SOME_CLASSES = 50
# Beyond it, probabilities of every class for every row no longer fit in memory.
MOST_CLASSES = 1_000
ADVICE = {"text": "holds text", "boolean": "holds true or false"}


def inputs(columns: list[dict], *, features: list[str] | None, target: str | None) -> list[dict]:
    """The columns to learn from, in the order of the table, without the target.

    Codes: target_not_found, feature_not_found, duplicate_feature, target_is_feature, no_features.
    """
    names = [column["name"] for column in columns]
    if target is not None and target not in names:
        raise ValidationError(_missing("target", target, names), code="target_not_found")
    known, listed = set(names), Counter(features)
    for feature in listed:
        if feature not in known:
            raise ValidationError(_missing("feature", feature, names), code="feature_not_found")
        if feature == target:
            raise ValidationError(
                f"`{target}` is the target, so it cannot be a feature too.", code="target_is_feature"
            )
        if listed[feature] > 1:
            raise ValidationError(f"The feature `{feature}` is listed twice.", code="duplicate_feature")
    wanted = set(names if features is None else features) - {target}
    if not wanted:
        raise ValidationError(
            "No column is left to learn from; choose at least one feature.", code="no_features"
        )
    return [column for column in columns if column["name"] in wanted]


def finite(frame: pandas.DataFrame, names: list[str]) -> None:
    """No number of these columns may be infinite. Code: infinite_values."""
    for name in names:
        if pandas.api.types.is_float_dtype(frame[name].dtype):
            count = int(np.isinf(frame[name].to_numpy(dtype=float, na_value=np.nan)).sum())
            if count:
                raise ValidationError(
                    f"`{name}` is infinite in {_rows(count)}; leave these values empty or replace them.",
                    code="infinite_values",
                )


def share(test_size: float) -> None:
    """Code: test_size."""
    is_number = isinstance(test_size, int | float) and not isinstance(test_size, bool)
    if not is_number or not 0 < test_size < 1:
        raise ValidationError(
            "The test share must be a number above 0 and below 1, such as 0.2.", code="test_size"
        )


def seed(random_state: int | None) -> None:
    """Code: random_state."""
    if random_state is not None and (type(random_state) is not int or not 0 <= random_state < 2**32):
        raise ValidationError(
            "The random state must be empty or a whole number from 0 to 4294967295.", code="random_state"
        )


def target_type(column: dict | None, *, algorithm: Algorithm) -> None:
    """The target must be of a type that the task can predict. Codes: no_target, date_target, text_target."""
    if column is None:
        raise ValidationError(f"{algorithm.name} needs a target column; choose one.", code="no_target")
    name, kind = column["name"], column["type"]
    if kind == "date":
        raise ValidationError(
            f"`{name}` holds dates, which cannot be predicted; choose another target.", code="date_target"
        )
    if algorithm.task == "regression" and kind in ADVICE:
        raise ValidationError(
            f"{algorithm.name} predicts numbers, but `{name}` {ADVICE[kind]}; "
            "choose a classifier or another target.",
            code="text_target",
        )


def classes(y: np.ndarray, *, name: str, algorithm: Algorithm) -> None:
    """`y` must be at least two classes of at least two rows each.

    Codes: continuous_target, too_many_classes, one_class, rare_class.
    """
    values, counts = np.unique(y, return_counts=True)
    if y.dtype.kind in "if" and _is_continuous(values, counts, len(y)):
        raise ValidationError(
            f"{algorithm.name} predicts classes, but `{name}` holds {len(values)} different numbers; "
            "choose a regressor or another target.",
            code="continuous_target",
        )
    if len(values) > MOST_CLASSES:
        raise ValidationError(
            f"`{name}` has {len(values)} different values; a target may have at most {MOST_CLASSES} classes.",
            code="too_many_classes",
        )
    if len(values) == 1:
        raise ValidationError(
            f"`{name}` has only one class, {_label(values[0])}; a classifier needs at least two.",
            code="one_class",
        )
    rare = [_label(value) for value in values[counts == 1]]
    if rare:
        some = ", ".join(rare[:5]) + (f" and {len(rare) - 5} more" if len(rare) > 5 else "")
        has = f"The class {some} has" if len(rare) == 1 else f"The classes {some} have"
        raise ValidationError(
            f"{has} only 1 row in `{name}`; every class needs at least 2, "
            "so add rows, merge classes or leave these rows out.",
            code="rare_class",
        )


def some_rows(frame: pandas.DataFrame) -> None:
    """Code: too_few_rows."""
    if len(frame) < 2:
        raise ValidationError("The table has too few rows; clusters need at least 2.", code="too_few_rows")


def both_parts(rows: int, *, test_size: float, classes: int | None) -> None:
    """Both parts need a row per class, or two for a regression (`classes` is None). Code: too_few_rows."""
    needed, why = (classes, "one per class") if classes else (2, "or no error can be measured")
    test = math.ceil(test_size * rows)
    for part, size in (("test", test), ("training", rows - test)):
        if size < needed:
            raise ValidationError(
                f"{_rows(rows)} with a target are too few: the {part} part would have {size} and "
                f"needs at least {needed} ({why}); add rows or change the test share.",
                code="too_few_rows",
            )


def _is_continuous(values: np.ndarray, counts: np.ndarray, rows: int) -> bool:
    """Fractions, or so many different whole numbers that most could not be classes.

    Ten digits, 26 letters or 100 species of 16 rows each are classes; prices and ages are not.
    """
    if (values % 1 != 0).any() or len(values) > MOST_CLASSES:
        return True
    mostly_different = len(values) > max(FEW_CLASSES, rows / 2)
    return mostly_different or (len(values) > SOME_CLASSES and counts.min() == 1)


def _missing(what: str, name: object, names: list[str]) -> str:
    near = difflib.get_close_matches(str(name), names, n=1)
    if near:
        return f"The {what} `{name}` is not a column of the table; did you mean `{near[0]}`?"
    some = ", ".join(f"`{other}`" for other in names[:8])
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f"The {what} `{name}` is not a column of the table; its columns are {some}{more}."


def _label(value: object) -> str:
    return f"`{value}`" if isinstance(value, str) else str(value)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"

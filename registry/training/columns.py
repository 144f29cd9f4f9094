"""The columns of a training: its default target, its features, and their dtypes. No Django models or settings."""

import difflib
from collections import Counter
from collections.abc import Collection

import numpy as np
import pandas
from django.core.exceptions import ValidationError

from catalog.profiling.roles import usual_target

# Up to this many, the distinct integers of a column are classes; scikit-learn would also accept prices and years.
FEW_CLASSES = 10
# Beyond it, the probabilities of every class for every row no longer fit in memory.
MAX_CLASSES = 1_000
DTYPES = {
    "integer": "float64",
    "number": "float64",
    "text": "str",
    "boolean": "boolean",
    "date": "datetime64[us]",
}


def default_target(columns: list[dict], *, task: str) -> str | None:
    """The column with a usual name for a target, else the last one; for clustering, which needs none, else None."""
    return usual_target(columns) or (None if task == "clustering" else columns[-1]["name"])


def supervised_tasks(profile: dict, *, rows: int) -> list[str]:
    """The tasks that can predict a column, the more suitable first, by its profile in a table of this many rows.

    Text and booleans are classes, and dates cannot be predicted. Numbers can be classes too if they are whole and few
    are distinct; `validation.check_classes` refuses others.
    """
    kind, distinct = profile["type"], profile["distinct"]
    if kind not in ("integer", "number"):
        return [] if kind == "date" else ["classification"]
    is_whole = kind == "integer" or not any(bound % 1 for bound in (profile["min"], profile["max"]) if bound)
    if not is_whole or distinct is None or not 1 < distinct <= min(max(FEW_CLASSES, rows / 2), MAX_CLASSES):
        return ["regression"]
    are_classes = kind == "integer" and distinct <= FEW_CLASSES
    return ["classification", "regression"] if are_classes else ["regression", "classification"]


def check_target(columns: list[dict], target: str | None) -> None:
    """A target must be one of the columns. Code: target_not_found."""
    names = [column["name"] for column in columns]
    if target is not None and target not in names:
        raise ValidationError(not_a_column("target", target, names), code="target_not_found")


def select_features(
    columns: list[dict], *, features: list[str] | None, target: str | None, reserved: Collection[str] = ()
) -> list[dict]:
    """The feature columns, in the order of the table; if `features` is None, all but the target and the `reserved`.

    Raises ValidationError: target_not_found, feature_not_found, duplicate_feature, target_is_feature,
    no_features.
    """
    check_target(columns, target)
    names = [column["name"] for column in columns]
    allowed, counts = set(names), Counter(features)
    for feature in counts:
        if feature not in allowed:
            raise ValidationError(not_a_column("feature", feature, names), code="feature_not_found")
        if feature == target:
            raise ValidationError(
                f"`{target}` is the target and cannot be a feature.", code="target_is_feature"
            )
        if counts[feature] > 1:
            raise ValidationError(f"The feature `{feature}` is listed twice.", code="duplicate_feature")
    selected = set(allowed - set(reserved) if features is None else features) - {target}
    if not selected:
        raise ValidationError("No feature columns are left; select at least one.", code="no_features")
    return [column for column in columns if column["name"] in selected]


def boolean_words(column: dict) -> dict[bool, str]:
    """The words of the file for the values of a boolean column, Yes and No; of another column none."""
    words = column.get("format", {}) if column["type"] == "boolean" else {}
    return {True: words["true"][0], False: words["false"][0]} if words.get("true") else {}


def with_labels(frame: pandas.DataFrame, target: dict | None) -> tuple[pandas.DataFrame, dict | None]:
    """The frame and its target, with the words of the file as classes if these are booleans for it: Yes and No."""
    labels = boolean_words(target) if target else {}
    if not labels:
        return frame, target
    values = frame[target["name"]].map(labels).astype(DTYPES["text"])
    return frame.assign(**{target["name"]: values}), target | {"type": "text"}


def feature_frame(
    frame: pandas.DataFrame, inputs: list[dict], rows: np.ndarray | slice = slice(None)
) -> pandas.DataFrame:
    """The columns of `inputs`, in that order and with one dtype per type, for training and serving alike; of all rows,
    or of these positions: only one column is in memory twice.

    Raises ValidationError (feature_not_found) for a column that `frame` lacks.
    """
    for column in inputs:
        if column["name"] not in frame.columns:
            raise ValidationError(f"The table has no column `{column['name']}`.", code="feature_not_found")
    return pandas.DataFrame(
        {
            column["name"]: frame[column["name"]].iloc[rows].astype(DTYPES[column["type"]])
            for column in inputs
        },
        index=frame.index[rows],
    )


def not_a_column(role: str, name: object, names: list[str]) -> str:
    """The sentence about a name that no column has; it names the nearest one."""
    shown = str(name)[:100]
    near = difflib.get_close_matches(shown, names, n=1)
    if near:
        return f"The {role} `{shown}` is not a column of the dataset; did you mean `{near[0]}`?"
    listed = ", ".join(f"`{other}`" for other in names[:8])
    more = f" and {len(names) - 8:,} more" if len(names) > 8 else ""
    return f"The {role} `{shown}` is not a column of the dataset; its columns are {listed}{more}."

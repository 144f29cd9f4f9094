"""Checks of a target before a training: errors that are certain for the whole table, and warnings."""

from collections.abc import Iterator

import numpy as np
from django.core.exceptions import ValidationError

from registry.preflight.trial import Trial, warning
from registry.training import validation
from registry.training.splits import TARGET_DTYPES

OFTEN_MISSING = 0.2
# How many distinct values of a column, and of all columns together, the profiles counted that have no `role`.
MAX_COUNTED, MAX_COUNTED_IN_ALL = 1_000, 500_000


def check(trial: Trial) -> None:
    """Raise ValidationError for what makes every training on the whole table fail."""
    name, rows, is_random = (
        trial.target["name"],
        trial.rows_with_target,
        trial.request.split["method"] == "random",
    )
    if not rows or (is_random and trial.algorithm.task != "classification"):
        validation.check_split_sizes(rows, test_size=trial.request.test_size, classes=None)
    if trial.algorithm.task != "classification":
        return
    y = _representative_target(trial)
    if y is None:
        _check_not_continuous(trial)
        _check_class_count(trial)
    else:
        validation.check_classes(y, name=name, algorithm=trial.algorithm)
    classes = trial.target_profile["distinct"] or trial.frame[name].nunique()
    if is_random:
        validation.check_split_sizes(rows, test_size=trial.request.test_size, classes=classes or None)


def warnings(trial: Trial) -> Iterator[dict]:
    name, missing = trial.target["name"], trial.target_profile["missing"]
    if missing > OFTEN_MISSING * trial.rows:
        detail = (
            f"Column `{name}` is empty in {missing:,} of {trial.rows:,} rows; these rows will be excluded."
        )
        yield warning("missing_target", "target", detail)
    if trial.target_profile["distinct"] == 1:
        detail = f"Column `{name}` has the same value in every row, so there is nothing to learn."
        yield warning("constant_target", "target", detail)
    if trial.algorithm.task == "classification" and not trial.is_whole:
        yield from _class_warnings(trial)


def _class_warnings(trial: Trial) -> Iterator[dict]:
    name, counts = trial.target["name"], trial.frame[trial.target["name"]].value_counts()
    if len(counts) > len(trial.frame) / 2:
        detail = (
            f"Column `{name}` contains {len(counts):,} distinct values in {len(trial.frame):,} rows; "
            "few classes have enough rows to learn from."
        )
        yield warning("many_classes", "target", detail)
    elif trial.rows <= 5 * len(trial.frame) and (counts == 1).any() and _representative_target(trial) is None:
        rare = [f"`{value}`" for value in counts.index[counts == 1][:5]]
        noun = "Class" if len(rare) == 1 else "Classes such as"
        detail = (
            f"{noun} {', '.join(rare)} of column `{name}` may have only one row; each class needs at least 2."
        )
        yield warning("rare_class", "target", detail)


def _representative_target(trial: Trial) -> np.ndarray | None:
    """Targets for which `check_classes` decides as for the whole table; None if the profile is insufficient."""
    if trial.is_whole:
        return trial.target_sample
    kind, profile, rows = trial.target["type"], trial.target_profile, trial.rows_with_target
    distinct, top = profile["distinct"], profile["top"]
    if distinct is None:
        return None
    if top and len(top) == distinct:
        dtype = TARGET_DTYPES[kind]
        return np.repeat(np.array([value for value, _ in top], dtype), [min(count, 2) for _, count in top])
    if distinct == 1 and kind == "integer":
        return np.array([profile["min"], profile["min"]])
    if kind == "integer" and distinct > rows / 2:
        return np.r_[np.arange(distinct), np.zeros(rows - distinct, int)]
    return None


def _check_not_continuous(trial: Trial) -> None:
    """Raise ValidationError for fractions, or for too many distinct numbers."""
    name, profile = trial.target["name"], trial.target_profile
    if trial.target["type"] not in ("integer", "number"):
        return
    values = [profile["min"], profile["max"], *trial.target_sample]
    if any(value is not None and value % 1 for value in values):
        content = "fractions"
    elif _has_too_many_values(trial):
        content = f"more than {validation.MAX_CLASSES:,} distinct numbers"
    else:
        return
    raise ValidationError(
        f"{trial.algorithm.name} predicts classes, but column `{name}` contains {content}; "
        "select a regressor or another target.",
        code="continuous_target",
    )


def _check_class_count(trial: Trial) -> None:
    """Raise ValidationError for more classes than a classifier is trained on."""
    if _has_too_many_values(trial):
        raise ValidationError(
            f"`{trial.target['name']}` has more than {validation.MAX_CLASSES:,} distinct values; "
            f"the limit is {validation.MAX_CLASSES:,} classes. Select another target, or merge classes.",
            code="too_many_classes",
        )


def _has_too_many_values(trial: Trial) -> bool:
    """Whether it is certain that the target has more distinct values than classes are allowed.

    Profiles before `distinct_above` do not say whether they stopped counting at many values or at long texts.
    """
    profile = trial.target_profile
    above = profile.get("distinct_above")
    if above is None and profile["distinct"] is None and trial.target["type"] in ("integer", "number"):
        above = min(MAX_COUNTED, MAX_COUNTED_IN_ALL // len(trial.profile))
    lower_bound = max(profile["distinct"] or 0, trial.frame[trial.target["name"]].nunique())
    return lower_bound > validation.MAX_CLASSES or (above or 0) >= validation.MAX_CLASSES

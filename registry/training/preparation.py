"""How each column becomes numbers for an estimator, and why: one choice a column. No Django models or settings."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas
from django.core.exceptions import ValidationError

MAX_CATEGORIES = 32  # of a one-hot column
MAX_CLASSES = 20  # of a target for target encoding, which makes one column for each
MIN_ROWS_A_FOLD, FOLDS = 20, 5  # of target encoding
TEXT_SAMPLE = 2_000
WORD = re.compile(r"\b\w\w+\b")  # as TfidfVectorizer splits
MIN_WORDS, MIN_VOCABULARY = 4, 100  # on average in a text, and in the sample
MOSTLY_DISTINCT = 0.5
PARTS = {
    "dt.year": "year",
    "dt.month": "month",
    "dt.day": "day",
    "dt.day_of_week": "weekday",
    "dt.hour": "hour",
}
MIN_PART_VALUES = 3
MIN_ROWS_FOR_WAVES = 200

# The choices for a column of each type, the usual one first, and what each does.
NUMBERS = ("as_is", "scale")
CATEGORIES = ("native", "one_hot", "target_mean")
CHOICES = {
    "integer": NUMBERS,
    "number": NUMBERS,
    "boolean": CATEGORIES,
    "text": (*CATEGORIES, "words"),
    "date": ("date_parts",),
}
LABELS = {
    "as_is": "As they are",
    "scale": "Median for gaps, scaled",
    "native": "Native categories",
    "one_hot": "One column a category",
    "target_mean": "Target mean of the category",
    "words": "Words (TF-IDF)",
    "date_parts": "Parts of the date",
}


@dataclass(frozen=True)
class Choice:
    """How one input column is prepared; `reason` completes a sentence for people."""

    column: str
    prepare: str
    reason: str
    parts: tuple[str, ...] = ()  # of a date, as attributes of pandas

    def to_dict(self) -> dict:
        return {"column": self.column, "prepare": self.prepare, "reason": self.reason}


@dataclass(frozen=True)
class Requirements:
    """What an estimator accepts. Trees take missing values and any scale."""

    name: str
    is_tree: bool
    positive_only: bool
    max_native: int | None  # categories a column that it can split on by itself

    @classmethod
    def of(cls, estimator) -> "Requirements":
        from sklearn.base import is_clusterer
        from sklearn.utils import get_tags

        tags = get_tags(estimator).input_tags
        is_native = getattr(estimator, "categorical_features", None) == "from_dtype"
        return cls(
            type(estimator).__name__,
            tags.allow_nan and not is_clusterer(estimator),  # HDBSCAN leaves rows with gaps out
            tags.positive_only,
            estimator.max_bins if is_native else None,
        )


def choose(
    inputs: Sequence[dict],
    frame: pandas.DataFrame,
    estimator,
    *,
    y: np.ndarray | None,
    task: str,
    requested: dict[str, str] | None = None,
) -> list[Choice]:
    """One choice for each input column, by its values in the training rows and what the estimator accepts.

    `requested` are the choices of the user, by column. Raises ValidationError (invalid_prepare) for one that is not
    possible.
    """
    requested = requested or {}
    check(requested, inputs)
    kind = Requirements.of(estimator)
    can_use_target = _can_use_target(y, task)
    choices = []
    for column in inputs:
        name = column["name"]
        if prepare := requested.get(name):
            _check_possible(name, prepare, kind, can_use_target)
            reason = "requested"
        else:
            prepare, reason = _usual(column, frame[name], kind, can_use_target)
        parts = _date_parts(frame[name], kind) if prepare == "date_parts" else ()
        choices.append(Choice(name, prepare, reason, parts))
    return choices


def check(requested: dict[str, str], inputs: Sequence[dict]) -> None:
    """Each choice must be one for the type of its column. Raises ValidationError (invalid_prepare)."""
    types = {column["name"]: column["type"] for column in inputs}
    for name, prepare in requested.items():
        if name not in types:
            raise _invalid(f"`{str(name)[:100]}` is not a feature of this training.")
        if prepare not in CHOICES[types[name]]:
            allowed = ", ".join(CHOICES[types[name]])
            raise _invalid(
                f"`{name}` cannot be prepared by {str(prepare)[:50]}; the choices for {types[name]} columns are "
                f"{allowed}."
            )


def _check_possible(name, prepare, kind, can_use_target):
    if prepare == "native" and not kind.max_native:
        raise _invalid(f"`{name}`: {kind.name} has no native categories; use one_hot or target_mean.")
    if prepare == "as_is" and not kind.is_tree:
        raise _invalid(f"`{name}`: {kind.name} does not accept missing values; use scale.")
    if prepare == "target_mean" and not can_use_target:
        raise _invalid(
            f"`{name}`: target_mean needs a target with at most {MAX_CLASSES} classes and at least "
            f"{MIN_ROWS_A_FOLD * FOLDS} training rows; use one_hot."
        )


def _usual(column: dict, values: pandas.Series, kind: Requirements, can_use_target: bool) -> tuple[str, str]:
    if column["type"] == "date":
        parts = [PARTS[part] for part in _date_parts(values, kind)]
        return "date_parts", ", ".join(["elapsed time", *parts])
    if column["type"] in ("integer", "number"):
        if not values.count():
            return "scale", "no values"
        if kind.is_tree:
            return "as_is", f"{kind.name} accepts missing values and any scale"
        return "scale", f"{kind.name} needs complete numbers of one scale"
    distinct = int(values.nunique())
    if column["type"] == "text" and distinct > MOSTLY_DISTINCT * values.count() and _is_prose(values):
        return "words", "mostly distinct texts of several words"
    count = f"{distinct:,} categor{'y' if distinct == 1 else 'ies'}"
    if kind.max_native and distinct <= kind.max_native:
        return "native", f"{count}, on which {kind.name} splits by itself"
    if distinct > MAX_CATEGORIES and can_use_target and not kind.positive_only:
        return "target_mean", f"{count}, too many for a column each"
    if kind.max_native:
        return "native", f"{count}, the rare ones together"
    return "one_hot", count


def _date_parts(values: pandas.Series, kind: Requirements) -> tuple[str, ...]:
    """The parts that take some values: a table of one June has no months to learn from.

    Few rows are not enough for the columns of sines and cosines that the parts become for other estimators than trees.
    """
    values = values.dropna()
    if not kind.is_tree and len(values) < MIN_ROWS_FOR_WAVES:
        return ()
    return tuple(
        part for part in PARTS if getattr(values.dt, part.removeprefix("dt.")).nunique() >= MIN_PART_VALUES
    )


def _is_prose(values: pandas.Series) -> bool:
    texts = values.dropna().iloc[:TEXT_SAMPLE]
    words = [WORD.findall(text.lower()) for text in texts]
    if not words or sum(map(len, words)) < MIN_WORDS * len(words):
        return False
    return len(set().union(*words)) >= MIN_VOCABULARY


def _can_use_target(y: np.ndarray | None, task: str) -> bool:
    """Whether the mean of the target can encode categories: cross-fitting needs some rows of each class a fold."""
    if y is None or task == "clustering" or len(y) < MIN_ROWS_A_FOLD * FOLDS:
        return False
    if task == "regression":
        return True
    _, counts = np.unique(y, return_counts=True)
    return len(counts) <= MAX_CLASSES and counts.min() >= FOLDS


def _invalid(sentence: str) -> ValidationError:
    return ValidationError(sentence, code="invalid_prepare")

"""How each column becomes numbers for an estimator, and why: one choice a column. No Django models or settings."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas
from django.core.exceptions import ValidationError

from registry.estimators.frameworks import fitting
from registry.training import column_facts
from registry.training.column_facts import PARTS, Facts

MAX_CATEGORIES = 32  # of a one-hot column
MAX_CLASSES = 20  # of a target for target encoding, which makes one column for each
MIN_ROWS_A_FOLD, FOLDS = 20, 5  # of target encoding
MIN_ROWS_FOR_WAVES = 200
WORD_COMPONENTS = 30  # of a column of words

# The choices for a column of each type, the usual one first, and what each does.
LEAVE_OUT = "leave_out"
NUMBERS = ("as_is", "scale", "scale_with_indicator", LEAVE_OUT)
CATEGORIES = ("native", "one_hot", "target_mean")
CHOICES = {
    "integer": NUMBERS,
    "number": NUMBERS,
    "boolean": (*CATEGORIES, LEAVE_OUT),
    "text": (*CATEGORIES, "words", LEAVE_OUT),
    "date": ("date_parts", LEAVE_OUT),
}
LABELS = {
    "as_is": "As they are",
    "scale": "Scaled, median for gaps",
    "scale_with_indicator": "Scaled, median and indicator for gaps",
    "native": "Native categories",
    "one_hot": "One-hot",
    "target_mean": "Target mean",
    "words": "Words (TF-IDF)",
    "date_parts": "Date parts",
    LEAVE_OUT: "Left out",
}
REASONS = {"identifier": "a different value in almost every row"}


@dataclass(frozen=True)
class Choice:
    """How one input column is prepared; `reason` completes a sentence for people."""

    column: str
    prepare: str
    reason: str
    parts: tuple[str, ...] = ()  # of a date, as attributes of pandas
    distinct: int | None = None

    def to_dict(self) -> dict:
        return {"column": self.column, "prepare": self.prepare, "reason": self.reason}


@dataclass(frozen=True)
class Requirements:
    """What an estimator accepts. Trees take missing values and any scale."""

    name: str
    is_tree: bool
    positive_only: bool
    max_native: int | None  # categories a column that it takes by itself

    @classmethod
    def of(cls, estimator) -> "Requirements":
        from sklearn.base import is_clusterer
        from sklearn.utils import get_tags

        tags = get_tags(estimator).input_tags
        return cls(
            type(estimator).__name__,
            tags.allow_nan and not is_clusterer(estimator),  # HDBSCAN leaves rows with gaps out
            tags.positive_only,
            fitting.max_native_categories(estimator),
        )


def choose(
    inputs: Sequence[dict],
    frame: pandas.DataFrame,
    estimator,
    *,
    y: np.ndarray | None,
    task: str,
    requested: dict[str, str] | None = None,
    groups: np.ndarray | None = None,
) -> list[Choice]:
    """One choice for each input column, by its values in the training rows and what the estimator accepts.

    `groups` are the numbers of those rows that the split holds together. `requested` are the choices of the user, by
    column. Raises ValidationError (invalid_prepare) for one that is not possible.
    """
    target = column_facts.target_codes(y, task)
    facts = [
        column_facts.of_values(column["type"], frame[column["name"]], target, groups) for column in inputs
    ]
    return choose_by(
        facts, inputs, frame, estimator, can_use_target=can_use_target(y, task), requested=requested
    )


def choose_by(
    facts: Sequence[Facts],
    inputs: Sequence[dict],
    frame: pandas.DataFrame,
    estimator,
    *,
    can_use_target: bool,
    requested: dict[str, str] | None = None,
) -> list[Choice]:
    """As choose(), by the facts of the columns; `frame` has some or all of the training rows."""
    requested = requested or {}
    check(requested, inputs)
    for name, prepare in requested.items():
        if prepare == "words" and not column_facts.has_words(frame[name], count=WORD_COMPONENTS):
            raise _invalid(
                f"`{name}` has fewer than {WORD_COMPONENTS} different words in the training rows; use one_hot."
            )
    names = [column["name"] for column in inputs]
    return _choices(names, facts, Requirements.of(estimator), can_use_target, requested)


def expect(
    inputs: Sequence[dict],
    estimator,
    *,
    profile: dict[str, dict],
    rows: int,
    can_use_target: bool,
    requested: dict[str, str],
) -> list[Choice]:
    """The choices that are expected from the profiles of the columns, before a training has read their values.

    Raises ValidationError (invalid_prepare).
    """
    check(requested, inputs)
    facts = [column_facts.of_profile(profile[column["name"]], rows=rows) for column in inputs]
    names = [column["name"] for column in inputs]
    return _choices(names, facts, Requirements.of(estimator), can_use_target, requested)


def _choices(
    names: list[str],
    facts: list[Facts],
    kind: Requirements,
    can_use_target: bool,
    requested: dict[str, str],
) -> list[Choice]:
    choices = []
    for name, one in zip(names, facts, strict=True):
        if prepare := requested.get(name):
            _check_possible(name, prepare, kind, can_use_target)
            reason = "requested"
        else:
            prepare, reason = _usual(one, kind, can_use_target)
        choices.append(Choice(name, prepare, reason, _date_parts(one, kind), one.distinct))
    return choices


def check(requested: dict[str, str], inputs: Sequence[dict]) -> None:
    """Each choice must be one for the type of its column. Raises ValidationError (invalid_prepare).

    Columns that are left out need not be inputs.
    """
    types = {column["name"]: column["type"] for column in inputs}
    for name, prepare in requested.items():
        if prepare == LEAVE_OUT:
            continue
        if name not in types:
            raise not_a_feature(name)
        if prepare not in CHOICES[types[name]]:
            allowed = ", ".join(CHOICES[types[name]])
            raise _invalid(
                f"`{name}` cannot be prepared by {str(prepare)[:50]}; the choices for {types[name]} columns are "
                f"{allowed}."
            )


def left_out(
    inputs: Sequence[dict], *, requested: dict[str, str], profile: Sequence[dict], is_chosen: bool
) -> list[str]:
    """The input columns that are left out: on request, and identifiers unless the features were chosen.

    An identifier that is the only kind of column left is used. Raises ValidationError: no_features.
    """
    out = {name for name, prepare in requested.items() if prepare == LEAVE_OUT}
    left = [column["name"] for column in inputs if column["name"] not in out]
    if not left:
        raise ValidationError("No feature columns are left; select at least one.", code="no_features")
    identifiers = (
        set() if is_chosen else {one["name"] for one in profile if is_identifier(one)} - set(requested)
    )
    if identifiers >= set(left):
        identifiers = set()
    return [column["name"] for column in inputs if column["name"] in out | identifiers]


def is_identifier(profile: dict) -> bool:
    return profile.get("role") == "identifier"


def describe_left_out(requested: dict[str, str], *, profile: Sequence[dict]) -> list[dict]:
    """The choices of the columns that a resolved request leaves out, as those of the inputs are recorded."""
    roles = {one["name"]: one.get("role") for one in profile}
    return [
        Choice(name, LEAVE_OUT, REASONS.get(roles.get(name), "requested")).to_dict()
        for name, prepare in requested.items()
        if prepare == LEAVE_OUT
    ]


def _check_possible(name, prepare, kind, can_use_target):
    if prepare == "native" and not kind.max_native:
        raise _invalid(f"`{name}`: {kind.name} has no native categories; use one_hot or target_mean.")
    if prepare == "as_is" and not kind.is_tree:
        raise _invalid(f"`{name}`: {kind.name} does not accept missing values; use scale.")
    if prepare == "scale_with_indicator" and kind.positive_only:
        raise _invalid(f"`{name}`: {kind.name} has no use for an indicator of gaps; use scale.")
    if prepare == "target_mean" and not can_use_target:
        raise _invalid(
            f"`{name}`: target_mean needs a target with at most {MAX_CLASSES} classes and at least "
            f"{MIN_ROWS_A_FOLD * FOLDS} training rows; use one_hot."
        )


def possible(type_: str, kind: Requirements, *, can_use_target: bool) -> list[str]:
    """The choices that a column of this type can have with an estimator, to offer them."""
    choices = []
    for prepare in CHOICES[type_]:
        with contextlib.suppress(ValidationError):
            _check_possible("", prepare, kind, can_use_target)
            choices.append(prepare)
    return choices


def _usual(one: Facts, kind: Requirements, can_use_target: bool) -> tuple[str, str]:
    if one.type == "date":
        return "date_parts", ", ".join(["elapsed time", *(PARTS[part] for part in _date_parts(one, kind))])
    if one.type in ("integer", "number"):
        return _usual_for_numbers(one, kind)
    if one.is_prose:
        return "words", "mostly distinct texts of several words"
    distinct = one.distinct
    count = f"{distinct:,} categor{'y' if distinct == 1 else 'ies'}"
    if kind.max_native and distinct <= kind.max_native:
        takes = "on which {} splits by itself" if kind.is_tree else "of which {} learns embeddings"
        return "native", f"{count}, {takes.format(kind.name)}"
    if distinct > MAX_CATEGORIES and can_use_target and one.recurs and not kind.positive_only:
        return "target_mean", f"{count}, too many for a column each"
    if kind.max_native:
        return "native", f"{count}, the rare ones together"
    return "one_hot", count if one.recurs else f"{count}, most in one group of the split"


def _usual_for_numbers(one: Facts, kind: Requirements) -> tuple[str, str]:
    if not one.filled:
        return "scale", "no values"
    if kind.is_tree:
        return "as_is", "trees accept missing values and any scale"
    if one.gaps_tell and not kind.positive_only:
        return "scale_with_indicator", "the target differs where values are missing"
    return "scale", f"{kind.name} needs complete numbers of one scale"


def _date_parts(one: Facts, kind: Requirements) -> tuple[str, ...]:
    """The parts that vary; few rows are not enough for the sines and cosines that estimators other than trees get."""
    return one.parts if kind.is_tree or one.filled >= MIN_ROWS_FOR_WAVES else ()


def can_use_target(y: np.ndarray | None, task: str) -> bool:
    """Whether the mean of the target can encode categories: cross-fitting needs some rows of each class a fold."""
    if y is None or task == "clustering" or len(y) < MIN_ROWS_A_FOLD * FOLDS:
        return False
    if task == "regression":
        return True
    _, counts = np.unique(y, return_counts=True)
    return len(counts) <= MAX_CLASSES and counts.min() >= FOLDS


def profile_can_use_target(target: dict | None, *, rows: int, task: str) -> bool:
    """As `can_use_target`, by the profile of the target, which lists the frequencies of up to ten classes."""
    filled = rows - target["missing"] if target and task != "clustering" else 0
    if filled < MIN_ROWS_A_FOLD * FOLDS or task == "regression":
        return filled >= MIN_ROWS_A_FOLD * FOLDS
    is_few = (target["distinct"] or filled) <= MAX_CLASSES
    return is_few and all(count > FOLDS for _, count in target["top"] or ())


def not_a_feature(name: object) -> ValidationError:
    return _invalid(f"`{str(name)[:100]}` is not a feature of this training.")


def _invalid(sentence: str) -> ValidationError:
    return ValidationError(sentence, code="invalid_prepare")

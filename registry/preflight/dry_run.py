"""The dry run of a training, before it is queued: does it work at all, and is anything about its columns odd?"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas
from django.core.exceptions import ValidationError

from catalog import files
from catalog.models import DatasetVersion
from catalog.profiling import statistics
from registry.estimators import errors
from registry.estimators.algorithms import Algorithm
from registry.preflight import identifiers, leakage, trial_fit
from registry.training import validation

PATIENCE_S = 1.5
MOST_COLUMNS = 2_000  # that are looked at; reading 5,000 takes a second
OFTEN_MISSING = 0.2


@dataclass(frozen=True)
class Trial:
    """What is asked for, with what is known of its columns: all of the profile, and some rows."""

    algorithm: Algorithm
    params: dict
    inputs: list[dict]
    answer: dict | None
    test_size: float
    random_state: int | None
    rows: int
    profile: dict[str, dict]
    frame: pandas.DataFrame
    is_whole: bool


def check(
    source: DatasetVersion,
    *,
    algorithm: Algorithm,
    params: dict,
    target: str | None,
    features: list[str] | None,
    test_size: float,
    random_state: int | None,
) -> list[dict]:
    """Try a training on the version's sample; what is suspicious, as dicts of `code`, `field` and `detail`.

    Raises ValidationError, with the field as its parameter `field`, for what cannot work: from the profile,
    from a table that is its own sample, or from values that the rest of the table does not change; NotReady
    when the object store does not answer. A fit that takes more than 1.5 seconds is no verdict.
    """
    deadline = time.monotonic() + PATIENCE_S
    with _placed():
        inputs = validation.inputs(source.columns, features=features, target=target)
        answer = next((c for c in source.columns if c["name"] == target), None)
        if algorithm.task != "clustering":
            validation.target_type(answer, algorithm=algorithm)
            validation.share(test_size)
        trial = _trial(source, algorithm, params, inputs, answer, test_size, random_state)
        if trial.answer:
            _refuse_target(trial)
        warnings = [*_about_target(trial), *_about_features(trial)]
        return warnings + _fit(trial, deadline)


def _trial(source, algorithm, params, inputs, answer, test_size, random_state) -> Trial:
    answer = None if algorithm.task == "clustering" else answer
    read = [column["name"] for column in [*inputs[:MOST_COLUMNS], *([answer] if answer else [])]]
    sample = files.read_sample(source, columns=read)
    return Trial(
        algorithm=algorithm,
        params=params,
        inputs=inputs,
        answer=answer,
        test_size=test_size,
        random_state=random_state,
        rows=source.row_count,
        profile={column["name"]: column for column in source.profile},
        frame=sample.frame,
        is_whole=sample.is_whole,
    )


@contextlib.contextmanager
def _placed(field: str | None = None) -> Iterator[None]:
    """Name the field that a refusal is about."""
    try:
        yield
    except ValidationError as error:
        if error.params:
            raise
        field = field or errors.FIELDS.get(error.code)
        # With parameters, Django reads a message as a format.
        message = error.message.replace("%", "%%")
        raise type(error)(message, code=error.code, params={"field": field}) from error


# The target


def _refuse_target(trial: Trial) -> None:
    """Refuse what is certain for the whole table."""
    name, rows = trial.answer["name"], _answered(trial)
    with _placed("target"):
        validation.finite(trial.frame, [name])
    if trial.algorithm.task != "classification" or not rows:
        validation.both_parts(rows, test_size=trial.test_size, classes=None)
        return
    y = _typical(trial)
    if y is None:
        _refuse_many_numbers(trial)
    else:
        validation.classes(y, name=name, algorithm=trial.algorithm)
    classes = trial.profile[name]["distinct"] or trial.frame[name].nunique()
    validation.both_parts(rows, test_size=trial.test_size, classes=classes or None)


def _answered(trial: Trial) -> int:
    return trial.rows - trial.profile[trial.answer["name"]]["missing"]


def _answers(trial: Trial) -> np.ndarray:
    """The target of the rows that have one, as the training sees it."""
    dtype = {"text": object, "boolean": bool, "integer": "int64", "number": "float64"}[trial.answer["type"]]
    return trial.frame[trial.answer["name"]].dropna().astype(dtype).to_numpy()


def _typical(trial: Trial) -> np.ndarray | None:
    """Targets on which `validation.classes` decides as on the whole table; None when too little is known."""
    if trial.is_whole:
        return _answers(trial)
    known = trial.profile[trial.answer["name"]]
    distinct, top, rows = known["distinct"], known["top"], _answered(trial)
    if distinct is None:
        return None
    if top and len(top) == distinct:
        dtype = bool if trial.answer["type"] == "boolean" else object
        return np.repeat(np.array([value for value, _ in top], dtype), [min(count, 2) for _, count in top])
    if distinct == 1 and trial.answer["type"] == "integer":
        return np.array([known["min"], known["min"]])
    if trial.answer["type"] == "integer" and distinct > rows / 2:
        return np.r_[np.arange(distinct), np.zeros(rows - distinct, int)]
    return None


def _refuse_many_numbers(trial: Trial) -> None:
    name, known = trial.answer["name"], trial.profile[trial.answer["name"]]
    if trial.answer["type"] not in ("integer", "number"):
        return
    ends = [known["min"], known["max"], *_answers(trial)]
    is_counted = statistics.MAX_DISTINCT * len(trial.profile) <= statistics.MAX_DISTINCT_TOTAL
    if any(value is not None and value % 1 for value in ends):
        what = "fractions"
    elif known["distinct"] is None and is_counted:
        what = f"more than {statistics.MAX_DISTINCT:,} different numbers"
    else:
        return
    raise ValidationError(
        f"{trial.algorithm.name} predicts classes, but column `{name}` holds {what}; "
        "choose a regressor or another target.",
        code="continuous_target",
    )


def _about_target(trial: Trial) -> Iterator[dict]:
    if not trial.answer:
        return
    name = trial.answer["name"]
    known, missing = trial.profile[name], trial.rows - _answered(trial)
    if missing > OFTEN_MISSING * trial.rows:
        yield _warning(
            "missing_target",
            "target",
            f"Column `{name}` is empty in {missing:,} of {trial.rows:,} rows; they will be left out.",
        )
    if known["distinct"] == 1:
        yield _warning(
            "constant_target",
            "target",
            f"Column `{name}` has the same value in every row: there is nothing to learn.",
        )
    if trial.algorithm.task == "classification" and not trial.is_whole:
        yield from _about_classes(trial)


def _about_classes(trial: Trial) -> Iterator[dict]:
    name, counts = trial.answer["name"], trial.frame[trial.answer["name"]].value_counts()
    if len(counts) > len(trial.frame) / 2:
        yield _warning(
            "many_classes",
            "target",
            f"Column `{name}` holds {len(counts):,} different values in {len(trial.frame):,} rows: "
            "hardly any class has enough rows to learn from.",
        )
    elif trial.rows <= 5 * len(trial.frame) and (counts == 1).any() and _typical(trial) is None:
        rare = [f"`{value}`" for value in counts.index[counts == 1][:5]]
        yield _warning(
            "rare_class",
            "target",
            f"{'Class' if len(rare) == 1 else 'Classes such as'} {', '.join(rare)} of column `{name}` may have "
            "one row only; every class needs at least 2.",
        )


# The features


def _about_features(trial: Trial) -> Iterator[dict]:
    empty = [c["name"] for c in trial.inputs if trial.profile[c["name"]]["missing"] == trial.rows]
    if empty:
        yield _warning("empty_column", "features", _names(empty, "holds", "hold") + " no value in any row.")
    inputs = [c for c in trial.inputs[:MOST_COLUMNS] if c["name"] not in set(empty)]
    if same := identifiers.find(trial.frame, inputs, profile=trial.profile, rows=trial.rows):
        yield _warning(
            "identifier",
            "features",
            f"{_names(same, 'looks like an identifier', 'look like identifiers')}: (nearly) every row has its own "
            "value, so a model learns nothing from it for new rows.",
        )
    if trial.answer and (telling := _leaks(trial, inputs)):
        yield _warning(
            "leak",
            "features",
            f"{_names(telling, 'alone gives', 'each alone give')} `{trial.answer['name']}` away in the "
            f"{len(trial.frame):,} rows looked at. Leave out what is not known yet when a prediction is made.",
        )


def _leaks(trial: Trial, inputs: list[dict]) -> list[str]:
    frame = trial.frame[trial.frame[trial.answer["name"]].notna()]
    return leakage.find(frame, inputs, _answers(trial), is_classes=trial.algorithm.task == "classification")


def _warning(code: str, field: str | None, detail: str) -> dict:
    return {"code": code, "field": field, "detail": detail}


def _names(names: list[str], one: str, many: str) -> str:
    """ "Column `a` is", "Columns `a`, `b` and 3 more are" """
    if len(names) == 1:
        return f"Column `{names[0]}` {one}"
    listed = [f"`{name}`" for name in names[:5]]
    last = f"{len(names) - 5} more" if len(names) > 5 else listed.pop()
    return f"Columns {', '.join(listed)} and {last} {many}"


# The fit


def _fit(trial: Trial, deadline: float) -> list[dict]:
    doubt = trial_fit.attempt(
        trial.frame,
        inputs=trial.inputs[:MOST_COLUMNS],
        answer=trial.answer,
        algorithm=trial.algorithm,
        params=trial.params,
        test_size=trial.test_size,
        random_state=trial.random_state,
        is_whole=trial.is_whole and len(trial.inputs) <= MOST_COLUMNS,
        deadline=deadline,
    )
    return [_warning("fit_failed", None, doubt)] if doubt else []

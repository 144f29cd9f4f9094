"""Checks of the column of a split before a training: errors that are certain for the whole table, and warnings."""

from collections.abc import Iterator

from django.core.exceptions import ValidationError

from registry.evaluation import split_leakage
from registry.preflight.trial import MAX_COLUMNS, Trial, warning
from registry.training import split_methods, validation

OFTEN_MISSING = 0.2


def check(trial: Trial) -> None:
    """The column must have two dates or groups, or only the words train and test. Code: split."""
    split, column = trial.request.split, split_methods.column_of(trial.request.split)
    if column is None:
        return
    profile = trial.profile[column]
    if profile["missing"] == trial.rows:
        raise ValidationError(f"`{column}` has no value in any row; split by another column.", code="split")
    values = trial.frame[column].dropna()
    if split["method"] == "column":
        split_methods.part_words(values)
    elif profile["distinct"] == 1 and split["method"] == "group":
        split_methods.by_group(values, test_size=trial.request.test_size, random_state=0, labels=None)
    elif split["method"] == "time" and profile["min"] == profile["max"]:
        split_methods.by_time(values, test_size=trial.request.test_size)


def check_weights(trial: Trial) -> None:
    """Code: sample_weight."""
    if name := trial.request.sample_weight:
        if trial.profile[name]["missing"] == trial.rows:
            raise ValidationError(
                f"`{name}` has no value in any row; use other weights.", code="sample_weight"
            )
        validation.weights(trial.frame[name].dropna())


def warnings(trial: Trial) -> Iterator[dict]:
    yield from _missing(trial)
    if trial.request.split["method"] == "random":
        yield from _divided_by_chance(trial)


def _divided_by_chance(trial: Trial) -> Iterator[dict]:
    """Rows that know each other's target, which are in both parts of a random split."""
    target = trial.target["name"]
    frame, y = trial.frame[trial.frame[target].notna()], trial.target_sample
    options = {"is_classification": trial.algorithm.task == "classification"}
    names = split_leakage.group_columns(trial.profile.values(), rows=trial.rows)
    names = [name for name in names if name != target]
    for name in split_leakage.groups(frame, names, y, **options)[: split_leakage.MAX_SENTENCES]:
        detail = split_leakage.group_sentence(name, target)
        yield warning("divided_groups", "split", detail)
    dates = [column["name"] for column in trial.inputs[:MAX_COLUMNS] if column["type"] == "date"]
    if len(dates) == 1 and split_leakage.alike_in_time(frame[dates[0]], y, **options):
        detail = (
            f"Rows that follow each other by `{dates[0]}` have similar values in `{target}`, and a random split has "
            "them in both parts. To measure the model on the future, split by time."
        )
        yield warning("divided_times", "split", detail)


def _missing(trial: Trial) -> Iterator[dict]:
    for column in trial.request.row_columns:
        field = "sample_weight" if column == trial.request.sample_weight else "split"
        missing = trial.profile[column]["missing"]
        if missing > OFTEN_MISSING * trial.rows:
            detail = f"Column `{column}` is empty in {missing:,} of {trial.rows:,} rows; these rows will be excluded."
            yield warning("missing_" + field, field, detail)

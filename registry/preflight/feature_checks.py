"""Warnings about features before a training: empty columns, identifiers and target leakage."""

from collections.abc import Iterator

from registry.preflight import leakage, time_leakage
from registry.preflight.trial import MAX_COLUMNS, Trial, subject, warning
from registry.training.preparation import is_identifier

MAX_CHANGES = 5


def warnings(trial: Trial) -> Iterator[dict]:
    empty = [c["name"] for c in trial.inputs if trial.profile[c["name"]]["missing"] == trial.rows]
    if empty:
        has = "has" if len(empty) == 1 else "have"
        yield warning("empty_column", "features", f"{subject(empty)} {has} no value in any row.")
    inputs = [c for c in trial.inputs[:MAX_COLUMNS] if c["name"] not in set(empty)]
    if unique := [c["name"] for c in inputs if is_identifier(trial.profile[c["name"]])]:
        looks = "looks like an identifier" if len(unique) == 1 else "look like identifiers"
        detail = (
            f"{subject(unique)} {looks}: almost every row has a different value, "
            "which does not help to predict new rows."
        )
        yield warning("identifier", "features", detail)
    leaks = _leaks(trial, inputs) if trial.target else []
    if leaks:
        predicts = "alone predicts" if len(leaks) == 1 else "each predict"
        detail = (
            f"{subject(leaks)} {predicts} `{trial.target['name']}` almost perfectly in a sample of "
            f"{len(trial.frame):,} rows (target leakage). Exclude columns that are not available at prediction time."
        )
        yield warning("leak", "features", detail)
    if trial.target:
        yield from _leaks_over_time(trial, [column for column in inputs if column["name"] not in leaks])


def _leaks_over_time(trial: Trial, inputs: list[dict]) -> Iterator[dict]:
    """Features that may be filled in, or corrected, after the event that the target describes."""
    target, is_classification = trial.target["name"], trial.algorithm.task == "classification"
    frame, y = trial.frame[trial.frame[target].notna()], trial.target_sample
    options = {"is_classification": is_classification}
    if late := time_leakage.filled_afterwards(frame, inputs, y, **options):
        have = "has a value" if len(late) == 1 else "have values"
        rows = "in rows of one class of" if is_classification else "depending on"
        yield _late(f"{subject(late)} {have} almost only {rows} `{target}`, as if filled in after the event.")
    column = _time_column(trial)
    if column is None:
        return
    inputs = [other for other in inputs if other["name"] not in {column, *late}]
    newest = f"in the newest {100 * time_leakage.NEWEST:.0f} % by `{column}`"
    changed = time_leakage.filled_until(frame, inputs, frame[column])
    for name, (before, after) in list(changed.items())[:MAX_CHANGES]:
        yield _late(
            f"Column `{name}` has a value in {100 * before:.0f} % of the older rows, and {newest} in "
            f"{100 * after:.0f} %, as if filled in later."
        )
    inputs = [other for other in inputs if other["name"] not in changed]
    if lost := time_leakage.predictive_until(frame, inputs, frame[column], y, **options):
        are = "is" if len(lost) == 1 else "are"
        yield _late(
            f"{subject(lost)} {are} closely related to `{target}` in older rows, and hardly {newest}."
        )


def _late(sentence: str) -> dict:
    advice = "Exclude columns that are not known yet at prediction time."
    return warning("late_values", "features", f"{sentence} {advice}")


def _time_column(trial: Trial) -> str | None:
    """The column of a split by time, else the only feature that is a date."""
    if trial.request.split["method"] == "time":
        return trial.request.split["column"]
    dates = [column["name"] for column in trial.inputs[:MAX_COLUMNS] if column["type"] == "date"]
    return dates[0] if len(dates) == 1 else None


def _leaks(trial: Trial, inputs: list[dict]) -> list[str]:
    frame = trial.frame[trial.frame[trial.target["name"]].notna()]
    is_classification = trial.algorithm.task == "classification"
    return leakage.find(frame, inputs, trial.target_sample, is_classification=is_classification)

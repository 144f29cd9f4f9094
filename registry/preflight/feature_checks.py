"""Warnings about features before a training: empty columns, identifiers and target leakage."""

from collections.abc import Iterator

from registry.preflight import leakage
from registry.preflight.trial import MAX_COLUMNS, Trial, subject, warning
from registry.training.preparation import is_identifier


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
    if trial.target and (leaks := _leaks(trial, inputs)):
        predicts = "alone predicts" if len(leaks) == 1 else "each predict"
        detail = (
            f"{subject(leaks)} {predicts} `{trial.target['name']}` almost perfectly in a sample of "
            f"{len(trial.frame):,} rows (target leakage). Exclude columns that are not available at prediction time."
        )
        yield warning("leak", "features", detail)


def _leaks(trial: Trial, inputs: list[dict]) -> list[str]:
    frame = trial.frame[trial.frame[trial.target["name"]].notna()]
    is_classification = trial.algorithm.task == "classification"
    return leakage.find(frame, inputs, trial.target_sample, is_classification=is_classification)

"""The training rows on which early stopping measures the loss, and where it stopped. No Django."""

import numpy as np

from registry.estimators import wrappers

VALIDATION_SHARE = 0.1  # of the training rows


def hold_out(
    codes: np.ndarray | None, rows: int, *, groups: np.ndarray | None, is_in_time: bool, seed: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """The positions of the rows to fit and to validate on: a tenth, the newest, of whole groups, or stratified.

    Raises ValueError if there are too few rows, groups or times.
    """
    from sklearn.model_selection import GroupShuffleSplit, train_test_split

    too_few = ValueError("Early stopping needs more training rows, groups or times; leave it out.")
    positions = np.arange(rows)
    if rows < 2 or (groups is not None and len(np.unique(groups)) < 2):
        raise too_few
    if groups is not None and is_in_time:
        ordered = np.sort(groups)
        first = ordered[min(int(rows * (1 - VALIDATION_SHARE)), rows - 1)]
        is_held = groups >= first
        fitted, held = positions[~is_held], positions[is_held]
    elif groups is not None:
        splitter = GroupShuffleSplit(1, test_size=VALIDATION_SHARE, random_state=seed)
        fitted, held = next(splitter.split(positions, groups=groups))
    else:
        size = max(round(rows * VALIDATION_SHARE), 1)
        counts = np.zeros(1) if codes is None else np.bincount(codes)
        is_stratified = counts.min() >= 2 and size >= len(counts)
        fitted, held = train_test_split(
            positions, test_size=size, random_state=seed, stratify=codes if is_stratified else None
        )
    if codes is not None:
        held = held[np.isin(codes[held], codes[fitted])]
    if len(fitted) < 2 or not len(held) or (codes is not None and len(np.unique(codes[fitted])) < 2):
        raise too_few
    return fitted, held


def iterations(model) -> int | None:
    """The rounds of boosting or the epochs of a fitted model that could stop early; None for any other.

    The folds of a calibration can each have stopped elsewhere: None too.
    """
    estimators = list(wrappers.fitted(model))
    # XGBoost's in a vote is fitted without, see fitting.py: what was asked for is on the unfitted one.
    asked = wrappers.estimator_of(model).get_params(deep=False)
    if len(estimators) != 1 or not _could_stop(estimators[0], asked):
        return None
    [estimator] = estimators
    if hasattr(estimator, "get_booster"):
        return estimator.get_booster().num_boosted_rounds()
    names = ("tree_count_", "n_estimators_", "n_iter_", "epochs_")
    count = next((getattr(estimator, name) for name in names if hasattr(estimator, name)), None)
    return None if count is None else int(count)


def _could_stop(estimator, params: dict) -> bool:
    if hasattr(estimator, "do_early_stopping_"):  # scikit-learn's "auto"
        return bool(estimator.do_early_stopping_)
    # It has no `early_stopping`: n_iter_no_change alone decides.
    is_boosting = type(estimator).__name__.startswith("GradientBoosting")
    stops = params.get("n_iter_no_change") if is_boosting else params.get("early_stopping")
    return bool(params.get("early_stopping_rounds") or params.get("patience") or stops)

"""scikit-learn's splitters of folds, and those that keep groups together inside an estimator. No Django."""

import warnings
from collections.abc import Iterator

import numpy as np

MANY_GROUPS = 10_000  # stratifying groups takes 0.15 ms for each


def splitter(cv: int, *, is_stratified: bool, groups: np.ndarray | None, seed: int | None):
    """A splitter into `cv` folds, shuffled. `groups` are numbers from 0; many of them are not stratified."""
    from sklearn import model_selection

    if groups is not None:
        is_stratified = is_stratified and int(groups.max()) < MANY_GROUPS
    classes = {
        (True, False): model_selection.StratifiedKFold,
        (True, True): model_selection.StratifiedGroupKFold,
        (False, False): model_selection.KFold,
        (False, True): model_selection.GroupKFold,
    }
    return classes[is_stratified, groups is not None](cv, shuffle=True, random_state=seed)


class GroupFolds:
    """Folds that do not divide groups, for estimators that pass none to their `cv`.

    It recognises rows by their classes: all of them or, if nested, the training rows of one of its own folds.
    """

    def __init__(self, y: np.ndarray, groups: np.ndarray, *, folds: int, is_nested: bool, seed: int | None):
        """Raises ValueError if a fold would learn from one class, or if there are too few groups."""
        codes = np.unique(y, return_inverse=True)[1]
        self.parts = [(codes, _positions(codes, groups, folds, seed))]
        for train, _ in self.parts[0][1] if is_nested else ():
            self.parts.append((codes[train], _positions(codes[train], groups[train], folds, seed)))

    def __deepcopy__(self, memo) -> "GroupFolds":
        return self  # by clone(); it does not change

    def get_n_splits(self, X=None, y=None, groups=None) -> int:
        return len(self.parts[0][1])

    def split(self, X, y, groups=None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        codes = np.unique(y, return_inverse=True)[1]
        return iter(next(folds for known, folds in self.parts if np.array_equal(known, codes)))


def _positions(codes: np.ndarray, groups: np.ndarray, folds: int, seed: int | None) -> list[tuple]:
    groups = np.unique(groups, return_inverse=True)[1]
    cv = min(folds, int(groups.max()) + 1)
    if cv < 2:
        raise ValueError("one group")
    with warnings.catch_warnings():  # of a class that some folds are tested without
        warnings.simplefilter("ignore", UserWarning)
        found = list(splitter(cv, is_stratified=True, groups=groups, seed=seed).split(codes, codes, groups))
    if any(len(np.unique(codes[train])) < 2 for train, _ in found):
        raise ValueError("one class")
    return found

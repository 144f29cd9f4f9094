"""The mean of the target in each category of all training rows, as scikit-learn's TargetEncoder smooths it."""

import copy
from dataclasses import dataclass

import numpy as np
import pandas

from registry.training.out_of_core.row_split import RowSplit
from registry.training.out_of_core.stored_rows import StoredRows
from registry.training.preparation import FOLDS


@dataclass
class TargetMeans:
    """The fold of each training row, and the fitted steps that encode the rows of a fold by those of the others."""

    folds: np.ndarray
    steps: object
    encoders: list

    @property
    def count(self) -> int:
        return len(self.encoders)

    def steps_of(self, fold: int):
        """A Pipeline; what is not of the fold is shared with the one of all rows."""
        from sklearn.pipeline import Pipeline

        return Pipeline(
            [
                (name, self.encoders[fold] if hasattr(step, "encodings_") else step)
                for name, step in self.steps.steps
            ]
        )


def measure(
    rows: StoredRows, inputs: list[dict], names: list[str], steps, split: RowSplit, *, seed: int | None
) -> TargetMeans:
    """Set the encodings of the TargetEncoder in these fitted steps of the columns `names`; find those of each fold."""
    place, encoder = next(
        (place, step) for place, (_, step) in enumerate(steps.steps) if hasattr(step, "encodings_")
    )
    folds = _folds(split, seed)
    targets = _targets(split, encoder)
    centre = targets.mean(axis=0)
    sums = _sums(rows, inputs, names, steps[:place], encoder, split, folds, targets - centre)
    overall = _overall(folds, targets - centre)
    _set(encoder, [_added(one) for one in sums], _added(overall), centre)
    encoders = []
    for fold in range(FOLDS):
        of_fold = copy.copy(encoder)
        _set(of_fold, [_without(one, fold) for one in sums], _without(overall, fold), centre)
        encoders.append(of_fold)
    return TargetMeans(folds, steps, encoders)


def _added(sums: tuple) -> tuple:
    return tuple(part.sum(axis=0) for part in sums)


def _without(sums: tuple, fold: int) -> tuple:
    return tuple(part.sum(axis=0) - part[fold] for part in sums)


def _folds(split: RowSplit, seed: int | None) -> np.ndarray:
    """Rows of a group or of a block of time are in one fold."""
    rng = np.random.default_rng(0 if seed is None else seed)
    if split.groups is None or not split.groups.any():  # no group, or one alone
        return rng.integers(FOLDS, size=len(split.train)).astype("uint8")
    order = rng.permutation(int(split.groups.max()) + 1)
    return (order[split.groups] % FOLDS).astype("uint8")


def _targets(split: RowSplit, encoder) -> np.ndarray:
    """The columns of the target whose means are taken: one, or one for each of several classes."""
    if split.classes is None:
        return split.y_train.astype("float64")[:, None]
    codes = np.unique(split.y_train, return_inverse=True)[1]
    if encoder.target_type_ == "binary":
        return codes.astype("float64")[:, None]
    return (codes[:, None] == np.arange(codes.max() + 1)).astype("float64")


def _sums(rows, inputs, names, before, encoder, split, folds, targets) -> list[tuple]:
    """For each column: the rows, and of each target the sum and the sum of squares, by fold and category."""
    width = targets.shape[1]
    sizes = [len(categories) for categories in encoder.categories_]
    found = [
        (np.zeros((FOLDS, size)), np.zeros((FOLDS, size, width)), np.zeros((FOLDS, size, width)))
        for size in sizes
    ]
    indexes = [pandas.Index(categories) for categories in encoder.categories_]
    start = 0
    for _, frame in rows.frames(inputs, split.mask(rows.count)):
        stop = start + len(frame)
        cells = before.transform(frame[names])
        for name, index, size, (counts, sums, squares) in zip(names, indexes, sizes, found, strict=True):
            places = folds[start:stop].astype("int64") * size + _codes(index, cells[name])
            counts += np.bincount(places, minlength=FOLDS * size).reshape(FOLDS, size)
            for one in range(width):
                y = targets[start:stop, one]
                sums[:, :, one] += np.bincount(places, y, FOLDS * size).reshape(FOLDS, size)
                squares[:, :, one] += np.bincount(places, y * y, FOLDS * size).reshape(FOLDS, size)
        start = stop
    return found


def _codes(index: pandas.Index, cells: pandas.Series) -> np.ndarray:
    """The number of each cell's category; a gap is the last one."""
    codes = index.get_indexer(cells.to_numpy(object, na_value=np.nan))
    return np.where(codes < 0, len(index) - 1, codes).astype("int64")


def _overall(folds: np.ndarray, targets: np.ndarray) -> tuple:
    counts = np.bincount(folds, minlength=FOLDS).astype(float)
    sums = np.stack([np.bincount(folds, column, FOLDS) for column in targets.T], axis=1)
    squares = np.stack([np.bincount(folds, column**2, FOLDS) for column in targets.T], axis=1)
    return counts, sums, squares


def _set(encoder, by_column: list[tuple], overall: tuple, centre: np.ndarray) -> None:
    """The encodings of these sums of the target without its mean, by the empirical Bayes of `smooth="auto"`."""
    rows, total, squares = overall
    mean = total / rows
    variance = np.maximum(squares / rows - mean**2, 0)
    encodings = []
    for counts, sums, squares_of in by_column:
        with np.errstate(divide="ignore", invalid="ignore"):
            means = sums / counts[:, None]
            spread = np.maximum(squares_of / counts[:, None] - means**2, 0)
            share = variance * counts[:, None] / (variance * counts[:, None] + spread)
            values = share * means + (1 - share) * mean
        values = np.where(np.isnan(share), mean, values) + centre
        encodings += list(np.ascontiguousarray(values.T))
    encoder.encodings_ = encodings
    mean = mean + centre
    encoder.target_mean_ = mean if encoder.target_type_ == "multiclass" else float(mean[0])

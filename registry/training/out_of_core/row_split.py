"""The split of rows that are not in memory: the same rows on each side as in memory, by their positions."""

from dataclasses import dataclass

import numpy as np
import pandas

from registry.training import splits, validation
from registry.training.columns import boolean_words
from registry.training.out_of_core.stored_rows import StoredRows
from registry.training.request import TrainingRequest


@dataclass
class Target:
    """The target of the rows that are used: numbers, or the codes of `classes`, which are in order."""

    values: np.ndarray
    classes: np.ndarray | None

    def of(self, rows: np.ndarray) -> np.ndarray:
        """The target of these of the used rows, as labels or numbers."""
        values = self.values[rows]
        return values if self.classes is None else self.classes[values]


@dataclass
class RowSplit:
    """Which stored rows a training is fitted and measured on, with what it knows of each of them.

    `train` and `test` are ascending positions of stored rows. What has a value for each training row is in their order;
    `y_in_order` are the training targets in the order of the split, which for one by time is that of time.
    """

    train: np.ndarray
    test: np.ndarray
    y_train: np.ndarray | None  # codes of `classes`, or numbers
    y_test: np.ndarray | None
    classes: np.ndarray | None
    measured: str
    y_in_order: np.ndarray | pandas.Categorical | None = None
    groups: np.ndarray | None = None  # of the training rows, as numbers: groups or blocks of time
    is_in_time: bool = False
    test_groups: np.ndarray | None = None
    weights: np.ndarray | None = None
    first_test_row: int = 0

    def mask(self, count: int) -> np.ndarray:
        """The training rows, of so many."""
        is_train = np.zeros(count, bool)
        is_train[self.train] = True
        return is_train

    def labels(self, codes: np.ndarray | None) -> np.ndarray | None:
        return codes if codes is None or self.classes is None else self.classes[codes]


def split(
    rows: StoredRows, *, target: dict | None, request: TrainingRequest, warnings: list[str], own_rows: int
) -> RowSplit:
    """The rows of each part, by the method of the request; rows beyond `own_rows` are those of another version.

    Raises ValidationError with the codes of splits.split().
    """
    if request.task == "clustering":
        everything = np.arange(rows.count)
        return RowSplit(
            everything, everything, None, None, None, f"Measured on all {len(everything):,} rows."
        )
    validation.check_test_size(request.test_size)
    validation.check_target_type(target, algorithm=request.algorithm)
    frame = rows.whole(list(dict.fromkeys([target["name"], *request.row_columns])))
    validation.check_finite(frame, [target["name"]])
    is_used = splits.usable_rows(frame, [target["name"], *request.row_columns], warnings)
    used = np.flatnonzero(is_used)
    frame = frame.iloc[used]
    is_own = used < own_rows
    values, classes = _target_values(frame[target["name"]], target, request)
    parts = splits.divided(frame, values, is_own, request=request)
    as_labels = values if classes is None else pandas.Categorical.from_codes(values, classes)
    splits.check_parts(
        as_labels[parts.train], as_labels[parts.test], target=target, request=request, warnings=warnings
    )
    train, test = np.sort(parts.train), np.sort(parts.test)
    optional = {}
    if request.split["method"] in ("group", "time"):
        keys, is_in_time = frame[request.split["column"]], request.split["method"] == "time"
        own = keys.iloc[train].to_numpy()
        blocks = splits.held_together(None if is_in_time else own, own if is_in_time else None)
        optional = {"groups": blocks, "is_in_time": is_in_time}
        if not is_in_time:
            optional["test_groups"] = pandas.factorize(keys.iloc[test])[0]
    if request.sample_weight:
        weights = validation.weights(frame[request.sample_weight])[train]
        validation.check_some_weight(weights, name=request.sample_weight)
        optional["weights"] = weights
    return RowSplit(
        used[train],
        used[test],
        values[train],
        values[test],
        classes,
        parts.measured,
        y_in_order=as_labels[parts.train],
        first_test_row=own_rows if request.split["method"] == "dataset_version" else 0,
        **optional,
    )


def _target_values(series: pandas.Series, target: dict, request: TrainingRequest):
    """Numbers, or the codes of the classes and these classes in order."""
    if request.task == "regression":
        return splits.target_values(series, target["type"]), None
    codes, found = pandas.factorize(series)
    words = boolean_words(target)
    labels = pandas.Series(list(found)).map(words).astype("str") if words else pandas.Series(found)
    kind = "text" if words else target["type"]
    labels = splits.target_values(labels, kind)
    classes, places = np.unique(labels, return_inverse=True)
    codes = places[codes].astype("int32")
    validation.check_class_counts(
        classes,
        np.bincount(codes, minlength=len(classes)),
        name=target["name"],
        algorithm=request.algorithm,
    )
    return codes, classes

"""The split of a table into training and test rows. No Django models or settings."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas
from django.core.exceptions import ValidationError

from registry.estimators import decision
from registry.estimators.frameworks import fitting
from registry.training import preprocessing, split_methods, validation
from registry.training.columns import feature_frame
from registry.training.request import TrainingRequest
from registry.training.split_methods import Parts

MAX_LABEL = 50  # characters
BLOCKS = 50  # of times next to each other, which are on one side of the folds of a threshold or a calibration
TARGET_DTYPES = {"text": object, "boolean": bool, "integer": "int64", "number": "float64"}


@dataclass
class Split:
    """The rows to fit and to evaluate on; for clustering both are all rows, without `y`.

    `measured` is a sentence about the test rows. `groups` or `times` are those of the training rows, for a split by
    them, and `test_keys` those of the test rows; weights count in a fit, not in the metrics. The index of the test rows
    counts those of their dataset version from `first_test_row`.
    """

    train: pandas.DataFrame
    test: pandas.DataFrame
    y_train: np.ndarray | None
    y_test: np.ndarray | None
    measured: str = ""
    groups: np.ndarray | None = None
    times: np.ndarray | None = None
    test_keys: np.ndarray | None = None
    random_state: int | None = None
    weights_train: np.ndarray | None = None
    weights_test: np.ndarray | None = None
    first_test_row: int = 0

    def fit(self, pipeline, rows: np.ndarray | None = None, report: fitting.Report | None = None) -> None:
        """Fit a pipeline on the training rows, or on these positions of them.

        `report` is called with the share of the iterations of an optional framework that are done.
        """
        everything = self.train, self.y_train, self.weights_train, self.held_together
        X, y, weights, groups = (
            everything if rows is None else (_taken(values, rows) for values in everything)
        )
        self._fit(pipeline, X, y, weights, groups, report)

    @cached_property
    def held_together(self) -> np.ndarray | None:
        """Of each training row the number of its group or block of time, which folds must not divide; else None."""
        return held_together(self.groups, self.times)

    def _fit(self, pipeline, X, y, weights, groups, report=None) -> None:
        # Rows of one time need not be alike: those of a few dates are divided.
        required, seed = self.groups is not None, self.random_state
        decision.divide(pipeline[-1], y, groups=groups, are_required=required, random_state=seed)
        options = {"groups": groups, "is_in_time": self.times is not None, "seed": seed, "report": report}
        with preprocessing.cross_fitted_by(pipeline, y, groups):
            fitting.fit_pipeline(pipeline, X, y, weights, **options)
        decision.forget_groups(pipeline[-1])

    def refitted(self, pipeline) -> tuple[object, pandas.DataFrame]:
        """The same pipeline fitted on the training and the test rows, and these rows; `measured` says so."""
        from sklearn.base import clone

        pipeline = clone(pipeline)
        X = pandas.concat([self.train, self.test])
        weights = None if self.weights_train is None else np.r_[self.weights_train, self.weights_test]
        y = np.concatenate([self.y_train, self.y_test])
        groups, times = (
            None if keys is None else np.concatenate([keys, self.test_keys])
            for keys in (self.groups, self.times)
        )
        self._fit(pipeline, X, y, weights, held_together(groups, times))
        self.measured += f" The model was then fitted again on all {len(X):,} rows."
        return pipeline, X


def split(
    frame: pandas.DataFrame,
    *,
    inputs: list[dict],
    target: dict | None,
    request: TrainingRequest,
    warnings: list[str],
    measured_on: pandas.DataFrame | None = None,
) -> Split:
    """Validated training and test rows, by the method of the request; random ones are stratified by class.

    `measured_on` are the rows of the dataset version to measure on, if that is the method. Rows without a target, or
    without a value in the column of the split, are excluded, which is added to `warnings`. Raises ValidationError with
    the codes of `validation` and `split_methods`.
    """
    names = [column["name"] for column in inputs]
    validation.check_finite(frame, names)
    if request.task == "clustering":
        validation.check_clustering_rows(frame)
        all_rows = feature_frame(frame, inputs)
        return Split(all_rows, all_rows, None, None, f"Measured on all {len(frame):,} rows.")
    validation.check_test_size(request.test_size)
    validation.check_target_type(target, algorithm=request.algorithm)
    own_rows = len(frame)
    if measured_on is not None:
        validation.check_finite(measured_on, names)
        frame = pandas.concat([frame, measured_on], ignore_index=True)
    validation.check_finite(frame, [target["name"]])
    is_used = usable_rows(frame, [target["name"], *request.row_columns], warnings)
    is_own = np.arange(len(frame)) < own_rows
    if not is_used.all():
        frame, is_own = frame[is_used], is_own[is_used]
    y = target_values(frame[target["name"]], target["type"])
    if request.task == "classification":
        validation.check_classes(y, name=target["name"], algorithm=request.algorithm)
    rows = divided(frame, y, is_own, request=request)
    train, test = rows.train, rows.test
    check_parts(y[train], y[test], target=target, request=request, warnings=warnings)
    parts = [feature_frame(frame, inputs, part) for part in (train, test)]
    optional = {} if measured_on is None else {"first_test_row": own_rows}
    if by := {"group": "groups", "time": "times"}.get(request.split["method"]):
        keys = frame[request.split["column"]]
        optional |= {by: keys.iloc[train].to_numpy(), "test_keys": keys.iloc[test].to_numpy()}
    if request.sample_weight:
        weights = validation.weights(frame[request.sample_weight])
        validation.check_some_weight(weights[train], name=request.sample_weight)
        optional |= {"weights_train": weights[train], "weights_test": weights[test]}
    return Split(*parts, y[train], y[test], rows.measured, random_state=request.random_state, **optional)


def held_together(groups: np.ndarray | None, times: np.ndarray | None) -> np.ndarray | None:
    if groups is not None:
        return pandas.factorize(groups)[0]
    if times is None:
        return None
    _, codes, counts = np.unique(times, return_inverse=True, return_counts=True)
    return ((np.cumsum(counts) - counts) * BLOCKS // len(times))[codes]


def _taken(values, rows: np.ndarray):
    if values is None:
        return None
    return values.iloc[rows] if isinstance(values, pandas.DataFrame) else values[rows]


def target_values(series: pandas.Series, kind: str) -> np.ndarray:
    """The values of a target without gaps, in the Python type of the file: str, int, bool or float.

    Short texts are an array of fixed width: sorting Python's strings, as scikit-learn does again and again to find the
    classes, takes twenty times as long.
    """
    if kind != "text":
        return series.astype(TARGET_DTYPES[kind]).to_numpy()
    codes, classes = pandas.factorize(series.astype("str"))
    longest = max(map(len, classes), default=0)
    is_exact = longest <= MAX_LABEL and not any(label.endswith("\0") for label in classes)
    return np.array(classes, f"U{max(longest, 1)}" if is_exact else object)[codes]


def divided(frame: pandas.DataFrame, y: np.ndarray, is_own: np.ndarray, *, request: TrainingRequest) -> Parts:
    """The rows of each part by the method of the request."""
    method, column = request.split["method"], split_methods.column_of(request.split)
    labels = pandas.factorize(y, sort=True)[0] if request.task == "classification" else None
    if method == "time":
        return split_methods.by_time(frame[column], test_size=request.test_size)
    if method == "group":
        options = {"test_size": request.test_size, "random_state": request.random_state}
        return split_methods.by_group(frame[column], labels=labels, **options)
    if method == "column":
        return split_methods.by_column(frame[column])
    if method == "dataset_version":
        return Parts.of(~is_own, f" of dataset version {request.split['dataset_version']}")
    return _at_random(labels, rows=len(y), request=request)


def _at_random(labels: np.ndarray | None, *, rows: int, request: TrainingRequest) -> Parts:
    from sklearn.model_selection import train_test_split

    classes = None if labels is None else int(labels.max(initial=-1)) + 1
    validation.check_split_sizes(rows, test_size=request.test_size, classes=classes)
    train, test = train_test_split(
        np.arange(rows), test_size=request.test_size, random_state=request.random_state, stratify=labels
    )
    return Parts(train, test, f" ({100 * len(test) / rows:.2g} %), drawn at random")


def usable_rows(frame: pandas.DataFrame, names: list[str], warnings: list[str]) -> np.ndarray:
    """The rows that have a value in each of these columns, as a mask."""
    is_used = np.ones(len(frame), bool)
    for name in dict.fromkeys(names):
        has_value = frame[name].notna().to_numpy(bool)
        missing = int((is_used & ~has_value).sum())
        if missing:
            were = "was" if missing == 1 else "were"
            warnings.append(f"{validation.count(missing)} without a value in `{name}` {were} excluded.")
            is_used &= has_value
    return is_used


def check_parts(
    y_train: np.ndarray, y_test: np.ndarray, *, target: dict, request: TrainingRequest, warnings: list[str]
) -> None:
    """Both parts need rows, and the training rows two classes. Code: split."""
    needed = 2 if request.task == "regression" else 1
    for part, size in (("test", len(y_test)), ("training", len(y_train))):
        if size < needed:
            raise ValidationError(
                f"The split leaves {validation.count(size)} for the {part} part, which needs at least {needed}; change "
                "the split.",
                code="split",
            )
    if request.task != "classification" or request.split["method"] == "random":  # which is stratified
        return
    classes = pandas.unique(y_train)
    if len(classes) < 2:
        raise ValidationError(
            f"All training rows of this split have the same class in `{target['name']}`, {classes[0]}; change the "
            "split.",
            code="split",
        )
    warnings += unseen_classes(y_test, classes)


def unseen_classes(y: np.ndarray, classes: np.ndarray) -> list[str]:
    """A warning about measured rows whose class is none of those that a model knows, if there are any."""
    unseen = int((~pandas.Series(y).isin(classes)).sum())
    if not unseen:
        return []
    have = "has" if unseen == 1 else "have"
    rows = validation.count(unseen, "test row")
    return [f"{rows} {have} a class that no training row has; the metrics count them as errors."]

"""The fitted step "columns" of a pipeline for rows that are not in memory: scikit-learn's own, as in memory.

It is fitted on a small table that has every category of the training rows, and what depends on all rows is set then:
medians from DuckDB, scales by `partial_fit`, means of the target from their sums.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas

from registry.estimators.frameworks import fitting
from registry.training.columns import feature_frame
from registry.training.out_of_core import statistics, target_means
from registry.training.out_of_core.row_split import RowSplit
from registry.training.out_of_core.statistics import ColumnStatistics
from registry.training.out_of_core.stored_rows import StoredRows
from registry.training.preparation import MAX_CATEGORIES, Choice
from registry.training.preprocessing import MAX_ONE_HOT_COLUMNS

MISSING = "missing"  # the category of gaps in one-hot columns, see preprocessing


@dataclass
class Encoder:
    """Encodes training rows as a fit sees them: with the means of the target from the other folds of each row."""

    transformer: object  # a fitted ColumnTransformer
    inputs: list[dict]
    folds: np.ndarray | None = None  # of the training rows
    of_fold: list = field(default_factory=list)  # for each, the fitted steps of "target_mean"

    def blocks(self, rows: StoredRows, split: RowSplit) -> Iterator[tuple[int, np.ndarray]]:
        """Yields the encoded training rows in order, each block with the number of its first row among them."""
        start = 0
        for _, frame in rows.frames(self.inputs, split.mask(rows.count)):
            yield start, self._encoded(frame, start)
            start += len(frame)

    def _encoded(self, frame: pandas.DataFrame, start: int) -> np.ndarray:
        block = self.transformer.transform(frame)
        if self.folds is None:
            return block
        columns = _columns_of(self.transformer, "target_mean")
        place, folds = (
            self.transformer.output_indices_["target_mean"],
            self.folds[start : start + len(frame)],
        )
        for fold, steps in enumerate(self.of_fold):
            inside = np.flatnonzero(folds == fold)
            if len(inside):
                block[inside, place] = steps.transform(frame.iloc[inside][columns])
        return block


def fit(
    transformer,
    choices: Sequence[Choice],
    found: dict[str, ColumnStatistics],
    *,
    estimator,
    rows: StoredRows,
    inputs: list[dict],
    split: RowSplit,
    sample: pandas.DataFrame,
    task: str,
    seed: int | None,
) -> Encoder:
    """Fit a ColumnTransformer of preprocessing.column_transformer() on all training rows; `sample` has some of them."""
    table = _every_category(choices, found, estimator, sample)
    frame = feature_frame(table, inputs)
    transformer.fit(frame, _any_target(split, len(frame)))
    is_train = split.mask(rows.count)
    _set_medians(transformer, rows, inputs, is_train)
    encoder = Encoder(transformer, inputs)
    if any(choice.prepare == "target_mean" for choice in choices):
        columns = _columns_of(transformer, "target_mean")
        steps = transformer.named_transformers_["target_mean"]
        means = target_means.measure(
            rows, [column for column in inputs if column["name"] in columns], columns, steps, split, seed=seed
        )
        encoder.folds, encoder.of_fold = means.folds, [means.steps_of(fold) for fold in range(means.count)]
    _fit_scales(encoder, rows, split)
    return encoder


def _any_target(split: RowSplit, count: int) -> np.ndarray | None:
    """A target with every class, for the fit on the small table, of which nothing of it stays."""
    if split.y_train is None:
        return None
    if split.classes is not None:
        known = np.unique(split.y_train)
        return split.classes[known[np.arange(count) % len(known)]]
    return np.resize(split.y_train[:1000], count)


def _every_category(choices, found, estimator, sample: pandas.DataFrame) -> pandas.DataFrame:
    """The sample of the rows, with each category in some row and a gap in each column that has gaps."""
    limits = {
        "one_hot": min(max(MAX_ONE_HOT_COLUMNS // max(_count(choices, "one_hot"), 1), 2), MAX_CATEGORIES),
        "native": fitting.max_native_categories(estimator),
        "target_mean": None,
    }
    columns = {}
    for choice in choices:
        if choice.prepare in limits:
            columns[choice.column] = _categories(
                found[choice.column],
                limits[choice.prepare],
                gap=MISSING if choice.prepare == "one_hot" else None,
            )
    count = max(len(sample), *map(len, columns.values())) if columns else len(sample)
    places = np.arange(count) % len(sample)
    table = sample.iloc[places].reset_index(drop=True)
    for choice in choices:
        name = choice.column
        if name in columns:
            values = columns[name]
            padded = values + values[:1] * (count - len(values))
            table[name] = pandas.Series(padded, dtype=table[name].dtype)
        elif choice.prepare != "words" and found[name].missing and not table[name].isna().any():
            table.loc[count - 1, name] = None
    return table


def _count(choices: Sequence[Choice], prepare: str) -> int:
    return sum(choice.prepare == prepare for choice in choices)


def _categories(one: ColumnStatistics, limit: int | None, *, gap: str | None) -> list:
    """The values of a column for a fit that counts them: twice what is frequent, once the rest.

    scikit-learn keeps the `limit` - 1 categories with most rows, of equally many the last; the others share a code.
    """
    counts = one.categories
    if gap is not None and one.missing:
        counts = counts.astype("int64")
        counts.index = counts.index.astype(object).map(str)
        counts = counts.add(pandas.Series({gap: one.missing}), fill_value=0).sort_index()
    if limit is None:
        frequent, rest = counts.index.tolist(), []
    else:
        order = np.argsort(counts.to_numpy(), kind="stable")
        frequent = counts.index[order[max(len(order) - limit + 1, 0) :]].tolist()
        rest = counts.index[order[: max(len(order) - limit + 1, 0)]].tolist()
    values = [*frequent, *frequent, *rest]
    if gap is not None and one.missing:
        values = [_as_cell(value, one, gap) for value in values]
    elif one.missing or not values:
        values = [*values, None]
    return values


def _as_cell(value: str, one: ColumnStatistics, gap: str) -> object:
    """The cell of a category: a gap, a truth value or a text."""
    if value == gap:
        return None
    return value == "True" if one.facts.type == "boolean" else value


def _columns_of(transformer, name: str) -> list[str]:
    return next(columns for other, _, columns in transformer.transformers_ if other == name)


def _steps(transformer) -> Iterator[tuple[str, object, list]]:
    """The fitted pipelines of a ColumnTransformer, each with the columns it is for."""
    for name, steps, columns in transformer.transformers_:
        if hasattr(steps, "steps"):
            yield name, steps, columns


def _set_medians(transformer, rows: StoredRows, inputs: list[dict], is_train: np.ndarray) -> None:
    from sklearn.impute import SimpleImputer

    for _, steps, columns in _steps(transformer):
        for place, (_, step) in enumerate(steps.steps):
            if not isinstance(step, SimpleImputer) or step.strategy != "median":
                continue
            used = [column for column in inputs if column["name"] in set(columns)]

            def blocks(before=steps[:place], columns=columns, used=used):
                for _, frame in rows.frames(used, is_train):
                    yield before.transform(frame[columns]) if len(before) else frame[columns]

            found = statistics.medians(blocks, columns=len(step.statistics_), rows=int(is_train.sum()))
            # That of a column without values stays what scikit-learn makes of it.
            step.statistics_ = np.where(np.isnan(found), step.statistics_, found)


def _fit_scales(encoder: Encoder, rows: StoredRows, split: RowSplit) -> None:
    """Fit each scale by `partial_fit` on what the steps before it make of all training rows."""
    from sklearn.base import clone
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    last = {name: steps.steps[-1][1] for name, steps, _ in _steps(encoder.transformer)}
    scales = {
        name: clone(step) for name, step in last.items() if isinstance(step, StandardScaler | MinMaxScaler)
    }
    if not scales:
        return
    unscaled = copy.copy(encoder)
    unscaled.transformer = copy.copy(encoder.transformer)
    unscaled.transformer.transformers_ = [
        (name, steps[:-1] if name in scales else steps, columns)
        for name, steps, columns in encoder.transformer.transformers_
    ]
    unscaled.of_fold = [steps[:-1] if "target_mean" in scales else steps for steps in encoder.of_fold]
    places = encoder.transformer.output_indices_
    for _, block in unscaled.blocks(rows, split):
        for name, scale in scales.items():
            scale.partial_fit(block[:, places[name]])
    for name, steps, _ in _steps(encoder.transformer):
        if name in scales:
            steps.steps[-1] = (steps.steps[-1][0], scales[name])
    for steps in encoder.of_fold:
        if "target_mean" in scales:
            steps.steps[-1] = (steps.steps[-1][0], scales["target_mean"])

"""Features that reveal the target, judged on a few hundred rows. No Django, no database."""

from dataclasses import dataclass

import numpy as np
import pandas

MAX_TEXT_COLUMNS = 500
MAX_NUMERIC_COLUMNS = 20  # those that order the target best
MIN_ROWS = 10
MIN_ROWS_FOR_A_MODEL = 50  # with fewer rows, one honest measurement often separates the classes
LUCK_BITS = 10  # a match must be 1,000 times less likely by chance than a match of any feature
ALMOST_PERFECT = 0.02  # of the error that guessing the most frequent class, or the mean, leaves
PERFECT, MIN_ROWS_FOR_SEVERAL = (
    0.012,
    200,
)  # if several features are: the target of a real task is not that easy
CLOSE = 0.05
# A number is easier to approximate than a class: a line that explains 99.9 % of the variance counts as 98 % accuracy.
REGRESSION_FACTOR = 20
ROUNDING = 1e-9
FLOAT32_MAX = float(np.finfo(np.float32).max)  # a tree refuses larger numbers


@dataclass(frozen=True)
class Unexplained:
    """The share of the target that one feature does not explain, from 0 to 1; `is_exact` for a mere recoding."""

    share: float
    is_exact: bool = False


def find(frame: pandas.DataFrame, inputs: list[dict], y: np.ndarray, *, is_classification: bool) -> list[str]:
    """The features that each predict `y` (almost) perfectly alone: copies, codes and functions of it.

    Returns every exact recoding (one value per class, or a linear function). Another feature is returned only
    if it predicts the target almost perfectly and no second one comes close: if several do, as the length and
    width of petals separate one iris from the others, the target is simply easy, unless they do so in many rows.
    """
    bits = len(y) * _entropy(pandas.factorize(y)[0]) if len(y) >= MIN_ROWS else 0
    if bits < LUCK_BITS + np.log2(max(len(inputs), 1)):
        return []
    texts = [column["name"] for column in inputs if column["type"] in ("text", "boolean")][:MAX_TEXT_COLUMNS]
    unexplained = {name: _unexplained_by_groups(frame[name], y, is_classification) for name in texts}
    numbers = [column["name"] for column in inputs if column["type"] in ("integer", "number", "date")]
    values = {name: _as_floats(frame[name]) for name in numbers}
    compare_values = _unexplained_by_tree if is_classification else _unexplained_by_line
    for name in _best_ordering(values, y, is_classification):
        by_group = _unexplained_by_groups(pandas.Series(values[name]), y, is_classification)
        by_value = compare_values(values[name], y)
        unexplained[name] = min(by_group, by_value, key=lambda rest: (not rest.is_exact, rest.share))
    exact = [name for name, rest in unexplained.items() if rest.is_exact]
    close = [name for name, rest in unexplained.items() if not rest.is_exact and rest.share <= CLOSE]
    alone = close if len(close) == 1 and unexplained[close[0]].share <= ALMOST_PERFECT else []
    if len(y) >= MIN_ROWS_FOR_SEVERAL:
        alone += [name for name in close if unexplained[name].share <= PERFECT]
    return [column["name"] for column in inputs if column["name"] in {*exact, *alone}]


def _as_floats(series: pandas.Series) -> np.ndarray:
    if series.dtype.kind == "M":
        return np.where(series.isna(), np.nan, series.to_numpy("datetime64[us]").astype("int64"))
    return series.to_numpy("float64", na_value=np.nan)


def _best_ordering(values: dict[str, np.ndarray], y: np.ndarray, is_classification: bool) -> list[str]:
    """The columns that order the target best: few changes of class along them, or a high correlation."""
    if not values:
        return []
    table = np.column_stack(list(values.values()))
    order = np.argsort(table, axis=0, kind="stable")
    if is_classification:
        codes = pandas.factorize(y)[0][order]
        score = (codes[1:] != codes[:-1]).sum(axis=0)
    else:
        ranks = np.empty_like(table)
        np.put_along_axis(ranks, order, np.arange(len(y), dtype=float)[:, None], axis=0)
        y_ranks = pandas.Series(y).rank().to_numpy()
        score = -np.maximum(_correlations(table, y), _correlations(ranks, y_ranks))
    names = list(values)
    return [names[index] for index in np.argsort(score, kind="stable")[:MAX_NUMERIC_COLUMNS]]


def _correlations(table: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The absolute correlation of every column with `y`; gaps count as the column's mean."""
    gaps = np.isnan(table)
    total = np.where(gaps, 0, table).sum(axis=0)
    centred = np.where(gaps, 0, table - total / np.maximum((~gaps).sum(axis=0), 1))
    y = y - y.mean()
    scale = np.sqrt((centred**2).sum(axis=0) * (y**2).sum())
    return np.abs(centred.T @ y) / np.where(scale > 0, scale, np.inf)


def _unexplained_by_groups(series: pandas.Series, y: np.ndarray, is_classification: bool) -> Unexplained:
    """What the other rows with the same value do not reveal of each row's target; a gap is a value too."""
    is_present = series.notna().to_numpy()
    if is_present.sum() * 2 < len(y):
        is_present = np.ones(len(y), bool)
    groups = pandas.factorize(series[is_present], use_na_sentinel=False)[0]
    codes, labels = pandas.factorize(y[is_present])
    pairs = len(np.unique(groups * len(labels) + codes))
    repeats = len(labels) * 2 <= len(codes)
    if len(labels) > 1 and repeats and pairs == groups.max() + 1 == len(labels):
        return Unexplained(0, is_exact=True)
    is_unique = (groups.max() + 1) * 4 > len(groups)  # a measurement or an identifier: too few rows per value
    if is_unique or len(y) < MIN_ROWS_FOR_A_MODEL:
        return Unexplained(1)
    groups = pandas.factorize(series, use_na_sentinel=False)[0]
    return Unexplained(_class_errors(groups, y) if is_classification else _variance_left(groups, y))


def _class_errors(groups: np.ndarray, y: np.ndarray) -> float:
    codes = pandas.factorize(y)[0]
    table = np.zeros((groups.max() + 1, codes.max() + 1))
    np.add.at(table, (groups, codes), 1)
    votes = table[groups]
    rows = np.arange(len(y))
    own = votes[rows, codes] - 1  # excludes the row itself
    votes[rows, codes] = -1
    return _error_share(own <= votes.max(axis=1), codes)


def _variance_left(groups: np.ndarray, y: np.ndarray) -> float:
    sums, counts = np.bincount(groups, weights=y), np.bincount(groups)
    others = counts[groups] - 1
    guess = np.where(others > 0, (sums[groups] - y) / np.maximum(others, 1), y.mean())
    return REGRESSION_FACTOR * float(((y - guess) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def _error_share(is_wrong: np.ndarray, codes: np.ndarray) -> float:
    """Wrong rows, relative to those that guessing the largest class gets wrong."""
    return float(is_wrong.sum() / (len(codes) - np.bincount(codes).max()))


def _unexplained_by_tree(values: np.ndarray, y: np.ndarray) -> Unexplained:
    """The cross-validated error of a shallow tree on this one column."""
    from sklearn.model_selection import KFold
    from sklearn.tree import DecisionTreeClassifier

    codes, labels = pandas.factorize(y)
    if len(y) < MIN_ROWS_FOR_A_MODEL:
        return Unexplained(1)
    is_wrong = np.zeros(len(y), bool)
    column = np.clip(values, -FLOAT32_MAX, FLOAT32_MAX)[:, None]
    for train, test in KFold(3, shuffle=True, random_state=0).split(column):
        tree = DecisionTreeClassifier(max_leaf_nodes=max(8, 2 * len(labels)), random_state=0)
        is_wrong[test] = tree.fit(column[train], codes[train]).predict(column[test]) != codes[test]
    return Unexplained(_error_share(is_wrong, codes))


def _unexplained_by_line(values: np.ndarray, y: np.ndarray) -> Unexplained:
    """What a straight line, or the order of the values alone, does not explain; robust to one outlier."""
    is_present = np.isfinite(values)
    x, y = values[is_present], y[is_present]
    if len(x) < max(MIN_ROWS, len(is_present) / 2) or np.ptp(x) == 0 or np.ptp(y) == 0:
        return Unexplained(1)
    line = 1 - np.corrcoef(x, y)[0, 1] ** 2
    if line <= ROUNDING:
        return Unexplained(0, is_exact=True)
    if len(x) < MIN_ROWS_FOR_A_MODEL:
        return Unexplained(1)
    order = 1 - abs(np.corrcoef(pandas.Series(x).rank(), pandas.Series(y).rank())[0, 1])
    return Unexplained(REGRESSION_FACTOR * float(min(max(line, order / 10), 10 * order)))


def _entropy(codes: np.ndarray) -> float:
    """Bits per row."""
    shares = np.bincount(codes) / len(codes)
    shares = shares[shares > 0]
    return float(-(shares * np.log2(shares)).sum())

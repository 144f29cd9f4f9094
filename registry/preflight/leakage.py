"""Which features give the target away by themselves, judged on a few hundred rows. No Django, no database."""

from dataclasses import dataclass

import numpy as np
import pandas

MOST_TEXTS = 500
MOST_TRIED = 20  # of the numbers: those that order the target best
FEWEST_ROWS = 10
FEWEST_FOR_A_SPLIT = 50  # on fewer rows, one honest measurement often separates the classes by itself
LUCK_BITS = 10  # a match must be 1,000 times less likely by luck than any of the features matching
NEARLY = 0.02  # of what guessing the most frequent class, or the mean, leaves open
CLOSE = 0.05
AS_CLASSES = (
    20  # numbers are easier to come near to: a line at 99.9 % of the variance is as 98 % of the classes
)
ROUNDING = 1e-9


@dataclass(frozen=True)
class Miss:
    """How much of the target one feature leaves open, from 0 (nothing) to 1; `is_exact` for a mere recoding."""

    share: float
    is_exact: bool = False


def find(frame: pandas.DataFrame, inputs: list[dict], y: np.ndarray, *, is_classes: bool) -> list[str]:
    """The features of which each predicts `y` (nearly) perfectly on its own: copies, codes and functions of it.

    Exact recodings are all named: one value for each class, or a linear function. Another feature is only
    named when it nearly predicts the target and no second one comes close: where several do, as the petals'
    length and width tell one iris from the others, the target is simply easy.
    """
    bits = len(y) * _entropy(pandas.factorize(y)[0]) if len(y) >= FEWEST_ROWS else 0
    if bits < LUCK_BITS + np.log2(max(len(inputs), 1)):
        return []
    texts = [column["name"] for column in inputs if column["type"] in ("text", "boolean")][:MOST_TEXTS]
    misses = {name: _miss_of_groups(frame[name], y, is_classes) for name in texts}
    numbers = [column["name"] for column in inputs if column["type"] in ("integer", "number", "date")]
    values = {name: _as_floats(frame[name]) for name in numbers}
    miss_of_values = _miss_of_split if is_classes else _miss_of_line
    for name in _promising(values, y, is_classes):
        by_group = _miss_of_groups(pandas.Series(values[name]), y, is_classes)
        by_value = miss_of_values(values[name], y)
        misses[name] = min(by_group, by_value, key=lambda miss: (not miss.is_exact, miss.share))
    exact = [name for name, miss in misses.items() if miss.is_exact]
    close = [name for name, miss in misses.items() if not miss.is_exact and miss.share <= CLOSE]
    alone = close if len(close) == 1 and misses[close[0]].share <= NEARLY else []
    return [column["name"] for column in inputs if column["name"] in {*exact, *alone}]


def _as_floats(series: pandas.Series) -> np.ndarray:
    if series.dtype.kind == "M":
        return np.where(series.isna(), np.nan, series.to_numpy("datetime64[us]").astype("int64"))
    return series.to_numpy("float64", na_value=np.nan)


def _promising(values: dict[str, np.ndarray], y: np.ndarray, is_classes: bool) -> list[str]:
    """The columns that order the target best: few changes of class along them, or a high correlation."""
    if not values:
        return []
    table = np.column_stack(list(values.values()))
    order = np.argsort(table, axis=0, kind="stable")
    if is_classes:
        codes = pandas.factorize(y)[0][order]
        score = (codes[1:] != codes[:-1]).sum(axis=0)
    else:
        ranks = np.empty_like(table)
        np.put_along_axis(ranks, order, np.arange(len(y), dtype=float)[:, None], axis=0)
        y_ranks = pandas.Series(y).rank().to_numpy()
        score = -np.maximum(_correlations(table, y), _correlations(ranks, y_ranks))
    names = list(values)
    return [names[place] for place in np.argsort(score, kind="stable")[:MOST_TRIED]]


def _correlations(table: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The absolute correlation of every column with `y`; gaps count as the column's mean."""
    gaps = np.isnan(table)
    total = np.where(gaps, 0, table).sum(axis=0)
    centred = np.where(gaps, 0, table - total / np.maximum((~gaps).sum(axis=0), 1))
    y = y - y.mean()
    scale = np.sqrt((centred**2).sum(axis=0) * (y**2).sum())
    return np.abs(centred.T @ y) / np.where(scale > 0, scale, np.inf)


def _miss_of_groups(series: pandas.Series, y: np.ndarray, is_classes: bool) -> Miss:
    """What the other rows of the same value do not tell of each row's target; a gap is a value too."""
    known = series.notna().to_numpy()
    if known.sum() * 2 < len(y):
        known = np.ones(len(y), bool)
    groups = pandas.factorize(series[known], use_na_sentinel=False)[0]
    answers, labels = pandas.factorize(y[known])
    pairs = len(np.unique(groups * len(labels) + answers))
    repeats = len(labels) * 2 <= len(answers)
    if len(labels) > 1 and repeats and pairs == groups.max() + 1 == len(labels):
        return Miss(0, is_exact=True)
    is_measure = (groups.max() + 1) * 4 > len(groups)  # or an identifier: too many values to know them again
    if is_measure or len(y) < FEWEST_FOR_A_SPLIT:
        return Miss(1)
    groups = pandas.factorize(series, use_na_sentinel=False)[0]
    return Miss(_open_class(groups, y) if is_classes else _open_number(groups, y))


def _open_class(groups: np.ndarray, y: np.ndarray) -> float:
    answers = pandas.factorize(y)[0]
    table = np.zeros((groups.max() + 1, answers.max() + 1))
    np.add.at(table, (groups, answers), 1)
    votes = table[groups]
    rows = np.arange(len(y))
    own = votes[rows, answers] - 1  # without the row itself
    votes[rows, answers] = -1
    return _share_missed(own <= votes.max(axis=1), answers)


def _open_number(groups: np.ndarray, y: np.ndarray) -> float:
    sums, counts = np.bincount(groups, weights=y), np.bincount(groups)
    others = counts[groups] - 1
    guess = np.where(others > 0, (sums[groups] - y) / np.maximum(others, 1), y.mean())
    return AS_CLASSES * float(((y - guess) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def _share_missed(is_missed: np.ndarray, answers: np.ndarray) -> float:
    """Wrong rows over the rows that guessing the largest class gets wrong."""
    return float(is_missed.sum() / (len(answers) - np.bincount(answers).max()))


def _miss_of_split(values: np.ndarray, y: np.ndarray) -> Miss:
    """Cross-validated: what a shallow tree on this one column gets wrong."""
    from sklearn.model_selection import KFold
    from sklearn.tree import DecisionTreeClassifier

    answers, labels = pandas.factorize(y)
    if len(y) < FEWEST_FOR_A_SPLIT:
        return Miss(1)
    is_missed = np.zeros(len(y), bool)
    column = values[:, None]
    for train, test in KFold(3, shuffle=True, random_state=0).split(column):
        tree = DecisionTreeClassifier(max_leaf_nodes=max(8, 2 * len(labels)), random_state=0)
        is_missed[test] = tree.fit(column[train], answers[train]).predict(column[test]) != answers[test]
    return Miss(_share_missed(is_missed, answers))


def _miss_of_line(values: np.ndarray, y: np.ndarray) -> Miss:
    """What a line through the points, or their order alone, leaves open; one far point makes no line."""
    known = np.isfinite(values)
    x, y = values[known], y[known]
    if len(x) < max(FEWEST_ROWS, len(known) / 2) or np.ptp(x) == 0 or np.ptp(y) == 0:
        return Miss(1)
    line = 1 - np.corrcoef(x, y)[0, 1] ** 2
    if line <= ROUNDING:
        return Miss(0, is_exact=True)
    if len(x) < FEWEST_FOR_A_SPLIT:
        return Miss(1)
    order = 1 - abs(np.corrcoef(pandas.Series(x).rank(), pandas.Series(y).rank())[0, 1])
    return Miss(AS_CLASSES * float(min(max(line, order / 10), 10 * order)))


def _entropy(codes: np.ndarray) -> float:
    """Bits per row."""
    shares = np.bincount(codes) / len(codes)
    shares = shares[shares > 0]
    return float(-(shares * np.log2(shares)).sum())

"""What the preparation of a column depends on: facts of its values, or of its profile. No Django."""

import re
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas

TEXT_SAMPLE = 2_000
WORD = re.compile(r"\b\w\w+\b")  # as TfidfVectorizer splits
MIN_WORDS, MIN_VOCABULARY = 3, 100  # on average in a text, and in the sample
MOSTLY_DISTINCT = 0.5
PARTS = {
    "dt.year": "year",
    "dt.month": "month",
    "dt.day": "day",
    "dt.day_of_week": "weekday",
    "dt.hour": "hour",
}
MIN_PART_VALUES = 3
MIN_GAPS, MIN_EXPECTED = 10, 5  # rows for a test of the gaps: without a value, and of each class among them
CHANCE = 0.001  # of a column whose gaps tell nothing to look as if they did


@dataclass(frozen=True)
class Facts:
    """`filled` and `distinct` count values; `parts` are those of dates that vary. `recurs` is whether most rows have a
    value that occurs in another group of the split: else its mean says nothing about the rows that are held out.
    """

    type: str
    filled: int
    distinct: int
    is_prose: bool = False
    parts: tuple[str, ...] = ()
    gaps_tell: bool = False
    recurs: bool = True


def of_values(
    kind: str, values: pandas.Series, target: np.ndarray | None, groups: np.ndarray | None = None
) -> Facts:
    """The facts of a column of training rows; `target` is that of `target_codes`."""
    filled = int(values.count())
    if kind == "date":
        return Facts(kind, filled, filled, parts=_parts(values.dropna()))
    if kind in ("integer", "number"):
        return Facts(kind, filled, filled, gaps_tell=_gaps_tell(values.isna().to_numpy(), target))
    distinct = int(values.nunique())
    is_prose = kind == "text" and distinct > MOSTLY_DISTINCT * filled and _is_prose(values)
    return Facts(kind, filled, distinct, is_prose, recurs=groups is None or _recurs(values, groups))


def of_profile(profile: dict, *, rows: int) -> Facts:
    """The facts of a column that its profile knows; whether gaps tell something shows in a training only."""
    kind, filled = profile["type"], rows - profile["missing"]
    # Earlier profiles do not count many values.
    distinct = filled if profile["distinct"] is None else profile["distinct"]
    is_prose = (
        kind == "text"
        and distinct > max(MOSTLY_DISTINCT * filled, MIN_VOCABULARY / 10)
        and profile.get("mean_words", 0) >= MIN_WORDS
    )
    parts = _parts_of_range(profile["min"], profile["max"]) if kind == "date" else ()
    return Facts(kind, filled, distinct, is_prose, parts)


def _recurs(values: pandas.Series, groups: np.ndarray) -> bool:
    codes = pandas.factorize(values)[0]
    pairs = np.unique(np.column_stack([codes, groups])[codes >= 0], axis=0)
    return bool((np.bincount(pairs[:, 0])[codes[codes >= 0]] > 1).mean() >= 0.5) if len(pairs) else True


def target_codes(y: np.ndarray | None, task: str) -> np.ndarray | None:
    """The target as integers for classes, and as numbers for a regression."""
    if y is None or task == "clustering":
        return None
    return np.asarray(y, float) if task == "regression" else pandas.factorize(y)[0]


def has_words(values: pandas.Series, *, count: int) -> bool:
    """Whether texts have this many different words."""
    words: set[str] = set()
    for text in values.dropna().unique():
        words.update(WORD.findall(text.lower()))
        if len(words) >= count:
            return True
    return False


def _gaps_tell(gaps: np.ndarray, target: np.ndarray | None) -> bool:
    """Whether the target of the rows without a value differs from the others, by a chi-square test."""
    rows, missing = len(gaps), int(gaps.sum())
    if target is None or min(missing, rows - missing) < MIN_GAPS:
        return False
    if target.dtype.kind == "f":
        if not target.std():
            return False
        return correlation_tells(np.corrcoef(gaps, target)[0, 1], rows)
    return counts_tell(np.bincount(target), np.bincount(target, weights=gaps))


def correlation_tells(correlation: float, rows: int) -> bool:
    """Whether a number differs in the rows without a value, by its correlation with the gaps in all rows."""
    from scipy.stats import chi2

    return bool(rows * correlation**2 > chi2.isf(CHANCE, 1))


def counts_tell(counts: np.ndarray, observed: np.ndarray) -> bool:
    """Whether the classes differ in the rows without a value: the rows of each class, and those among them."""
    from scipy.stats import chi2

    expected = counts * (observed.sum() / counts.sum())
    is_frequent = np.minimum(expected, counts - expected) >= MIN_EXPECTED
    if is_frequent.sum() < 2:
        return False
    counts, observed, expected = (values[is_frequent] for values in (counts, observed, expected))
    statistic = ((observed - expected) ** 2 * (1 / expected + 1 / (counts - expected))).sum()
    return bool(statistic > chi2.isf(CHANCE, len(counts) - 1))


def _parts(values: pandas.Series) -> tuple[str, ...]:
    """The parts that take some values: a table of one June has no months to learn from."""
    return tuple(
        part for part in PARTS if getattr(values.dt, part.removeprefix("dt.")).nunique() >= MIN_PART_VALUES
    )


def _parts_of_range(low: str | None, high: str | None) -> tuple[str, ...]:
    """The parts that dates between these would have; the hour if the first or last has a time of day."""
    if low is None or high is None:
        return ()
    first, last = datetime.fromisoformat(low), datetime.fromisoformat(high)
    days = (last - first).days
    varies = {
        "dt.year": last.year - first.year >= MIN_PART_VALUES - 1,
        "dt.month": days > 31 * (MIN_PART_VALUES - 1),
        "dt.day": days >= MIN_PART_VALUES - 1,
        "dt.day_of_week": days >= MIN_PART_VALUES - 1,
        "dt.hour": "T" in low or "T" in high,
    }
    return tuple(part for part in PARTS if varies[part])


def _is_prose(values: pandas.Series) -> bool:
    texts = values.dropna().iloc[:TEXT_SAMPLE]
    words = [WORD.findall(text.lower()) for text in texts]
    if not words or sum(map(len, words)) < MIN_WORDS * len(words):
        return False
    return len(set().union(*words)) >= MIN_VOCABULARY

"""The methods of a split: the rows that a model is fitted on, and those that it is measured on. No Django models."""

from dataclasses import dataclass

import numpy as np
import pandas
from django.core.exceptions import ValidationError

from registry.training.columns import not_a_column

RANDOM = {"method": "random"}
# The parameter that each method needs, beside its name.
METHODS = {
    "random": None,
    "time": "column",
    "group": "column",
    "column": "column",
    "dataset_version": "dataset_version",
}
WORDS = ("train", "test")  # the values of a column that says which part a row is in
GROUP_DRAWS = 10
MANY = 5


@dataclass(frozen=True)
class Parts:
    """The positions of the training and the test rows, and what completes the sentence "Measured on 1,200 rows ..."."""

    train: np.ndarray
    test: np.ndarray
    which: str

    @classmethod
    def of(cls, is_test: np.ndarray, which: str) -> "Parts":
        return cls(np.flatnonzero(~is_test), np.flatnonzero(is_test), which)

    @property
    def measured(self) -> str:
        rows = len(self.test)
        return f"Measured on {rows:,} row{'' if rows == 1 else 's'}{self.which}."


def usual() -> dict:
    return dict(RANDOM)


def column_of(split: dict) -> str | None:
    """The column that divides the rows."""
    return split.get("column")


def reserved(split: dict, *, sample_weight: str | None = None) -> set[str]:
    """The columns that are no features unless they are named: of a group or a part, and weights. A date is one."""
    column = None if split.get("method") == "time" else column_of(split)
    return {name for name in (column, sample_weight) if name is not None}


def check(split: dict, *, columns: list[dict], target: str | None, task: str) -> None:
    """The split must be possible for columns of these types. Code: split."""
    method = split.get("method") if isinstance(split, dict) else None
    if method not in METHODS:
        raise _invalid(f"The method of a split is one of {', '.join(METHODS)}; not {str(method)[:50]}.")
    if method != "random" and task == "clustering":
        raise _invalid("A clusterer is fitted and measured on all rows; leave the split out.")
    needed = METHODS[method]
    if needed and split.get(needed) is None:
        raise _invalid(f"The split `{method}` needs a `{needed}`.")
    if other := sorted(name for name in set(split) - {"method", needed} if split[name] is not None):
        raise _invalid(f"The split `{method}` has no `{other[0][:50]}`.")
    if needed == "column":
        _check_column(split["column"], method, columns=columns, target=target)


def _check_column(name: str, method: str, *, columns: list[dict], target: str | None) -> None:
    types = {column["name"]: column["type"] for column in columns}
    if name not in types:
        raise _invalid(not_a_column("split column", name, list(types)))
    if name == target:
        raise _invalid(f"`{name}` is the target and cannot split the rows; select another column.")
    if method == "time" and types[name] != "date":
        raise _invalid(f"A split by time needs a column of dates; `{name}` has the type {types[name]}.")
    if method == "column" and types[name] != "text":
        raise _invalid(
            f"A split column contains the words train and test; `{name}` has the type {types[name]}."
        )


def check_other_version(number: int, *, columns: list[dict], others: list[dict], needed: list[str]) -> None:
    """A dataset version to measure on needs these columns, with the same types. Code: split."""
    types, other_types = ({column["name"]: column["type"] for column in table} for table in (columns, others))
    missing = [f"`{name}`" for name in needed if name not in other_types]
    if missing:
        raise _invalid(
            f"Dataset version {number} has no column {_listed(missing)}; measure on another version."
        )
    changed = [
        f"`{name}` ({other_types[name]} instead of {types[name]})"
        for name in needed
        if other_types[name] != types[name]
    ]
    if changed:
        raise _invalid(
            f"Dataset version {number} has other types: {_listed(changed)}; measure on another version."
        )


def description(split: dict, *, test_size: float) -> str:
    """The rows that a model will be measured on, in a few words."""
    share, column = f"{100 * test_size:.3g} %", column_of(split)
    return {
        "random": f"{share} of the rows, drawn at random",
        "time": f"the newest {share} of the rows by `{column}`",
        "group": f"{share} of the rows, with values of `{column}` that no training row has",
        "column": f"the rows marked test in `{column}`",
        "dataset_version": f"the rows of dataset version {split.get('dataset_version')}",
    }[split["method"]]


def by_time(dates: pandas.Series, *, test_size: float) -> Parts:
    """The newest rows, about `test_size` of them; those of one date are on one side. Both parts are in their order."""
    times = dates.to_numpy("datetime64[us]")
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    starts = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1  # of each date but the first
    if not len(starts):
        raise _invalid(f"`{dates.name}` has only one date; a split by time needs at least two.")
    start = starts[np.abs((1 - test_size) * len(order) - starts).argmin()]
    first = pandas.Timestamp(ordered[start])
    text = first.date().isoformat() if first == first.normalize() else first.isoformat(sep=" ")
    share = _share(len(order) - start, len(order))
    return Parts(order[:start], order[start:], f" from {text}, the newest {share}")


def by_group(
    values: pandas.Series, *, test_size: float, random_state: int | None, labels: np.ndarray | None
) -> Parts:
    """Whole groups, about `test_size` of the rows; of several draws the one with the classes most in proportion.

    `labels` are the classes of the rows as numbers from 0, None for a regression.
    """
    codes, names = pandas.factorize(values)
    if len(names) < 2:
        raise _invalid(f"`{values.name}` has only one group; a split by group needs at least two.")
    sizes, rng = np.bincount(codes), np.random.default_rng(random_state)
    labels = np.zeros(len(codes), int) if labels is None else labels
    totals = np.bincount(labels)
    best, lowest = None, np.inf
    for _ in range(GROUP_DRAWS):
        order = rng.permutation(len(sizes))
        count = int(np.abs(sizes[order].cumsum()[:-1] - test_size * len(codes)).argmin()) + 1
        is_chosen = np.zeros(len(sizes), bool)
        is_chosen[order[:count]] = True
        is_test = is_chosen[codes]
        in_test = np.bincount(labels[is_test], minlength=len(totals))
        distance = (
            abs(is_test.mean() - test_size) + np.abs(in_test / is_test.sum() - totals / len(codes)).sum()
        )
        distance += (in_test == totals).sum()  # classes without a training row
        if distance < lowest:
            best, lowest = (is_test, count), distance
    is_test, count = best
    values_of = "1 value" if count == 1 else f"{count:,} values"
    return Parts.of(
        is_test,
        f" ({_share(is_test.sum(), len(is_test))}) with {values_of} of `{values.name}` that no training row has",
    )


def by_column(values: pandas.Series) -> Parts:
    """The rows whose value is "test", in any case."""
    is_test = (part_words(values) == "test").to_numpy(bool)
    for word, has_rows in (("test", is_test.any()), ("train", not is_test.all())):
        if not has_rows:
            raise _invalid(f"`{values.name}` contains no row marked {word}; it needs both train and test.")
    return Parts.of(
        is_test, f" ({_share(is_test.sum(), len(is_test))}), those marked test in `{values.name}`"
    )


def part_words(values: pandas.Series) -> pandas.Series:
    """The part that each row is in, train or test; other words are refused. Code: split."""
    words = values.str.strip().str.lower()
    is_other = ~words.isin(WORDS).to_numpy(bool)
    if is_other.any():
        first = values[is_other].iloc[0]
        raise _invalid(
            f"`{values.name}` contains `{first[:50]}`; a split column contains only train and test, or no value."
        )
    return words


def _share(test: int, rows: int) -> str:
    return f"{100 * test / rows:.2g} %"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:MANY]) + (f" and {len(names) - MANY:,} more" if len(names) > MANY else "")


def _invalid(sentence: str) -> ValidationError:
    return ValidationError(sentence, code="split")

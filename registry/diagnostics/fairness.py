"""Whether a classifier treats groups of rows alike, from the counts of the slices of its held-out rows.

The rates and their differences and ratios are those of Hardt, Price and Srebro (2016), named as in Fairlearn.
"""

import difflib
from dataclasses import dataclass

from django.core.exceptions import ValidationError

from mlplatform.errors import NotFound
from registry.diagnostics.slices import MIN_ROWS, wilson
from registry.evaluation.cells import class_name

RATES = ("selection_rate", "true_positive_rate", "false_positive_rate")
MAX_COLUMNS = 10  # compared at once
MAX_NAME = 100  # characters of a name in a sentence
FOUR_FIFTHS = 0.8  # a lower ratio of selection rates is evidence of adverse impact (EEOC, 29 CFR 1607.4 D)


@dataclass(frozen=True)
class Rate:
    """A share of rows, with Wilson's 95 % interval; all None without rows."""

    value: float | None
    interval: list[float] | None

    @classmethod
    def of(cls, count: int, rows: int) -> "Rate":
        return cls(count / rows, wilson(count, rows)) if rows else cls(None, None)


@dataclass(frozen=True)
class Group:
    """One slice of a column: of its rows, how many are predicted as the class, and of those with and without it."""

    described: dict
    rows: int
    selection_rate: Rate
    true_positive_rate: Rate
    false_positive_rate: Rate


@dataclass(frozen=True)
class Gap:
    """How far the groups are apart: the highest minus the lowest rate, and the lowest over the highest."""

    rate: str
    difference: float | None
    ratio: float | None


@dataclass(frozen=True)
class ColumnGroups:
    column: str
    groups: list[Group]

    @property
    def gaps(self) -> list[Gap]:
        return [self._gap(name) for name in RATES]

    @property
    def equalized_odds_difference(self) -> float | None:
        """The larger difference of the true and the false positive rates."""
        known = [gap.difference for gap in self.gaps[1:] if gap.difference is not None]
        return max(known) if known else None

    @property
    def is_below_four_fifths(self) -> bool:
        ratio = self.gaps[0].ratio
        return ratio is not None and ratio < FOUR_FIFTHS

    def _gap(self, name: str) -> Gap:
        values = [getattr(group, name).value for group in self.groups]
        known = [value for value in values if value is not None]
        if len(known) < 2:
            return Gap(name, None, None)
        low, high = min(known), max(known)
        return Gap(name, high - low, low / high if high else None)


@dataclass(frozen=True)
class Comparison:
    """The groups of each chosen column, for one of the classes."""

    positive: object
    columns: list[ColumnGroups]


def choices(sections: dict) -> tuple[list[str], list[str]]:
    """The columns with two groups at least, categories first, and the classes by their names.

    Raises NotFound (no_groups) for a model without counts: no classifier, or one of many classes.
    """
    section = sections.get("slices") or {}
    if not section.get("classes"):
        raise NotFound(
            "Groups can be compared for classifiers of at most 10 classes whose diagnostics are computed.",
            code="no_groups",
        )
    is_measure, counts = {}, {}
    for one in section["slices"]:
        counts[one["column"]] = counts.get(one["column"], 0) + 1
        is_measure[one["column"]] = is_measure.get(one["column"], False) or one["kind"] == "range"
    names = [name for name in section["columns"] if counts.get(name, 0) > 1]
    return sorted(names, key=lambda name: is_measure[name]), [class_name(one) for one in section["classes"]]


def compare(sections: dict, *, by: list[str], positive: str | None = None) -> Comparison:
    """The rates of the groups of each column of `by`, for the predictions of one class: the last one, if not chosen.

    Raises NotFound as choices(), also without any column, and ValidationError (invalid_choice) for another column or
    class.
    """
    columns, classes = choices(sections)
    by = list(dict.fromkeys(by))
    positive = classes[-1] if positive is None else positive
    if not columns:
        raise NotFound(f"No column has two groups of at least {MIN_ROWS} held-out rows.", code="no_groups")
    if not 1 <= len(by) <= MAX_COLUMNS:
        raise _invalid("by", f"Choose 1 to {MAX_COLUMNS} columns.")
    for name in by:
        if name not in columns:
            raise _invalid("by", _unknown(name, columns, "a column with groups to compare"))
    if positive not in classes:
        raise _invalid("class", _unknown(positive, classes, "a class of the model"))
    code = classes.index(positive)
    found = sections["slices"]
    groups = [
        ColumnGroups(name, [_group(one, code) for one in found["slices"] if one["column"] == name])
        for name in by
    ]
    return Comparison(found["classes"][code], groups)


def _group(one: dict, code: int) -> Group:
    counts, rows = one["counts"], one["rows"]
    actual, predicted, correct = (counts[kind][code] for kind in ("actual", "predicted", "correct"))
    described = {key: one[key] for key in ("kind", "type", "value", "low", "high", "distinct") if key in one}
    return Group(
        described,
        rows,
        Rate.of(predicted, rows),
        Rate.of(correct, actual),
        Rate.of(predicted - correct, rows - actual),
    )


def _unknown(name: str, known: list[str], noun: str) -> str:
    near = difflib.get_close_matches(name[:MAX_NAME], known, n=1)
    listed = ", ".join(f"`{other}`" for other in known[:8]) + (" and others" if len(known) > 8 else "")
    return f"`{name[:MAX_NAME]}` is not {noun}" + (f"; did you mean `{near[0]}`?" if near else f": {listed}.")


def _invalid(field: str, sentence: str) -> ValidationError:
    return ValidationError({field: ValidationError(sentence, code="invalid_choice")})

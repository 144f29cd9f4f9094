"""Decide the types of all columns of a file together, and say what was assumed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from catalog.readers.cells import booleans, missing, numbers
from catalog.readers.cells.cell_format import CellFormat
from catalog.readers.cells.column_types import Column
from catalog.readers.cells.number_inference import MAX_AFFIXES
from catalog.readers.cells.type_inference import TypeInference
from catalog.readers.cells.value_findings import KIND_NAMES, ColumnFindings, ValueFinding

NEARLY = 0.25  # at most this share of a column that looks like numbers does not


@dataclass(frozen=True)
class Conclusion:
    """The columns of a file, its decimal mark, and what was assumed about their values."""

    decimal: str
    columns: tuple[Column, ...]
    findings: tuple[ValueFinding, ...]


@dataclass(frozen=True)
class _File:
    """What the columns of a file say about the others."""

    decimal: str
    is_sure: bool  # whether a number shows the decimal mark
    order: str | None  # of day and month
    is_european: bool  # semicolons separate cells where commas are decimal marks


def conclude(
    names: Sequence[str],
    inferences: Sequence[TypeInference],
    *,
    delimiter: str | None = None,
    decimal: str | None = None,
) -> Conclusion:
    """The columns for what was seen of each. A decimal mark that is given is that of numbers which could have both."""
    points, commas = (sum(_decimal_of(inference) == mark for inference in inferences) for mark in (".", ","))
    orders = {inference.dates.certain_order for inference in inferences if _is_clean(inference, "date")} - {
        None
    }
    file = _File(
        decimal=decimal or ("," if commas and commas >= points else "."),
        is_sure=bool(points or commas or decimal),
        order=next(iter(orders)) if len(orders) == 1 else None,
        is_european=bool(commas) or (delimiter == ";" and not points),
    )
    columns, findings = [], []
    for name, inference in zip(names, inferences, strict=True):
        column, of_column = _Decision(name, inference, file).result()
        columns.append(column)
        findings += of_column
    return Conclusion(file.decimal, tuple(columns), tuple(findings))


def text_findings(inferences: Mapping[str, TypeInference]) -> list[ValueFinding]:
    """Of the text columns of a typed file, which stay text: those that look like numbers or dates."""
    found = []
    for name, column in zip(
        inferences, conclude(list(inferences), list(inferences.values())).columns, strict=True
    ):
        if column.type in KIND_NAMES and column.type != "boolean" and inferences[name].seen:
            kind = "dates" if column.type == "date" else "numbers"
            found.append(
                ValueFinding(f"text_{kind}", name, f"The texts of `{name}` look like {kind}: kept as text.")
            )
    return found


def _decimal_of(inference):
    """The decimal mark that the numbers of a column certainly have."""
    if not _is_clean(inference, "number"):
        return None
    return next((mark for mark in ".," if inference.numbers.is_sure(mark)), None)


def _is_clean(inference, kind):
    state = {"number": inference.numbers, "date": inference.dates}[kind]
    return state is not None and state.count > 0 and not inference.odd[kind].count


class _Decision:
    """The type and the format of one column."""

    def __init__(self, name: str, inference: TypeInference, file: _File):
        self.name, self.inference, self.file = name, inference, file
        self.say = ColumnFindings(name, inference)

    def result(self) -> tuple[Column, list[ValueFinding]]:
        inference = self.inference
        if inference.kind is not None:
            column = self._given()
        elif not inference.seen:
            column = self._empty()
        else:
            column = self._boolean() or self._number() or self._date() or self._text()
        if column.type != "text" and inference.marks.count:
            used = [*missing.MISSING, *sorted(set(inference.marks.words))]
            form = replace(column.format or CellFormat(), missing=tuple(dict.fromkeys(used)))
            column = replace(column, format=form, nullable=True)
            self.say.odd_tokens(column.type)
        return column, self.say.findings

    def _column(self, kind, form=None):
        inference = self.inference
        count = inference.missing if kind == "text" else inference.missing + inference.blank
        return Column(self.name, kind, count > 0, form if form != CellFormat() else None)

    def _given(self):
        """The column in the most likely format of the type that is set; as text if not all values have it."""
        kind, inference = self.inference.kind, self.inference
        column, misfits = None, sum(odd.count for odd in inference.odd.values())
        if kind in ("integer", "number") and inference.numbers.count:
            column = self._number()
            misfits += self._misfits("number") + bool(inference.numbers.too_long)
        elif kind == "date" and inference.dates.count:
            column = self._date()
        elif kind == "boolean":
            column = self._boolean()
        if not inference.seen or kind == "text":
            return self._column(kind)
        if column is None or misfits or (kind == "integer" and column.type == "number"):
            return replace(column or self._column(kind), type="text")
        return replace(column, type=kind)

    def _empty(self):
        """Training imputes a number, whereas an empty text column would become a category."""
        if not self.inference.marks.count:
            return self._column("number")
        kind = "text" if self._has_long_marks() else "number"
        self.say.only_marks(kind)
        return self._column(kind)

    def _boolean(self):
        inference = self.inference
        if not inference.booleans or inference.odd["boolean"].count:
            return None
        if inference.kind is None and self._has_long_marks():
            return None
        words = {word.lower() for word in inference.booleans}
        if not (pair := booleans.pair_of(words) or (inference.kind and booleans.likely_pair(words))):
            return None
        self.say.spellings(inference.booleans)
        if pair == (booleans.TRUE, booleans.FALSE):
            return self._column("boolean")
        spelled = [_usual_spellings(inference.booleans, words) for words in pair]
        return self._column("boolean", CellFormat(true=spelled[0], false=spelled[1]))

    def _has_long_marks(self):
        """Whether `unknown` or another such word occurs, which is an answer where yes and no are."""
        return any(sum(map(str.isalpha, word)) > 3 for word in self.inference.marks.words)

    def _number(self):
        inference, found = self.inference, self.inference.numbers
        if found is None or not found.count or (inference.odd["number"].count and not inference.kind):
            return None
        if inference.kind is None and self._are_identifiers():
            self.say.identifiers()
            return self._column("text")
        affixes = _affixes(found.affixes)
        marks = self._marks()
        if affixes is None or marks is None:
            if inference.kind is None:
                self.say.mixed_numbers(has_affixes=affixes is None)
            return None
        thousands, decimal = marks
        fit = found.fits[marks]
        kind = "number" if fit.has_fraction or inference.range.infinite is not None else "integer"
        self.say.numbers(kind, fit, thousands, decimal, affixes)
        form = CellFormat(
            decimal=decimal if fit.has_fraction and decimal != self.file.decimal else None,
            thousands=thousands,
            affix=affixes,
        )
        return self._column(kind, form)

    def _are_identifiers(self):
        found = self.inference.numbers
        return found.padded or found.too_long or found.code or self.inference.phones == self.inference.seen

    def _marks(self):
        """The marks that fit all numbers; None if there are none. What is ambiguous is said."""
        fits = self.inference.numbers.fits
        fewest = 0 if self.inference.kind is None else min(fit.misfits for fit in fits.values())
        form = self.inference.form
        fits = {
            marks: fit
            for marks, fit in fits.items()
            if fit.misfits <= fewest
            and (form.thousands is None or _has_thousands(marks, form.thousands))
            and (form.decimal is None or marks[1] == form.decimal)
        }
        grouped = [marks for marks, fit in fits.items() if marks[0] and fit.is_grouped]
        plain = [marks for marks in ((None, "."), (None, ",")) if marks in fits]
        sure = [marks for marks in [*plain, *grouped] if fits[marks].is_sure]
        if sure:
            return sure[0]
        if len(plain) == 2 or (
            plain and not grouped
        ):  # whole numbers without marks, or all with three decimals
            return plain[0] if len(plain) == 1 or self.file.decimal == "." else plain[-1]
        if not plain:
            preferred = [marks for marks in grouped if marks[1] == self.file.decimal]
            return next(iter(preferred or grouped), None)
        chosen = plain[0] if self._is_decimal(plain[0][1]) else grouped[0]
        self.say.ambiguous_marks(chosen, is_certain=self.file.is_sure, is_european=self.file.is_european)
        return chosen

    def _is_decimal(self, mark):
        """Whether the mark in 1,234 is more likely that of decimals than of thousands, by the rest of the file."""
        if self.file.is_sure:
            return mark == self.file.decimal
        return mark == "." or self.file.is_european

    def _date(self):
        inference, found = self.inference, self.inference.dates
        if found is None or not found.count or (inference.odd["date"].count and not inference.kind):
            return None
        if found.is_contradictory:
            self.say.mixed_dates(found)
            return None
        order = ""
        if found.has_open_order:
            order = self.file.order if self.file.order in found.orders else found.default_order
        self.say.dates(found, order, by_file=order == self.file.order)
        return self._column("date", CellFormat(date=found.formats(order)))

    def _text(self):
        inference = self.inference
        near = []
        for kind, state in (("number", inference.numbers), ("date", inference.dates)):
            if state is not None and state.count:
                near.append((self._misfits(kind), kind))
        if self.say.findings:
            pass  # said already
        elif near and (best := min(near))[0] <= NEARLY * inference.seen:
            self.say.nearly(best[1])
        elif self._is_nearly_boolean():
            self.say.nearly("boolean")
        return self._column("text")

    def _is_nearly_boolean(self):
        spellings, odd = self.inference.booleans, self.inference.odd["boolean"]
        if not spellings or not odd.count or not odd.is_rare(spellings.total(), NEARLY / 4):
            return False
        return booleans.pair_of(map(str.lower, spellings)) is not None

    def _misfits(self, kind):
        inference = self.inference
        count = inference.odd[kind].count
        if kind == "number":
            count += min(fit.misfits for fit in inference.numbers.fits.values())
        return count


def _has_thousands(marks, thousands):
    """Whether numbers with these marks can have this mark for thousands, which small ones do not show."""
    return marks[0] == thousands or (marks[0] is None and marks[1] != thousands)


def _usual_spellings(spellings, words):
    """Each word as it is spelled most often."""
    return tuple(
        max((spelling for spelling in spellings if spelling.lower() == word), key=spellings.get, default=word)
        for word in words
    )


def _affixes(counts):
    """The affixes that can be removed: spellings of one unit; None for more, which are different quantities."""
    if len(counts) > MAX_AFFIXES or any(map(numbers.is_multiplier, counts)):
        return None
    plain = {affix.lower().rstrip("s.") for affix in counts}
    return tuple(sorted(counts)) if len(plain) <= 1 else None

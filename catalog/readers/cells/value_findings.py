"""What was assumed about the values of a column, in sentences."""

from dataclasses import dataclass

from catalog.readers.cells import numbers

PLACE = "\x1f"  # stands for "line 79", which only the reader of the file knows
MARK_NAMES = {",": "a comma", ".": "a point", " ": "a space", "'": "an apostrophe"}
ORDER_NAMES = {"dmy": "day/month/year", "mdy": "month/day/year", "ymd": "year/month/day"}
KIND_NAMES = {
    "integer": "numbers",
    "number": "numbers",
    "date": "dates",
    "boolean": "yes or no",
}


# The findings that a user has answered by setting a field of a column.
ANSWERS = {
    "type": (
        "leading_zeros",
        "codes",
        "phone_numbers",
        "compact_dates",
        "nearly_number",
        "nearly_date",
        "nearly_boolean",
    ),
    "date": ("ambiguous_dates", "date_order", "two_digit_years", "date_format"),
    "decimal": ("thousands", "decimal_comma"),
    "thousands": ("thousands", "decimal_comma"),
    "affix": ("unit",),
    "missing": ("odd_tokens", "missing_word", "sentinel_value"),
    "true": ("mixed_spelling",),
}


@dataclass(frozen=True)
class ValueFinding:
    """A finding about the values of a column: `row` is the first it is about, from 0."""

    code: str
    column: str
    text: str
    row: int | None = None

    def sentence(self, line: int | None) -> str:
        """With the line of its row, if it is known."""
        if self.row is None:
            return self.text
        place = f"row {self.row + 1:,}" if line is None else f"line {line:,}"
        return self.text.replace(PLACE, place, 1)


class ColumnFindings:
    """Collects the findings about one column."""

    def __init__(self, name: str, inference):
        self.name, self.inference = name, inference
        self.findings: list[ValueFinding] = []

    def add(self, code: str, text: str, row: int | None = None) -> None:
        self.findings.append(ValueFinding(code, self.name, text, row))

    def odd_tokens(self, kind: str) -> None:
        marks, seen = self.inference.marks, self.inference.seen
        if not seen:
            return
        row, text = marks.first
        share = f"{seen:,} of {seen + marks.count:,} values of `{self.name}` are {KIND_NAMES[kind]}"
        if marks.count == 1:
            found = f"{PLACE} is `{text}`: read as missing"
        else:
            found = f"{marks.count:,} are {listed(marks.words)} (first on {PLACE}): read as missing"
        self.add("odd_tokens", f"{share}; {found}.", row)

    def only_marks(self, kind: str) -> None:
        marks, reading = self.inference.marks, "read as missing" if kind != "text" else "kept as text"
        text = f"All values of `{self.name}` are {listed(marks.words)} (first on {PLACE}): {reading}."
        self.add("odd_tokens", text, marks.first[0])

    def nearly(self, kind: str) -> None:
        """For a column that is text because of few values."""
        inference = self.inference
        odd = inference.odd[kind]
        count, found = odd.count, odd.first
        if kind == "number" and not count:
            fit = min(inference.numbers.fits.values(), key=lambda fit: fit.misfits)
            count, found = fit.misfits, fit.first_misfit
        if not found:
            return
        row, text = found
        share = (
            f"{inference.seen - count:,} of {inference.seen:,} values of `{self.name}` are {KIND_NAMES[kind]}"
        )
        place = f"{PLACE} is" if count == 1 else f"{count:,} are not, the first of them on {PLACE}:"
        self.add(
            f"nearly_{kind}",
            f"{share}; {place} `{_short(text)}`. The column is read as text.",
            row,
        )

    def spellings(self, spellings) -> None:
        """For words that differ in case only."""
        if len(spellings) > len({spelling.lower() for spelling in spellings}):
            self.add(
                "mixed_spelling",
                f"The values of `{self.name}` are spelled in several ways: {listed(spellings)}. Upper and lower case "
                "are read as the same.",
            )

    def identifiers(self) -> None:
        found, name = self.inference.numbers, self.name
        if found.padded:
            row, text = found.padded
            self.add(
                "leading_zeros",
                f"`{name}` has numbers with leading zeros, such as `{_short(text)}` on {PLACE}: kept as text.",
                row,
            )
        elif found.too_long:
            row, text = found.too_long
            self.add(
                "long_numbers",
                f"`{name}` has whole numbers of more than 64 bits, such as `{_short(text)}` on {PLACE}: kept as text, "
                "with all digits.",
                row,
            )
        elif found.code:
            row, text = found.code
            self.add(
                "codes",
                f"`{name}` has values such as `{_short(text)}` on {PLACE}, which can be codes or numbers with an "
                "exponent: kept as text.",
                row,
            )
        else:
            self.add(
                "phone_numbers", f"The values of `{name}` start with + as phone numbers do: kept as text."
            )

    def numbers(self, kind, fit, thousands, decimal, affixes) -> None:
        extent = self.inference.range
        if affixes:
            self._affix(affixes)
        if thousands and not fit.is_sure and thousands == " ":
            self.add(
                "thousands", f"The spaces in the numbers of `{self.name}` are read as marks of thousands."
            )
        if extent.large is not None:
            self._large(kind)
        if sentinel := extent.sentinel:
            code, count, row = sentinel
            times = "once" if count == 1 else f"{count:,} times"
            self.add(
                "sentinel_value",
                f"{code:.12g} occurs {times} in `{self.name}` and is far from the rest ({extent.low:.6g} to "
                f"{extent.high:.6g}), first on {PLACE}: a code for missing? It is read as a number.",
                row,
            )
        if extent.infinite is not None:
            count = extent.infinite_count
            values = "1 value is" if count == 1 else f"{count:,} values are"
            self.add("infinite", f"{values} infinite in `{self.name}`, first on {PLACE}.", extent.infinite)
        if kind == "integer" and extent.are_compact_dates and extent.low < extent.high:
            self.add(
                "compact_dates",
                f"The numbers of `{self.name}` look like dates, as {extent.low:.0f}: read as numbers.",
            )

    def mixed_numbers(self, *, has_affixes: bool) -> None:
        """For numbers that cannot be read in one way."""
        found = self.inference.numbers
        if has_affixes:
            self.add("unit", f"`{self.name}` looks like numbers with {listed(found.affixes)}: kept as text.")
            return
        misfits = [fit for fit in found.fits.values() if fit.first_misfit]
        if not misfits:  # of the marks that are set
            self.add("mixed_marks", f"`{self.name}` has numbers that the set marks do not fit: kept as text.")
            return
        row, text = min(misfits, key=lambda fit: fit.misfits).first_misfit
        self.add(
            "mixed_marks",
            f"`{self.name}` looks like numbers, but no decimal mark fits all of them, such as `{_short(text)}` on "
            f"{PLACE}: kept as text.",
            row,
        )

    def mixed_dates(self, found) -> None:
        """For dates of which some can only be day/month, and others only month/day."""
        row, text = max(one for one in (found.evidence("dmy"), found.evidence("mdy")) if one)
        self.add(
            "mixed_dates",
            f"`{self.name}` looks like dates, of which some can only be day/month and others only month/day, such as "
            f"`{_short(text)}` on {PLACE}: kept as text.",
            row,
        )

    def _affix(self, affixes):
        seen, count = self.inference.seen, self.inference.numbers.affixes.total()
        share = "All" if count == seen else f"{count:,} of {seen:,}"
        what = "a unit" if any(map(numbers.is_unit, affixes)) else "a sign"
        text = f"{share} values of `{self.name}` have {what}, {listed(affixes)}: read as numbers without it."
        if "%" in affixes:
            text += " 12 % is 12."
        self.add("unit", text)

    def _large(self, kind):
        end = (
            "its numbers are probably identifiers, which a model would round."
            if kind == "integer"
            else "it is rounded to 15 digits."
        )
        self.add(
            "long_numbers",
            f"`{self.name}` has a number of more than 15 digits on {PLACE}: {end}",
            self.inference.range.large,
        )

    def ambiguous_marks(self, chosen, *, is_certain: bool, is_european: bool) -> None:
        thousands, decimal = chosen
        if thousands is None and decimal == "." and not (is_certain or is_european):
            return  # the usual reading of 1.234
        mark = thousands or decimal
        meaning = "thousands: 1{0}234 is 1234" if thousands else "decimals: 1{0}234 is less than 2"
        because = ", as in other columns" if is_certain else ""
        self.add(
            "thousands" if thousands else "decimal_comma",
            f"The numbers of `{self.name}` have {MARK_NAMES[mark]} before three digits: read as a mark of "
            f"{meaning.format(mark)}{because}.",
        )

    def dates(self, found, order: str, *, by_file: bool) -> None:
        name, forms = self.name, found.formats(order)
        if order:
            self._date_order(found, order, by_file)
        if any("%y" in form for form in forms):
            row, text = found.example
            self.add(
                "two_digit_years",
                f"The years of `{name}` have two digits, as `{_short(text)}` on {PLACE}: read as 1969 to 2068.",
                row,
            )
        if len(forms) > 1 or not all("%d" in form or "%j" in form for form in forms):
            row, text = found.example
            shown = " or ".join(f"`{form}`" for form in forms)
            self.add(
                "date_format", f"`{name}` has dates as `{_short(text)}` on {PLACE}: read as {shown}.", row
            )

    def _date_order(self, found, order, by_file):
        name, words = self.name, ORDER_NAMES[order]
        if evidence := found.evidence(order):
            row, text = evidence
            self.add(
                "date_order",
                f"The dates of `{name}` are read as {words}: `{_short(text)}` on {PLACE} allows nothing else.",
                row,
            )
            return
        row, text = found.example
        reason = "as in other columns" if by_file else "assumed"
        self.add(
            "date_order" if by_file else "ambiguous_dates",
            f"The dates of `{name}`, such as `{_short(text)}` on {PLACE}, are ambiguous: {words}, {reason}.",
            row,
        )


def listed(words, conjunction: str = "or") -> str:
    shown = [f"`{_short(word)}`" for word in sorted(words)[:6]]
    if len(words) > 6:
        return f"{', '.join(shown)} and {len(words) - 6} more"
    return f" {conjunction} ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _short(text: str) -> str:
    text = text.replace(PLACE, " ")
    return text if len(text) <= 40 else text[:39] + "…"

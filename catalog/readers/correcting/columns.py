"""Apply what a user has set for columns, their names and types, to what was detected in a file."""

import difflib
from collections.abc import Callable
from contextlib import closing
from dataclasses import fields, replace
from functools import partial
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
from django.core.exceptions import ValidationError

from catalog.readers.cells import column_types, conversion, missing
from catalog.readers.cells.cell_format import CellFormat
from catalog.readers.cells.column_types import Column
from catalog.readers.correcting.fields import MAX_TEXTS
from catalog.readers.corrections import UNCORRECTED, ColumnCorrection, Corrections
from catalog.readers.formats import FORMATS
from catalog.readers.recipe import Finding, ParseRecipe, Reading

KINDS = {"integer": "an integer", "number": "a number", "boolean": "true or false", "date": "a date"}
PLURALS = {"integer": "integers", "number": "numbers", "boolean": "true or false", "date": "dates"}
NUMBERS = ("integer", "number")
FAULTS = (pa.ArrowInvalid, pa.ArrowNotImplementedError)
# Of these, one that the format does not have is None in its recipe, or a default.
OPTIONS = (
    "encoding",
    "delimiter",
    "quote",
    "escape",
    "decimal",
    "skip",
    "header",
    "skip_below",
    "footer",
    "spaced",
)
ALWAYS_KEPT = ("delimiter", "quote", "decimal", "header", "skip_below", "footer", "spaced")
KINDS_OF = {
    "decimal": NUMBERS,
    "thousands": NUMBERS,
    "affix": NUMBERS,
    "date": ("date",),
    "true": ("boolean",),
}
KINDS_OF |= {"false": KINDS_OF["true"]}
NEARLY = "nearly_"  # the code of the finding about a column that is text because of a few values


def completed(corrections: Corrections, reading: Reading) -> Corrections:
    """With the type that a column nearly has, if it is only set what becomes of its other values."""
    kinds = {
        finding.column: finding.code.removeprefix(NEARLY)
        for finding in reading.findings
        if finding.code.startswith(NEARLY)
    }
    columns = tuple(
        replace(column, type=kinds[column.source])
        if column.on_error and not column.type and column.source in kinds
        else column
        for column in corrections.columns
    )
    return replace(corrections, columns=columns)


def applied(file: BinaryIO, reading: Reading, corrections: Corrections, reader) -> Reading:
    """The reading with the names and types that are set for its columns.

    Reads the file again if a type is set that was not detected. Raises ValidationError by field for a column that the
    file does not have, a name that another one has, and a value that its column cannot have.
    """
    _check_options(reading.recipe, corrections)
    if corrections == replace(UNCORRECTED, **corrections.options(*OPTIONS, "format")):
        return reading
    detected = {column.name: column for column in reading.recipe.columns}
    _check_sources(corrections.columns, detected)
    columns = [
        _corrected(column, corrections.of_column(column.name), reading.recipe.decimal)
        for column in detected.values()
    ]
    try:
        column_types.usable_names([column.name for column in columns])
    except ValidationError as error:
        raise ValidationError({"columns": error}) from error
    recipe = replace(reading.recipe, columns=tuple(columns))
    changed = {}
    for column, (source, old) in zip(columns, detected.items(), strict=True):
        correction = corrections.of_column(source)
        on_error = correction and correction.on_error
        is_changed = (column.type, column.format) != (old.type, old.format)
        if is_changed and column.type == "text" and column.format is None:
            continue  # every value is a text
        if is_changed or on_error:
            is_tolerant = on_error == "missing" and column.type != "text"
            changed[column.name] = _Check(column, is_tolerant=is_tolerant)
    found = _check_values(file, recipe, changed, reader) if changed else []
    columns = [changed[column.name].result() if column.name in changed else column for column in columns]
    names = {source: column.name for source, column in zip(detected, columns, strict=True)}
    findings = [replace(one, column=names.get(one.column, one.column)) for one in reading.findings]
    return replace(reading, recipe=replace(recipe, columns=tuple(columns)), findings=(*findings, *found))


def _check_options(recipe: ParseRecipe, corrections: Corrections) -> None:
    """Raise ValidationError for options that the format does not have."""
    label, errors = FORMATS[recipe.format].label, {}
    for name, value in corrections.options(*OPTIONS).items():
        actual, is_default = getattr(recipe, name), value in ("", 0) and name != "header"
        if not is_default and (actual is None or (name in ALWAYS_KEPT and actual != value)):
            errors[name] = ValidationError(
                f"The file is {label}, which has no `{name}`.", code="no_such_option"
            )
    if errors:
        raise ValidationError(errors)


def _check_sources(corrections: tuple[ColumnCorrection, ...], detected: dict[str, Column]) -> None:
    for correction in corrections:
        if correction.source not in detected:
            near = difflib.get_close_matches(correction.source, detected, n=1)
            hint = f" Did you mean `{near[0]}`?" if near else ""
            raise _error(f"The file has no column `{correction.source}`.{hint}", "unknown_column")


def _corrected(column: Column, correction: ColumnCorrection | None, decimal: str | None) -> Column:
    if correction is None:
        return column
    name = (correction.name or column.name).strip()
    form = column.format
    if correction.on_error == "refuse" and form is not None:
        form = replace(form, missing=None)  # also what usually means a missing value
    return replace(
        column,
        name=name,
        source=None if name == column.name else column.source or column.name,
        type=correction.type or column.type,
        role=correction.role,
        format=_format(form, correction.format, correction.type or column.type, decimal),
    )


def _format(
    detected: CellFormat | None, corrected: CellFormat | None, kind: str, decimal: str | None
) -> CellFormat | None:
    """The detected format of cells of a type with what is set of the other, given the decimal mark of the file."""
    fixed = {}
    if corrected is not None:
        others = {name for name, kinds in KINDS_OF.items() if kind not in kinds}
        names = {field.name for field in fields(corrected)} - others
        pairs = {name: getattr(corrected, name) for name in names}
        fixed = {name: value for name, value in pairs.items() if value not in (None, ())}
        if corrected.missing == ():
            fixed["missing"] = ()
    merged = replace(detected or CellFormat(), **fixed)
    if merged.decimal == decimal:
        merged = replace(merged, decimal=None)
    return None if merged == CellFormat() else merged


class _Check:
    """The values of a column that cannot have its type: the first is an error, or they are read as missing."""

    def __init__(self, column: Column, *, is_tolerant: bool):
        self.column, self.is_tolerant = column, is_tolerant
        self.first: tuple[int, str] | None = None  # its row and text
        self.values = self.count = 0
        self.has_nulls = False
        self.words: dict[str, None] = {}

    def update(self, values: pa.Array, row: int, *, convert, decimal: str) -> None:
        """The values of a batch, which starts at this row."""
        self.values += len(values) - values.null_count
        if not self.is_tolerant or not pa.types.is_string(values.type):
            converted, place = _first_misfit(values, convert)
            if place is None:
                self.has_nulls |= converted.null_count > 0
            else:
                self.first = row + place, str(values[place].as_py())
            return
        converted, misfits = conversion.converted_and_misfits(values, self.column, decimal=decimal)
        self.has_nulls |= converted.null_count > 0
        place = pc.index(misfits, True).as_py()
        if place >= 0:
            self.first = self.first or (row + place, values[place].as_py())
            self.count += pc.sum(misfits).as_py()
            self.words |= dict.fromkeys(values.filter(misfits).unique().to_pylist())

    @property
    def is_refused(self) -> bool:
        """Whether a value cannot be read, or too many to call them missing."""
        return self.first is not None and (
            not self.is_tolerant or self.count in (0, self.values) or len(self.words) > MAX_TEXTS
        )

    def result(self) -> Column:
        column = replace(self.column, nullable=self.has_nulls)
        if not self.words:
            return column
        form = self.column.format or CellFormat()
        tokens = missing.MISSING if form.missing is None else form.missing
        words = [text.strip() for text in self.words]
        return replace(column, format=replace(form, missing=tuple(dict.fromkeys([*tokens, *words]))))


def _check_values(file: BinaryIO, recipe: ParseRecipe, checks: dict[str, _Check], reader) -> list[Finding]:
    """Raise ValidationError for the first value that its column cannot have; findings about those read as missing."""
    row, columns = 0, [check.column for check in checks.values()]
    with closing(reader.batches(file, recipe, columns)) as batches:
        for batch in batches:
            for check, values in zip(checks.values(), batch.columns, strict=True):
                convert = partial(reader.typed, column=check.column, recipe=recipe)
                check.update(values, row, convert=convert, decimal=recipe.decimal or ".")
                if check.first and not check.is_tolerant:
                    raise _misfit(check, reader.line_of(file, recipe, check.first[0]))
            row += batch.num_rows
    findings = []
    for check in checks.values():
        if check.first is None:
            continue
        line = reader.line_of(file, recipe, check.first[0])
        if check.is_refused:
            raise _misfit(check, line)
        findings.append(_finding(check, line))
    return findings


def _first_misfit(
    values: pa.Array, convert: Callable[[pa.Array], pa.Array]
) -> tuple[pa.Array | None, int | None]:
    """The converted values, or the position of the first one that cannot be converted."""
    try:
        return convert(values), None
    except conversion.InvalidCell as error:
        return None, error.place
    except FAULTS:
        start, stop = 0, len(values)  # the first misfit is in between
    while stop - start > 1:
        middle = (start + stop) // 2
        if _first_misfit(values.slice(start, middle - start), convert)[1] is None:
            start = middle
        else:
            stop = middle
    return None, start


def _misfit(check: _Check, line: int | None) -> ValidationError:
    column, (row, text) = check.column, check.first
    remedy = "Set another type, or correct the file."
    if not check.is_tolerant:
        remedy = "Set another type, set `on_error` to `missing`, or correct the file."
    return _error(
        f"{_place(row, line).capitalize()}: `{text[:100]}` in column `{column.source or column.name}` is not "
        f"{KINDS[column.type]}. {remedy}",
        "wrong_type",
    )


def _finding(check: _Check, line: int | None) -> Finding:
    column, (row, text) = check.column, check.first
    sentence = (
        f"{check.values - check.count:,} of {check.values:,} values of `{column.name}` are {PLURALS[column.type]}; "
        f"{_place(row, line)} is `{text[:100]}`"
    )
    if check.count > 1:
        sentence += f", the first of {check.count:,} that are not"
    return Finding("odd_tokens", f"{sentence}: read as missing, as it is set.", column.name, line)


def _place(row: int, line: int | None) -> str:
    return f"line {line:,}" if line else f"row {row + 1:,}"


def _error(sentence: str, code: str) -> ValidationError:
    return ValidationError({"columns": ValidationError(sentence, code=code)})

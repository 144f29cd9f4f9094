"""The columns of the training form: how each is prepared, why, and the field to choose otherwise."""

from collections import Counter
from dataclasses import dataclass

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html, format_html_join

from registry.estimators.form_fields import options
from registry.preflight.trial import subject
from registry.train_form import measure_fields
from registry.training import preparation
from registry.training.preparation import LABELS, LEAVE_OUT, Choice, Requirements

PREFIX = "prepare-"
USE = "use"  # an identifier, prepared as fits its values
MAX_FIELDS = 150  # with more columns, their choices are entered as text: Django reads at most 1,000 fields
MAX_ROWS = 50  # of a wider table


@dataclass(frozen=True)
class Row:
    """A column as the form shows it; without a `field`, its choice is part of the text."""

    name: str
    type: str
    label: str
    reason: str
    is_left_out: bool
    field: forms.BoundField | None


class ChoiceSelect(forms.Select):
    """Renders its options itself, as SearchSelect does: a table has hundreds."""

    def render(self, name, value, attrs=None, renderer=None):
        attributes = self.build_attrs(self.attrs, (attrs or {}) | {"name": name})
        return format_html(
            "<select{}>{}</select>",
            format_html_join("", ' {}="{}"', attributes.items()),
            options(self.choices, value or ""),
        )


class PreparationField(forms.CharField):
    """The choice for one column; empty is the automatic one."""

    def __init__(self, column: dict, *, place: int):
        label = f"Preparation of {column['name']}"
        attrs = {"id": f"id_prepare_{place}", "aria-label": label}
        super().__init__(required=False, label=label, max_length=100, widget=ChoiceSelect(attrs=attrs))
        self.column = column

    def clean(self, value):
        value = super().clean(value)
        if value and value != USE:
            preparation.check({self.column["name"]: value}, [self.column])
        return value


class PreparationTextField(forms.CharField):
    """The choices of columns, one a line: `age: scale`. Its value is a dict."""

    def __init__(self, columns: list[dict]):
        super().__init__(
            required=False,
            label="Prepare columns otherwise",
            max_length=3_000_000,
            help_text="One column and its choice per line, such as `age: scale`; a name alone leaves the column out. "
            f"The choices: {', '.join(f'`{name}`' for name in [*LABELS, USE])}.",
            widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "class": "mono"}),
        )
        self.columns = columns

    def clean(self, value) -> dict[str, str]:
        names = {column["name"] for column in self.columns}
        choices = choices_in(super().clean(value), names=names)
        for name in choices:
            if name not in names:
                raise preparation.not_a_feature(name)
        preparation.check({name: choice for name, choice in choices.items() if choice != USE}, self.columns)
        return choices


def add(form) -> None:
    columns = form.source.columns
    form.fields["prepare"] = PreparationTextField(columns)
    if not form.is_wide:
        for place, column in enumerate(columns):
            form.fields[PREFIX + column["name"]] = PreparationField(column, place=place)


def entered(form) -> dict[str, str]:
    """The choices of the user by column, valid or not."""
    names = {column["name"] for column in form.source.columns}
    fields = {name: PREFIX + name for name in names}
    selected = {name: form[field].value() for name, field in fields.items() if field in form.fields}
    choices = choices_in(form["prepare"].value(), names=names)
    return choices | {name: value for name, value in selected.items() if value}


def choices_in(text: str | None, *, names: set[str]) -> dict[str, str]:
    """The choices by column of a text: `age: scale`, or `id` to leave it out."""
    choices = {}
    for line in filter(None, map(str.strip, (text or "").splitlines())):
        name, _, choice = (line, "", LEAVE_OUT) if line in names or ":" not in line else line.rpartition(":")
        choices[name.strip()] = choice.strip()
    return choices


def as_text(choices: dict[str, str]) -> str:
    return "\n".join(f"{name}: {choice}" for name, choice in choices.items())


def features_and_prepare(
    choices: dict[str, str],
    *,
    columns: list[dict],
    profile: list[dict],
    reserved: set[str],
    target: str | None,
) -> tuple[list[str] | None, dict[str, str]]:
    """The features of a request, None for the usual ones, and its `prepare`, of choices by column.

    `reserved` columns and identifiers are no features unless the user chooses to use them.
    """
    choices = {name: choice for name, choice in choices.items() if choice and name != target}
    prepare = {name: choice for name, choice in choices.items() if choice != USE}
    used = {name for name, choice in choices.items() if choice != LEAVE_OUT}
    if USE not in choices.values() and not used & reserved:
        return None, prepare
    left_out = {one["name"] for one in profile if preparation.is_identifier(one)} | reserved | set(prepare)
    left_out -= used
    return [column["name"] for column in columns if column["name"] not in left_out | {target}], prepare


def choices_of_request(request, *, columns: list[dict], profile: list[dict]) -> dict[str, str]:
    """The choices by column with which the form repeats a resolved request."""
    unusual = {one["name"] for one in profile if preparation.is_identifier(one)} | request.reserved
    features, choices = set(request.features), {}
    for name in (column["name"] for column in columns if column["name"] != request.target):
        choice = request.prepare.get(name, "" if name in features else LEAVE_OUT)
        if name in unusual and choice in ("", LEAVE_OUT):
            choice = USE if name in features else ""
        if choice:
            choices[name] = choice
    return choices


class ColumnTable:
    """What is expected of the columns of a dataset version, with an estimator or None, and the user's choices."""

    def __init__(self, form, estimator, *, target: dict | None, task: str):
        self.form, self.target = form, target
        self.profile = {one["name"]: one for one in form.source.profile}
        self.rows_count, self.choices = form.source.row_count, entered(form)
        target_name = target and target["name"]
        self.inputs = [column for column in form.source.columns if column["name"] != target_name]
        self.kind = Requirements.of(estimator)
        self.can_use_target = preparation.profile_can_use_target(target, rows=self.rows_count, task=task)
        self.automatic = self._automatic(estimator)

    def _automatic(self, estimator) -> dict[str, Choice]:
        expected = preparation.expect(
            self.inputs, estimator, profile=self.profile, rows=self.rows_count,
            can_use_target=self.can_use_target, requested={},
        )  # fmt: skip
        choices = {choice.column: choice for choice in expected}
        requested = {name: choice for name, choice in self.choices.items() if choice and choice != USE}
        try:
            left_out = preparation.left_out(
                self.inputs, requested=requested, profile=list(self.profile.values()), is_chosen=False
            )
        except ValidationError:  # no features are left, which the form says
            left_out = []
        self.expected = choices.copy()
        reasons = dict.fromkeys(left_out, preparation.REASONS["identifier"]) | measure_fields.reserved(
            self.form
        )
        for name, reason in reasons.items():
            if name in choices and self.choices.get(name, "") in ("", USE):
                choices[name] = Choice(name, LEAVE_OUT, reason)
        return choices

    def rows(self) -> list[Row]:
        """The columns in the order of the table; of a wide table, first those that are left out or chosen for."""
        has_fields = not self.form.is_wide
        rows = [self._row(column, has_field=has_fields) for column in self.inputs]
        if not has_fields:
            rows.sort(key=lambda row: not (row.is_left_out or row.name in self.choices))
        return rows

    def summary(self, rows: list[Row]) -> dict:
        """How many columns are features, the names of those that are left out, and how many have each preparation."""
        left_out = [row.name for row in rows if row.is_left_out]
        counts = Counter(row.label for row in rows if not row.is_left_out)
        return {
            "columns": len(rows),
            "features": len(rows) - len(left_out),
            "left_out": subject(left_out) if left_out else "",
            "left_out_count": len(left_out),
            "counts": counts.most_common(),
        }

    def _row(self, column: dict, *, has_field: bool) -> Row:
        name, choice = column["name"], self.choices.get(column["name"], "")
        automatic = self.automatic[name]
        prepare, reason = automatic.prepare, automatic.reason
        if choice == USE:
            prepare, reason = self.expected[name].prepare, self.expected[name].reason
        elif choice:
            prepare, reason = choice, "your choice"
        field = None
        if has_field:
            field = self.form[PREFIX + name]
            field.field.widget.choices = self._options(column, automatic.prepare, choice)
        return Row(name, column["type"], LABELS.get(prepare, prepare), reason, prepare == LEAVE_OUT, field)

    def _options(self, column: dict, automatic: str, choice: str) -> list[tuple[str, str]]:
        allowed = preparation.possible(column["type"], self.kind, can_use_target=self.can_use_target)
        use = [(USE, "Use, as fits its values")] if automatic == LEAVE_OUT else []
        others = [(name, LABELS[name]) for name in allowed if name != automatic or name == choice]
        if choice not in {"", *allowed, USE}:
            others.append((choice, LABELS.get(choice, choice)))
        return [("", f"{LABELS[automatic]} (automatic)"), *use, *others]

"""Forms that change what is live: promote, roll back, retire."""

from collections.abc import Sequence

from django import forms

from mlplatform.validation.forms import StrictForm
from registry.models import Stage
from registry.releases import history

EXACT = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}


class ReleaseForm(StrictForm):
    """A change of what is live. Confirming it sends the number of the live version that the page named."""

    expected_live = forms.IntegerField(required=False, widget=forms.HiddenInput)
    typed_name = forms.CharField(
        required=False, max_length=100, label="Name of the dataset", widget=forms.HiddenInput
    )
    only_posted = ("expected_live", "typed_name")  # and never in the address of a confirmation

    def clean_expected_live(self) -> int:
        return self.cleaned_data["expected_live"] or history.NOTHING

    @classmethod
    def to_confirm(cls, values: dict, *, question) -> "ReleaseForm":
        """The form of the confirmation page, with the same values; what the user wrote can still be changed."""
        live = question.live.number if question.live else history.NOTHING
        form = cls(initial=values | {"expected_live": live})
        for name, field in form.fields.items():
            if name not in cls.editable_when_confirming(question):
                field.widget = forms.HiddenInput()
        if question.why_named:
            named = form.fields["typed_name"]
            named.widget, named.required = forms.TextInput(attrs=EXACT), True  # required for the label
            named.help_text = f"Type it to confirm that {question.why_named}."
        return form

    @staticmethod
    def editable_when_confirming(question) -> tuple[str, ...]:
        return ("reason",)


class PromoteForm(ReleaseForm):
    stage = forms.CharField(
        label="Stage", widget=forms.Select, error_messages={"required": "Select the stage."}
    )
    comment = forms.CharField(
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Shown in the release history.",
    )
    field_order = ("expected_live", "stage", "comment")

    @staticmethod
    def editable_when_confirming(question) -> tuple[str, ...]:
        return ("comment",)

    def __init__(self, data=None, *, stages: Sequence[Stage] = (Stage.STAGING, Stage.PRODUCTION), **kwargs):
        super().__init__(data, **kwargs)
        self.fields["stage"].widget.choices = [(stage.value, stage.label) for stage in stages]


class RollbackForm(ReleaseForm):
    to_version = forms.IntegerField(required=False, label="Version", widget=forms.Select)
    reason = forms.CharField(required=False, max_length=10_000, help_text="Shown in the release history.")
    field_order = ("expected_live", "to_version", "reason")

    def __init__(self, data=None, *, numbers: list[int] = (), has_default: bool = True, **kwargs):
        super().__init__(data, **kwargs)
        none = [] if has_default else [("", "Select a version")]
        choices = [(number, f"version {number}") for number in numbers]
        self.fields["to_version"].widget.choices = none + choices
        self.fields["to_version"].required = bool(numbers)  # for the label; the views bind no numbers


class RetireForm(ReleaseForm):
    reason = forms.CharField(required=False, max_length=10_000, help_text="Shown in the release history.")
    field_order = ("expected_live", "reason")

"""The pages for what is selected in a list: its tags, and its deletion. Each object by the operation for one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import models
from django.shortcuts import redirect, render

from mlplatform.errors import NotFound
from mlplatform.metadata import tags
from mlplatform.validation import unknown_names
from mlplatform.validation.forms import CSRF_FIELD, StrictForm

MAX_SELECTED = 50
MAX_SHOWN = 5  # failures in messages


class TagsForm(StrictForm):
    add = forms.CharField(
        required=False,
        max_length=2_000,
        label="Add tags",
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "finance, 2026 q3"}),
        help_text=f"Separated by commas. {tags.RULE}",
    )
    remove = forms.MultipleChoiceField(
        required=False, label="Remove tags", widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args, present: Sequence[str], **options):
        super().__init__(*args, **options)
        self.fields["remove"].choices = [(tag, tag) for tag in present]
        if not present:
            del self.fields["remove"]

    def clean_add(self) -> list[str]:
        try:
            return tags.normalize(self.cleaned_data["add"].split(","))
        except ValidationError as error:
            raise ValidationError(error.messages) from error


@dataclass(frozen=True)
class Deletion:
    """What the deletion of one object does, or why it is refused."""

    owner: models.Model
    refusal: str = ""
    effect: str = ""


def names(request, parameter: str) -> list[str]:
    """The selected names, each once. Raises ValidationError for unknown query parameters and too many names."""
    unknown_names.check_query(request.GET, [parameter], lists=[parameter])
    chosen = list(dict.fromkeys(request.GET.getlist(parameter)))
    if len(chosen) > MAX_SELECTED:
        sentence = f"{len(chosen):,} are selected; the limit is {MAX_SELECTED}."
        raise ValidationError({parameter: ValidationError(sentence, code="too_many_selected")})
    return chosen


def _nothing_selected(request, *, noun: str, page: str):
    unknown_names.check([name for name in request.POST if name != CSRF_FIELD], TagsForm.base_fields)
    messages.error(request, f"Select at least one {noun}.")
    return redirect(page)


def edit_tags(request, owners: Sequence[models.Model], *, change: Callable, noun: str, page: str):
    """A GET shows the form; a POST changes the tags of each object by `change(owner, add=..., remove=..., by=...)`."""
    if not owners:
        return _nothing_selected(request, noun=noun, page=page)
    present = sorted({tag for owner in owners for tag in owner.tag_names})
    form = TagsForm(request.POST if request.method == "POST" else None, present=present)
    if form.is_valid():
        _each(
            request, owners, lambda owner: change(owner, by=request.user, **form.cleaned_data),
            done=f"The tags of {{}} {noun}{{}} were saved.",
        )  # fmt: skip
        return redirect(page)
    context = {"owners": owners, "form": form, "noun": noun, "page": page}
    return render(request, "selection/tags.html", context, status=422 if form.errors else 200)


def delete(request, deletions: Sequence[Deletion], *, operation: Callable, noun: str, page: str):
    """A GET asks for confirmation; a POST deletes what is not refused by `operation(owner, by=...)`."""
    if not deletions:
        return _nothing_selected(request, noun=noun, page=page)
    allowed = [one for one in deletions if not one.refusal]
    if request.method == "POST" and allowed:
        owners = [one.owner for one in sorted(allowed, key=lambda one: bool(one.effect))]
        _each(
            request, owners, lambda owner: operation(owner, by=request.user),
            done=f"{{}} {noun}{{}} {{}} deleted.",
        )  # fmt: skip
        return redirect(page)
    refused = [one for one in deletions if one.refusal]
    context = {"allowed": allowed, "refused": refused, "noun": noun, "page": page}
    return render(request, "selection/delete.html", context)


def _each(request, owners: Sequence[models.Model], operation: Callable, *, done: str) -> None:
    """Run an operation for each object, and say for how many it worked and why not for the others."""
    failures = []
    for owner in owners:
        name = str(owner)
        try:
            operation(owner)
        except NotFound as error:
            failures.append(error.messages[0])
        except ValidationError as error:
            failures.append(f"{name}: {error.messages[0]}")
    if count := len(owners) - len(failures):
        messages.success(request, done.format(count, *(("", "was") if count == 1 else ("s", "were"))))
    for failure in failures[:MAX_SHOWN]:
        messages.error(request, failure)
    if len(failures) > MAX_SHOWN:
        messages.error(request, f"{len(failures) - MAX_SHOWN} more failed.")

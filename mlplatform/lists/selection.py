"""What is selected in a list: the pages for its tags and its deletion, each object by the operation for one.

The form of a list sends the names, and its own address as `next`: there the pages lead back, with the same selection.
"""

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
from mlplatform.validation.forms import CSRF_FIELD, StrictForm, return_address

MAX_SELECTED = 50
MAX_SHOWN = 5  # failures in messages
SESSION_KEY = "selected"  # the address of a list and what is selected in it, until the list is shown


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


@dataclass(frozen=True)
class Selection:
    """The selected names, each once, and the address of the list that they were selected in."""

    names: list[str]
    page: str


def of_request(request, parameter: str, *, page: str, most: int | None = MAX_SELECTED) -> Selection:
    """The selection in a query; `page` is the address of the list if the query has none.

    Raises ValidationError for unknown query parameters and for more than `most` names.
    """
    unknown_names.check_query(request.GET, [parameter, "next"], lists=[parameter])
    chosen = list(dict.fromkeys(request.GET.getlist(parameter)))
    if most and len(chosen) > most:
        sentence = f"{len(chosen):,} are selected; the limit is {most}."
        raise ValidationError({parameter: ValidationError(sentence, code="too_many_selected")})
    return Selection(chosen, return_address(request.GET.get("next", ""), page))


def remember(request, selection: Selection) -> None:
    """Let the list select the same again when it is shown next."""
    if selection.names:
        request.session[SESSION_KEY] = [selection.page, selection.names]


def remembered(request) -> set[str]:
    """What remember() has kept for the list at the address of this request; for one response."""
    if not hasattr(request, "remembered_selection"):
        page, names = request.session.get(SESSION_KEY, ("", ()))
        is_here = page == request.get_full_path()
        if is_here:
            del request.session[SESSION_KEY]
        request.remembered_selection = set(names) if is_here else set()
    return request.remembered_selection


def refuse(request, selection: Selection, sentence: str):
    """Back to the list with a message, and the selection to correct."""
    remember(request, selection)
    messages.error(request, sentence)
    return redirect(selection.page)


def _nothing_selected(request, selection: Selection, *, noun: str):
    unknown_names.check([name for name in request.POST if name != CSRF_FIELD], TagsForm.base_fields)
    return refuse(request, selection, f"Select at least one {noun}.")


def edit_tags(request, owners: Sequence[models.Model], *, change: Callable, noun: str, selection: Selection):
    """A GET shows the form; a POST changes the tags of each object by `change(owner, add=..., remove=..., by=...)`."""
    if not owners:
        return _nothing_selected(request, selection, noun=noun)
    remember(request, selection)
    present = sorted({tag for owner in owners for tag in owner.tag_names})
    form = TagsForm(request.POST if request.method == "POST" else None, present=present)
    if form.is_valid():
        _each(
            request, owners, lambda owner: change(owner, by=request.user, **form.cleaned_data),
            done=f"The tags of {{}} {noun}{{}} were saved.",
        )  # fmt: skip
        return redirect(selection.page)
    context = {"owners": owners, "form": form, "noun": noun, "page": selection.page}
    return render(request, "selection/tags.html", context, status=422 if form.errors else 200)


def delete(request, deletions: Sequence[Deletion], *, operation: Callable, noun: str, selection: Selection):
    """A GET asks for confirmation; a POST deletes what is not refused by `operation(owner, by=...)`."""
    if not deletions:
        return _nothing_selected(request, selection, noun=noun)
    remember(request, selection)
    allowed = [one for one in deletions if not one.refusal]
    if request.method == "POST" and allowed:
        owners = [one.owner for one in sorted(allowed, key=lambda one: bool(one.effect))]
        _each(
            request, owners, lambda owner: operation(owner, by=request.user),
            done=f"{{}} {noun}{{}} {{}} deleted.",
        )  # fmt: skip
        return redirect(selection.page)
    refused = [one for one in deletions if one.refusal]
    context = {"allowed": allowed, "refused": refused, "noun": noun, "page": selection.page}
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

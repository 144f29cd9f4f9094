"""The pages that change what is live: a GET asks for confirmation and names both versions, a POST makes the change."""

from collections.abc import Callable
from dataclasses import dataclass, field

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode

from mlplatform.errors import status_of
from mlplatform.validation import unknown_names
from registry.models import Release
from registry.releases import history, usage
from registry.releases.forms import ReleaseForm

TEMPLATE = "registry/confirm_release.html"
# Every browser and proxy accepts that many bytes. The confirmation of a longer comment is not redirected to.
MAX_ADDRESS = 2000


@dataclass(frozen=True)
class Question:
    """What the confirmation page asks."""

    title: str
    submit: str  # the label of the button
    dataset: str
    stage: str
    live: Release | None  # which the change ends
    number: int | None = None  # of the version that goes live
    replacement: object = None  # what that changes: registry.comparison.differences.Replacement
    why_named: str = (
        ""  # completes the sentence why the name of the dataset must be typed; empty if it need not be
    )
    values: dict = field(default_factory=dict)  # that replace submitted ones

    @property
    def predictions_url(self) -> str:
        """The page of the predictions that it changes; "" if no version goes live."""
        if self.replacement is None:
            return ""
        page = reverse("registry:changed-predictions", args=[self.dataset, self.number])
        return f"{page}?{urlencode({'stage': self.stage})}"

    @property
    def usage(self) -> usage.Totals:
        """The predictions of the stage in the last day: whom the change affects."""
        return usage.of_stage(self.live.dataset, self.stage)


def bound(request, form_class: type[ReleaseForm]) -> ReleaseForm:
    """The form with the fields of a POST, or with what the address of a confirmation says."""
    names = [name for name in form_class.base_fields if name not in form_class.only_posted]
    unknown_names.check_query(request.GET, () if request.method == "POST" else names)
    return form_class(request.POST if request.method == "POST" else request.GET)


def change(
    request,
    form: ReleaseForm,
    *,
    back: str,
    plan: Callable[[dict], Question],
    run: Callable[[dict, Question], str],
) -> HttpResponse | None:
    """Ask for confirmation on GET; on POST make the change, or redirect to the GET if it ends an unnamed release.

    `plan` raises what the operation raises before it writes; `run` makes the change and returns a sentence for the
    user. Both get the cleaned values, `run` also the question. If another version is live than the one that was
    confirmed, the page says so and asks again. Returns None for a POST with an error that leaves nothing to ask; the
    form has it.
    """
    is_post = request.method == "POST"
    try:
        question = plan(form.cleaned_data) if form.is_valid() else None
    except ValidationError as error:
        form.add_error(None, error)
        question = None
    if question is None:
        return None if is_post else refused(request, form, back=back)
    values = form.cleaned_data | question.values
    confirm = form.to_confirm(values, question=question)
    context = {"question": question, "back": back, "form": confirm}
    if not is_post:
        return render(request, TEMPLATE, context)
    is_unasked = question.why_named and "expected_live" not in request.POST
    if values["expected_live"] == history.NOTHING and (question.live or is_unasked):
        query = {name: value for name, value in values.items() if value and name not in form.only_posted}
        address = f"{request.path}?{urlencode(query)}"
        return redirect(address) if len(address) <= MAX_ADDRESS else render(request, TEMPLATE, context)
    try:
        messages.success(request, run(values, question))
    except ValidationError as error:
        context["error"] = error.messages[0]
        return render(request, TEMPLATE, context, status=status_of(error))
    return redirect(back)


def check_name(values: dict, question: Question) -> None:
    """Take `typed_name` from the values. Raises ValidationError unless it is the dataset's, if it must be typed."""
    if values.pop("typed_name") != question.dataset and question.why_named:
        raise ValidationError(
            f"Type `{question.dataset}`, the name of the dataset, to confirm that {question.why_named}.",
            code="name_required",
        )


def refused(request, form: ReleaseForm, *, back: str) -> HttpResponse:
    """Redirect to the page with the form, and say there why nothing was changed."""
    for errors in form.errors.values():
        messages.error(request, errors[0])
    return redirect(back)

"""The page of the search, which the box at the top of every page opens."""

from django import forms
from django.core.exceptions import ValidationError
from django.shortcuts import render

from mlplatform.auth import permissions
from mlplatform.search import results
from mlplatform.search.relevance import MAX_CHARACTERS
from mlplatform.validation.forms import StrictForm

OF_EACH_KIND = 5
OF_ONE_KIND = 50


class SearchForm(StrictForm):
    q = forms.CharField(required=False, max_length=MAX_CHARACTERS, label="Search for")
    kind = forms.ChoiceField(
        required=False, choices=lambda: [("", "Everything"), *results.kinds()], label="In"
    )


@permissions.page(query=("q", "kind"))
def search(request):
    form, groups, kind = SearchForm(request.GET), [], ""
    if form.is_valid():
        kind = form.cleaned_data["kind"]
        limit = OF_ONE_KIND if kind else OF_EACH_KIND
        try:
            groups = results.search(form.cleaned_data["q"], kind=kind, limit=limit)
        except ValidationError as error:
            form.add_error("q", error)
    context = {
        "form": form,
        "groups": groups,
        "q": request.GET.get("q", ""),
        "is_one_kind": bool(kind),
    }
    return render(request, "search.html", context, status=400 if form.errors else 200)

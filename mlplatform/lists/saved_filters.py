"""Filters of lists that a user has saved under a name."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.shortcuts import redirect

from mlplatform.lists.models import SavedFilter
from mlplatform.validation import integers

FIELDS = ("filter_name", "delete_filter")  # of the POST of a list
MAX_SAVED = 30  # of a user for a list


def saved(request):
    """The saved filters of the user for the list of a request."""
    return SavedFilter.objects.filter(user=request.user, page=request.path)


def query_of(parameters: QueryDict) -> str:
    """What is worth saving of the query of a list: without empty filters and the number of the page."""
    kept = parameters.copy()
    for name in [name for name, value in parameters.items() if not value or name == "page"]:
        del kept[name]
    return kept.urlencode()


def save(user, *, page: str, name: str, query: str) -> SavedFilter:
    """Save the filters of a list under a name, in place of those that have it.

    Raises ValidationError (no_filter, no_name, too_long, too_many_filters).
    """
    name = " ".join(name.replace("\0", "").split())
    if not query:
        raise ValidationError("Filter or sort the list first.", code="no_filter")
    if not name:
        raise ValidationError("Enter a name for the filter.", code="no_name")
    if len(name) > SavedFilter.MAX_NAME or len(query) > SavedFilter.MAX_QUERY:
        raise ValidationError(
            f"A name has at most {SavedFilter.MAX_NAME} characters, the filters {SavedFilter.MAX_QUERY:,}.",
            code="too_long",
        )
    others = SavedFilter.objects.filter(user=user, page=page).exclude(name=name)
    if others.count() >= MAX_SAVED:
        raise ValidationError(
            f"You have {MAX_SAVED} saved filters here. Delete one first.", code="too_many_filters"
        )
    return SavedFilter.objects.update_or_create(user=user, page=page, name=name, defaults={"query": query})


def handle(request):
    """The POST of a list: save its filters, or delete saved ones of the same user."""
    if number := integers.parse(request.POST.get("delete_filter", "")):
        saved(request).filter(pk=number).delete()
        return redirect(request.get_full_path())
    try:
        found, is_new = save(
            request.user,
            page=request.path,
            name=request.POST.get("filter_name", ""),
            query=query_of(request.GET),
        )
    except ValidationError as error:
        messages.error(request, error.messages[0])
        return redirect(request.get_full_path())
    messages.success(request, f"The filter {found.name} was {'saved' if is_new else 'replaced'}.")
    return redirect(f"{request.path}?{found.query}")

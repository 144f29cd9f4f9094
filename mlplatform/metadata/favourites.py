"""Favourites: what a user has marked to find again. Objects have them as a ManyToManyField named `favourited_by`."""

import django_filters
from django.db import models
from django.db.models import Exists, OuterRef
from django.http import HttpResponse
from django.shortcuts import redirect

from mlplatform.auth import permissions
from mlplatform.validation.forms import return_address

FIELDS = ("favourite", "next")  # of the POST of a page


def mark(owner: models.Model, *, is_favourite: bool, by) -> None:
    """Make an object a favourite of a user, or no longer. Without effect if it is so already."""
    permissions.check(by, "view")
    (owner.favourited_by.add if is_favourite else owner.favourited_by.remove)(by)


def marked_by(user, owner: type[models.Model], *, key: str = "pk") -> Exists:
    """Whether a row is, or `key` refers to, a favourite of the user."""
    through = owner.favourited_by.through
    column = f"{owner._meta.model_name}_id"
    return Exists(through.objects.filter(**{column: OuterRef(key), "user_id": user.pk}))


def is_favourite(owner: models.Model, user) -> bool:
    return owner.favourited_by.filter(pk=user.pk).exists()


def handle(request, owner: models.Model, *, page: str):
    """The POST of a star on a page or in a list: goes back to where it was, unless a script has sent it."""
    mark(owner, is_favourite=request.POST.get("favourite") == "true", by=request.user)
    if request.htmx:
        return HttpResponse(status=204)
    return redirect(return_address(request.POST.get("next", ""), page))


class FavouriteFilter(django_filters.ChoiceFilter):
    """Filters by `is_favourite`, an annotation of the list."""

    def __init__(self):
        choices = [("true", "Favourites"), ("false", "Others")]
        super().__init__(choices=choices, label="Favourite", empty_label="All")

    def filter(self, qs, value):
        return qs.filter(is_favourite=value == "true") if value else qs

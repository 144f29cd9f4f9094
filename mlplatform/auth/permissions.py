"""Permission checks for pages, the API and domain operations."""

from collections.abc import Collection
from functools import wraps

from django.core.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission

from mlplatform.auth.roles import DENIED, can
from mlplatform.auth.sign_in import sign_in_required
from mlplatform.validation.forms import check_page


def check(user, permission: str) -> None:
    """Raise PermissionDenied unless the user has this permission."""
    if not can(user, permission):
        raise PermissionDenied(DENIED[permission])


def check_release(user, stage: str) -> None:
    """Raise PermissionDenied unless the user can change the live version of this stage."""
    check(user, "promote_production" if stage == "production" else "promote_staging")


def page(permission: str = "view", *, query: Collection[str] = (), fields: Collection[str] | None = ()):
    """Decorator for page views: require a signed-in user with this permission, and no other names in the request.

    `query` are the query parameters of the page, `fields` those of a POST; None means that the view checks them.
    """

    def decorate(view):
        @wraps(view)
        @sign_in_required
        def checked(request, *args, **kwargs):
            check(request.user, permission)
            check_page(request, query=query, fields=fields)
            return view(request, *args, **kwargs)

        return checked

    return decorate


class CanView(BasePermission):
    """The default permission of API views. Operations check the permission for what they change."""

    message = DENIED["view"]

    def has_permission(self, request, view):
        return request.user.is_authenticated and can(request.user, "view")

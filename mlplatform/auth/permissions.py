"""Permission checks for pages, the API and domain operations."""

from collections.abc import Callable, Collection
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
    check(user, _to_release(stage))


def _to_release(stage: str) -> str:
    return "promote_production" if stage == "production" else "promote_staging"


def of_stage(request, *, environment: str = "", **kwargs) -> str:
    """The permission to change the live version of the stage that a request names in its path, form or query."""
    values = request.POST if request.method == "POST" else request.GET
    return _to_release(environment or values.get("stage", ""))


def page(
    permission: str | Callable[..., str] = "view",
    *,
    query: Collection[str] = (),
    fields: Collection[str] | None = (),
):
    """Decorator for page views: require a signed-in user with this permission, and no other names in the request.

    The permission can depend on the request: a function of it and of what is in the path returns it. `query` are the
    query parameters of the page, `fields` those of a POST; None means that the view checks them.
    """

    def decorate(view):
        @wraps(view)
        @sign_in_required
        def checked(request, *args, **kwargs):
            check(request.user, permission if isinstance(permission, str) else permission(request, **kwargs))
            check_page(request, query=query, fields=fields)
            return view(request, *args, **kwargs)

        return checked

    return decorate


class CanView(BasePermission):
    """The default permission of API views. Operations check the permission for what they change."""

    message = DENIED["view"]

    def has_permission(self, request, view):
        return request.user.is_authenticated and can(request.user, "view")

"""Roles, what each may do, and the checks that pages, API and operations share."""

from functools import wraps

from django.contrib.admin import AdminSite
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission

# Each role may do what stands beside it and everything above it.
ROLES = {
    "viewer": {"view", "predict"},
    "data scientist": {"upload", "train", "promote_staging"},
    "release manager": {"promote_production", "delete"},
    "administrator": {"administer"},
}

REFUSALS = {
    "view": "Your account has no role yet. Ask an administrator to make you a viewer or more.",
    "predict": "Your account has no role yet. Ask an administrator to make you a viewer or more.",
    "upload": "Only data scientists and above may upload datasets.",
    "train": "Only data scientists and above may train models.",
    "promote_staging": "Only data scientists and above may release to staging.",
    "promote_production": "Only release managers and above may release to production.",
    "delete": "Only release managers and above may delete.",
    "administer": "Only administrators may do this.",
}


def abilities(user) -> frozenset[str]:
    """What this user may do; one query a request, kept on the user object."""
    if not user.is_active or user.is_anonymous:
        return frozenset()
    if user.is_superuser:
        return frozenset(REFUSALS)
    if not hasattr(user, "_abilities"):
        held = set(user.groups.values_list("name", flat=True))
        names = list(ROLES)
        highest = max((names.index(role) for role in held if role in ROLES), default=-1)
        user._abilities = frozenset().union(*(ROLES[role] for role in names[: highest + 1]))
    return user._abilities


def can(user, ability: str) -> bool:
    return ability in abilities(user)


def check(user, ability: str) -> None:
    """Raise PermissionDenied with the sentence for people, unless this user may do this."""
    if not can(user, ability):
        raise PermissionDenied(REFUSALS[ability])


def check_release(user, stage: str) -> None:
    """The check for putting a version into a stage: production is the release managers' own."""
    check(user, "promote_production" if stage == "production" else "promote_staging")


def page(ability: str = "view"):
    """Decorate a page: sign in first, then the ability."""

    def decorate(view):
        @wraps(view)
        @login_required
        def checked(request, *args, **kwargs):
            check(request.user, ability)
            return view(request, *args, **kwargs)

        return checked

    return decorate


class MayView(BasePermission):
    """The API's entry check. What a call changes is checked by the operation it makes."""

    message = REFUSALS["view"]

    def has_permission(self, request, view):
        return request.user.is_authenticated and can(request.user, "view")


class BearerAuthentication(TokenAuthentication):
    def authenticate_credentials(self, token):
        if not token.isascii():
            raise AuthenticationFailed("Invalid token.")
        return super().authenticate_credentials(token)


class BearerScheme(OpenApiAuthenticationExtension):
    """How the schema describes BearerAuthentication."""

    target_class = "mlplatform.access.BearerAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema):
        return {"type": "http", "scheme": "bearer"}


class RoleBackend(BaseBackend):
    """Administrators hold every Django permission, so the admin is theirs without further flags."""

    def has_perm(self, user_obj, perm, obj=None):
        return can(user_obj, "administer")

    def has_module_perms(self, user_obj, app_label):
        return can(user_obj, "administer")


class PlatformAdminSite(AdminSite):
    site_title = site_header = "ML Mini Platform"
    index_title = "Registry and accounts"

    def has_permission(self, request):
        return can(request.user, "administer")


def page_context(request) -> dict:
    """For templates: `user_can.upload` and so on, and `nav`, the section that this page belongs to."""
    user = getattr(request, "user", None)
    held = abilities(user) if user is not None else frozenset()
    path = request.path
    sections = {"/catalog/": "catalog", "/registry/train/": "train", "/registry/jobs/": "jobs",
                "/registry/models/": "models", "/serving/": "serving"}  # fmt: skip
    nav = (
        "home"
        if path == "/"
        else next((name for start, name in sections.items() if path.startswith(start)), "")
    )
    return {"user_can": {ability: ability in held for ability in REFUSALS}, "nav": nav}

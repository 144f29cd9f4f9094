"""What the failed sign-ins that django-axes counts lock: a name at an address, or an address for unknown names."""

from axes.attempts import get_cool_off_threshold
from axes.helpers import get_client_username
from axes.models import AccessAttempt, AccessLog
from django.conf import settings
from django.db.models import Sum
from django.http import HttpRequest

NAME_AND_ADDRESS = ["username", "ip_address"]


def parameters(request: HttpRequest, credentials: dict | None = None) -> list:
    """The AXES_LOCKOUT_PARAMETERS, each of which locks from AXES_FAILURE_LIMIT failures on.

    A name alone never locks: a stranger could keep its user out from anywhere. An address alone does only from
    ADDRESS_FAILURE_LIMIT on, and not for names that have signed in from it: others of a team can share it.
    """
    failures = AccessAttempt.objects.filter(
        ip_address=request.axes_ip_address, attempt_time__gte=get_cool_off_threshold(request)
    ).aggregate(sum=Sum("failures_since_start"))["sum"]
    if (failures or 0) < settings.ADDRESS_FAILURE_LIMIT:
        return [NAME_AND_ADDRESS]
    known = has_signed_in(request, get_client_username(request, credentials))
    return [NAME_AND_ADDRESS] if known else [NAME_AND_ADDRESS, "ip_address"]


def has_signed_in(request: HttpRequest, username: str | None) -> bool:
    """Whether the name has signed in from the address of the request before."""
    return AccessLog.objects.filter(username=username, ip_address=request.axes_ip_address).exists()


def remember(request: HttpRequest, username: str) -> None:
    """Record a sign-in that starts no session. django-axes records those of pages."""
    if not has_signed_in(request, username):
        AccessLog.objects.create(
            username=username,
            ip_address=request.axes_ip_address,
            user_agent=request.axes_user_agent,
            http_accept=request.axes_http_accept,
            path_info=request.axes_path_info,
        )

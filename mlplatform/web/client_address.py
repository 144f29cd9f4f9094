"""The address of a client behind trusted proxies. The sign-in limit counts by it."""

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """Return the last address on the way here that is not one of TRUSTED_PROXIES.

    Each proxy appends the address that it was called from to X-Forwarded-For. What an untrusted client wrote into the
    header is further left, and ignored.
    """
    address = request.META.get("REMOTE_ADDR", "")
    forwarded = [
        hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()
    ]
    while forwarded and _is_trusted(address):
        address = forwarded.pop()
    return address


def _is_trusted(address: str) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in settings.TRUSTED_PROXIES)

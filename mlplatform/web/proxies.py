"""What trusted proxies say about a request: the client's address, and the path at which they publish the platform."""

import re
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest
from django.urls import get_script_prefix, set_script_prefix
from whitenoise.storage import CompressedManifestStaticFilesStorage

is_prefix = re.compile(settings.URL_PREFIX_PATTERN).fullmatch


def client_address(request: HttpRequest) -> str:
    """Return the last address on the way here that is not one of TRUSTED_PROXIES. The sign-in limit counts by it.

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


class UrlPrefix:
    """A WSGI application in front of one that is published under a path such as /ml.

    The path is X-Forwarded-Prefix of a trusted proxy, else URL_PREFIX. The proxy can remove it from the request's path
    or keep it. Links, redirects, static files and cookies then begin with it.
    """

    def __init__(self, application: Callable):
        self.application = application
        self.is_trusted = lru_cache(maxsize=1024)(_is_trusted)

    def __call__(self, environ: dict, start_response):
        prefix = self._prefix(environ)
        if not prefix:
            return self.application(environ, start_response)
        path = environ["PATH_INFO"]
        if path == prefix or path.startswith(f"{prefix}/"):
            environ["PATH_INFO"] = path[len(prefix) :] or "/"
        environ["SCRIPT_NAME"] = prefix

        def start(status, headers, *exc_info):
            headers = [
                (name, _in_path(prefix, value) if name == "Set-Cookie" else value) for name, value in headers
            ]
            return start_response(status, headers, *exc_info)

        set_script_prefix(f"{prefix}/")  # Django does it too, but not for responses of the fast path
        try:
            return self.application(environ, start)
        finally:
            set_script_prefix("/")  # for the next request of this thread

    def _prefix(self, environ: dict) -> str:
        forwarded = environ.get("HTTP_X_FORWARDED_PREFIX", "").rstrip("/")
        if forwarded and is_prefix(forwarded) and self.is_trusted(environ.get("REMOTE_ADDR", "")):
            return forwarded
        return settings.URL_PREFIX


def _in_path(prefix: str, cookie: str) -> str:
    return cookie.replace("Path=/", f"Path={prefix}/", 1)


class PrefixedUrls:
    """Static files whose URLs begin with the prefix of the request. Django reads STATIC_URL once for all requests."""

    def url(self, *args, **kwargs) -> str:
        return get_script_prefix().rstrip("/") + super().url(*args, **kwargs)


class StaticFiles(PrefixedUrls, CompressedManifestStaticFilesStorage):
    pass

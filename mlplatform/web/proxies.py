"""What trusted proxies say about a request: the client's address, and the path at which they publish the platform."""

import re
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest
from django.urls import get_script_prefix, set_script_prefix
from whitenoise.storage import CompressedManifestStaticFilesStorage

is_prefix = re.compile(settings.URL_PREFIX_PATTERN).fullmatch


PORT = re.compile(r"\[(.*)\](?::\d+)?|([^:]*):\d+")  # [2001:db8::1]:443, 203.0.113.9:443
IPV6_CLIENT_BITS = 64  # a client can use any address of such a network


def client_address(request: HttpRequest) -> str | None:
    """The address by which failed sign-ins are counted, or None if there is none, as with a Unix socket.

    It is the last one on the way here that is not one of TRUSTED_PROXIES. Each proxy appends the address that it was
    called from to X-Forwarded-For. What an untrusted client wrote into the header is further left, and ignored. What
    is not an address, such as `unknown`, counts as its proxy. Of an IPv6 address it is the network.
    """
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    client = None
    for number, hop in enumerate([request.META.get("REMOTE_ADDR", ""), *reversed(forwarded)]):
        address = _parsed(hop.strip())
        if address is None:
            break
        client = address
        if not _is_trusted(address, number):
            break
    if isinstance(client, IPv6Address):
        client = ip_network((client, IPV6_CLIENT_BITS), strict=False).network_address
    return client and str(client)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    if with_port := PORT.fullmatch(text):
        text = with_port[1] or with_port[2]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_trusted(address: IPv4Address | IPv6Address | None, number: int = 0) -> bool:
    """Whether the address is that of a trusted proxy, of which `number` are nearer to us."""
    proxies = settings.TRUSTED_PROXIES
    if isinstance(proxies, int):
        return number < proxies
    return address is not None and any(address in network for network in proxies)


class UrlPrefix:
    """A WSGI application in front of one that is published under a path such as /ml.

    The path is X-Forwarded-Prefix of a trusted proxy, else URL_PREFIX. The proxy can remove it from the request's path
    or keep it. Links, redirects, static files and cookies then begin with it.
    """

    def __init__(self, application: Callable):
        self.application = application
        self.is_trusted = lru_cache(maxsize=1024)(lambda peer: _is_trusted(_parsed(peer)))

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

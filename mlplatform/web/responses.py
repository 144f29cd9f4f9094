"""What all responses have in common: security headers, known host names, an address of one spelling, compression, and
no copies in caches.
"""

import logging

from django.conf import settings
from django.core.exceptions import DisallowedHost, ValidationError
from django.http import Http404, HttpResponsePermanentRedirect
from django.middleware.common import CommonMiddleware
from django.middleware.gzip import GZipMiddleware
from django.urls import is_valid_path
from django.utils.encoding import escape_uri_path, iri_to_uri
from django.utils.http import escape_leading_slashes

from mlplatform.errors import Forbidden, error_response

logger = logging.getLogger(__name__)

NO_STORE = ("Cache-Control", "private, no-store")
# Pages have no inline scripts and styles, and Swagger UI needs none. Its style sheet has images in it.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
SECURITY_HEADERS = [
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    (
        "Permissions-Policy",
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
    ("Referrer-Policy", "same-origin"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),  # for browsers that ignore frame-ancestors
    *([("Strict-Transport-Security", "max-age=31536000")] if settings.HTTPS else []),
]
COMPRESSED = {"text/html", "application/json", "application/vnd.oai.openapi"}


class PermanentRedirect(HttpResponsePermanentRedirect):
    """308: unlike 301, it keeps the method and the body."""

    status_code = 308


class SecurityHeadersMiddleware:
    """Adds the security headers to every response, also of other middleware. The fast path adds them itself."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        for name, value in SECURITY_HEADERS:
            response.headers[name] = value
        return response


def check_site(request) -> None:
    """Raise ValidationError for an unknown host name, and Forbidden for a page of another site.

    For calls without credentials: a page whose name resolves to this machine (DNS rebinding) could make them from a
    browser that has access to it.
    """
    try:
        host = request.get_host()
    except DisallowedHost as error:
        raise _unknown_host(request) from error
    origin = request.headers.get("Origin")
    if origin and origin.partition("://")[2] != host and origin not in settings.CORS_ALLOWED_ORIGINS:
        raise Forbidden(
            f"Pages of `{origin[:100]}` cannot make this call. Add the origin to CORS_ALLOWED_ORIGINS.",
            code="unknown_origin",
        )


def _unknown_host(request) -> ValidationError:
    host = request.META.get("HTTP_HOST", "")[:100]
    logger.warning("unknown host name: %s", ascii(host))
    return ValidationError(
        f"The host name `{host}` is not in ALLOWED_HOSTS. Use another one, or add it to that setting.",
        code="unknown_host",
    )


class AddressMiddleware(CommonMiddleware):
    """Refuses unknown host names, redirects paths with a slash too many or missing, and keeps responses out of caches.

    Django's redirect loses the body of a POST, and adds slashes but does not remove them.
    """

    def process_request(self, request):
        if "\0" in request.path_info:  # PostgreSQL cannot compare such a text
            raise Http404
        try:
            return super().process_request(request)
        except DisallowedHost:
            error = _unknown_host(request)
            return error_response(request, 400, detail=error.message, code=error.code)

    def process_response(self, request, response):
        if response.status_code == 404 and (address := _address_with_other_slash(request)):
            response = PermanentRedirect(address)
        response.headers.setdefault(*NO_STORE)
        return super().process_response(request, response)

    def should_redirect_with_slash(self, request) -> bool:
        return False  # process_response() does it


def _address_with_other_slash(request) -> str | None:
    """The address with one trailing slash more or less, if only that one exists."""
    path, urlconf = request.path_info, getattr(request, "urlconf", None)
    other = path[:-1] if path.endswith("/") else f"{path}/"
    if not other or is_valid_path(path, urlconf) or not is_valid_path(other, urlconf):
        return None
    full_path = request.path[:-1] if path.endswith("/") else f"{request.path}/"
    query = request.META.get("QUERY_STRING", "")
    return escape_leading_slashes(escape_uri_path(full_path)) + (f"?{iri_to_uri(query)}" if query else "")


class CompressionMiddleware(GZipMiddleware):
    """Compresses pages and JSON, and leaves files as they are, for their ranges and ETags.

    Django adds up to 100 random bytes, so that the length does not reveal a secret of the page such as its CSRF token
    (BREACH). That is why the proxy in front does not compress: Caddy and nginx have no such protection.
    """

    def process_response(self, request, response):
        content_type = response.headers.get("Content-Type", "").partition(";")[0]
        if response.streaming or content_type not in COMPRESSED:
            return response
        return super().process_response(request, response)

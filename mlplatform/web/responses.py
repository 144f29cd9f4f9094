"""What all responses have in common: an address of one spelling, compression, and no copies in caches."""

import logging

from django.core.exceptions import DisallowedHost
from django.http import Http404, HttpResponsePermanentRedirect
from django.middleware.common import CommonMiddleware
from django.middleware.gzip import GZipMiddleware
from django.urls import is_valid_path
from django.utils.encoding import escape_uri_path, iri_to_uri
from django.utils.http import escape_leading_slashes

from mlplatform.errors import error_response

logger = logging.getLogger(__name__)

NO_STORE = ("Cache-Control", "private, no-store")
COMPRESSED = {"text/html", "application/json", "application/vnd.oai.openapi"}


class PermanentRedirect(HttpResponsePermanentRedirect):
    """308: unlike 301, it keeps the method and the body."""

    status_code = 308


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
            host = request.META.get("HTTP_HOST", "")[:100]
            logger.warning("unknown host name: %s", ascii(host))
            message = (
                f"The host name `{host}` is not in ALLOWED_HOSTS. Use another one, or add it to that setting."
            )
            return error_response(request, 400, detail=message, code="unknown_host")

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

"""Limits of request bodies by their Content-Length, before a byte of them is read."""

import math

from django.conf import settings
from django.core.exceptions import ValidationError

from mlplatform.errors import LengthRequired, TooLarge, error_response, status_of

MB = 1024**2
# In the environ of a request: the error for which RequestBody refuses its body.
REFUSAL = "mlplatform.refusal"
MULTIPART = "multipart/form-data"
FORM_OVERHEAD = 1 * MB  # the form fields and boundaries around an uploaded file


class RequestSizeMiddleware:
    """Refuses a body whose length is above the limit or unknown, and one that RequestBody has refused."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        error = request.META.get(REFUSAL) or _error(request.META)
        if error is None:
            return self.get_response(request)
        response = error_response(request, status_of(error), detail=error.message, code=error.code)
        response["Connection"] = "close"
        return response


def _error(environ: dict) -> ValidationError | None:
    # RequestBody has joined the chunks if the server decodes them, which runserver does not.
    if is_chunked(environ):
        return LengthRequired(
            "Send a Content-Length header: this web server does not decode chunked request bodies.",
            code="length_required",
        )
    what, limit_mb, limit = size_limit(environ)
    length = content_length(environ)
    if length <= limit:
        return None
    return TooLarge(
        f"The {what} is {math.ceil(length / MB)} MB; the limit is {limit_mb} MB.", code="too_large"
    )


def size_limit(environ: dict) -> tuple[str, int, int]:
    """What the limit of a request body is about, "file" or "request", its limit in MB, and in bytes."""
    if is_multipart(environ):
        return "file", settings.MAX_UPLOAD_MB, settings.MAX_UPLOAD_MB * MB + FORM_OVERHEAD
    return "request", settings.MAX_REQUEST_MB, settings.MAX_REQUEST_MB * MB


def is_multipart(environ: dict) -> bool:
    return environ.get("CONTENT_TYPE", "")[: len(MULTIPART)].lower() == MULTIPART


def content_length(environ: dict) -> int:
    length = environ.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isdecimal() else 0


def is_chunked(environ: dict) -> bool:
    return "HTTP_TRANSFER_ENCODING" in environ and "chunked" in environ["HTTP_TRANSFER_ENCODING"].lower()

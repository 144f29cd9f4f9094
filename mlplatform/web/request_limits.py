"""Limits of request bodies by their Content-Length, before a byte of them is read."""

import math

from django.conf import settings

from mlplatform.errors import error_response

MB = 1024**2
MULTIPART = "multipart/form-data"
FORM_OVERHEAD = 1 * MB  # the form fields and boundaries around an uploaded file


class RequestSizeMiddleware:
    """Refuses a body whose length is above the limit or unknown."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if is_chunked(
            request.META
        ):  # RequestBody joins chunks with servers that decode them, which runserver does not
            message = "Send a Content-Length header: this web server does not decode chunked request bodies."
            return error_response(request, 411, detail=message, code="length_required")
        what, limit_mb, limit = size_limit(request.META)
        length = content_length(request.META)
        if length <= limit:
            return self.get_response(request)
        message = f"The {what} is {math.ceil(length / MB)} MB; the limit is {limit_mb} MB."
        response = error_response(request, 413, detail=message, code="too_large")
        response["Connection"] = "close"
        return response


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

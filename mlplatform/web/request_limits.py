"""Limits of request bodies: refused before they are read, and read to their end before the connection closes."""

import contextlib
import math
import time
from collections.abc import Callable, Iterable

from django.conf import settings

from mlplatform.errors import error_response

MB = 1024**2
FORM_OVERHEAD = 1 * MB  # the form fields and boundaries around an uploaded file
UNREAD_BYTES = 64 * 1024  # that fit into the sockets' buffers
# The time is checked between reads: a client that sends next to nothing holds its thread longer, as within any body.
DRAIN_BYTES, DRAIN_S = 4096 * MB, 60


class RequestSizeMiddleware:
    """Refuses a body whose length is above the limit or unknown, before a byte of it is read."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if _is_chunked(request.META):
            message = "Send a Content-Length header: chunked request bodies are not supported."
            return error_response(request, 411, detail=message, code="length_required")
        is_upload = (request.content_type or "") == "multipart/form-data"
        limit_mb = settings.MAX_UPLOAD_MB if is_upload else settings.MAX_REQUEST_MB
        length = _length(request.META)
        if length <= limit_mb * MB + (FORM_OVERHEAD if is_upload else 0):
            return self.get_response(request)
        what = "file" if is_upload else "request"
        message = f"The {what} is {math.ceil(length / MB)} MB; the limit is {limit_mb} MB."
        response = error_response(request, 413, detail=message, code="too_large")
        response["Connection"] = "close"
        return response


class DrainRequestBody:
    """A WSGI application that drains what another one left unread of a large request body, after the response was sent.

    Closing at once would reset the connection, and a client that sends before it reads would never see the response.
    """

    def __init__(self, application: Callable):
        self.application = application

    def __call__(self, environ: dict, start_response):
        response = self.application(environ, start_response)
        if _length(environ) > UNREAD_BYTES or _is_chunked(environ):
            return _DrainingResponse(response, environ["wsgi.input"])
        return response


class _DrainingResponse:
    def __init__(self, parts: Iterable[bytes], body):
        self.parts, self.body = parts, body

    def __iter__(self):
        return iter(self.parts)

    def close(self) -> None:
        if hasattr(self.parts, "close"):
            self.parts.close()
        left, end = DRAIN_BYTES, time.monotonic() + DRAIN_S
        with contextlib.suppress(OSError):  # the client is gone
            while left > 0 and time.monotonic() < end and (chunk := self.body.read(64 * 1024)):
                left -= len(chunk)


def _length(environ: dict) -> int:
    length = environ.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isdecimal() else 0


def _is_chunked(environ: dict) -> bool:
    return "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()

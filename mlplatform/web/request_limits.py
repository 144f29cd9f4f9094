"""Limits of request bodies by their Content-Length, before a byte of them is read."""

import math
import re
from typing import NamedTuple

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError

from mlplatform import storage
from mlplatform.auth import credentials
from mlplatform.errors import (
    LengthRequired,
    TooLarge,
    Unauthenticated,
    as_expected,
    error_response,
    status_of,
)
from mlplatform.validation import integers

MB = 1024**2
# In the environ of a request: the error for which RequestBody refuses its body.
REFUSAL = "mlplatform.refusal"
DECOMPRESSED = "mlplatform.decompressed"  # in the environ of a request: the size of its decompressed body
MULTIPART = "multipart/form-data"
FORM_OVERHEAD = 1 * MB  # the form fields and boundaries around an uploaded file
WITHOUT_CREDENTIALS = 64 * 1024  # bytes that anyone can send
INVOCATIONS = "/invocations"


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
    length = content_length(environ)
    if length <= WITHOUT_CREDENTIALS:
        return None
    limit = size_limit(environ)
    if length > limit.max_bytes:
        return TooLarge(
            f"The {limit.subject} is {in_units(length)}; the limit is {limit.in_words}.", code="too_large"
        )
    try:
        check_credentials(environ, length)
        if limit.subject == "file":
            storage.require_temporary_space(length, folder=settings.FILE_UPLOAD_TEMP_DIR)
    except ValidationError as error:
        return error
    return None


class SizeLimit(NamedTuple):
    """The limit of a request body: what it is about, `file` or `request`, in words, and in bytes."""

    subject: str
    in_words: str
    max_bytes: int


def size_limit(environ: dict) -> SizeLimit:
    """The limit for a user with valid credentials, by the address of a request."""
    path = environ["PATH_INFO"]
    if is_multipart(environ) and re.fullmatch(settings.FILE_ADDRESSES, path):
        size = settings.MAX_UPLOAD_MB
        return SizeLimit("file", f"{size} MB", size * MB + FORM_OVERHEAD)
    if re.fullmatch(settings.SIGN_IN_ADDRESSES, path):
        size = WITHOUT_CREDENTIALS
    elif re.fullmatch(settings.ROW_ADDRESSES, path):
        size = settings.MAX_REQUEST_MB * MB
    else:
        size = settings.MAX_FORM_MB * MB
    return SizeLimit("request", in_units(size), size)


def anonymous_limit(environ: dict) -> int:
    """The bytes that a request without valid credentials can have."""
    if settings.INVOCATIONS_ANONYMOUS and environ["PATH_INFO"] == INVOCATIONS:
        return settings.INVOCATIONS_ANONYMOUS_MB * MB
    return WITHOUT_CREDENTIALS


def check_credentials(environ: dict, length: int) -> None:
    """Raise Unauthenticated for a body above the anonymous limit without a valid token or session, and NotReady if the
    database does not respond.
    """
    limit = anonymous_limit(environ)
    if length <= limit:
        return
    try:
        is_valid = credentials.are_valid(environ)
    except (OperationalError, InterfaceError) as error:
        raise as_expected(error) from error
    if not is_valid:
        raise Unauthenticated(
            f"A request of more than {in_units(limit)} requires a valid token or a session. Sign in and send it again.",
            code="not_authenticated",
        )


def in_units(size: int) -> str:
    """A number of bytes in MB, or below one in KB, rounded up."""
    return f"{math.ceil(size / MB)} MB" if size >= MB else f"{math.ceil(size / 1024)} KB"


def is_multipart(environ: dict) -> bool:
    return environ.get("CONTENT_TYPE", "")[: len(MULTIPART)].lower() == MULTIPART


def content_length(environ: dict) -> int:
    return integers.parse((environ.get("CONTENT_LENGTH") or "")[:18]) or 0  # 18 digits are above any limit


def body_size(environ: dict) -> int:
    """The bytes of a body that was read, decompressed."""
    return max(content_length(environ), environ.get(DECOMPRESSED, 0))


def is_chunked(environ: dict) -> bool:
    return "HTTP_TRANSFER_ENCODING" in environ and "chunked" in environ["HTTP_TRANSFER_ENCODING"].lower()

"""Expected errors, and their conversion to a response: a JSON body or a page."""

import errno
import sqlite3
import sys
from collections.abc import Callable, Iterator

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import Resolver404, get_script_prefix
from django.utils.module_loading import import_string
from rest_framework import exceptions as drf
from rest_framework.response import Response

from mlplatform.web.request_log import current_id

RETRY_AFTER_S = 5
MAX_SENTENCES = 20  # about one field: a list can have thousands of invalid items
PAGE_NOT_FOUND = "Page not found."
METHOD_NOT_ALLOWED = (
    "This address only receives a form. Nothing was changed. Open the page with the form instead."
)
DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
POSTGRES_DISK_FULL = "53100"
NOT_AUTHENTICATED = "Send a token in the header `Authorization: Bearer TOKEN`, or sign in."
ENDED_EARLY = "The request body ended early."


class Unauthenticated(ValidationError):
    status = 401


class Forbidden(ValidationError):
    status = 403


class NotFound(ValidationError):
    status = 404


class Conflict(ValidationError):
    """A concurrent change came first, or other objects depend on the one to be changed."""

    status = 409


class LengthRequired(ValidationError):
    status = 411


class TooLarge(ValidationError):
    status = 413


class TooManyJobs(ValidationError):
    status = 429


class UnsupportedType(ValidationError):
    status = 415


class RangeNotSatisfiable(ValidationError):
    """The requested range starts after the end of a file of `size` bytes."""

    status = 416

    def __init__(self, size: int):
        super().__init__(
            f"The range starts after the end of the file, which has {size} bytes.", code="invalid_range"
        )
        self.headers = {"Content-Range": f"bytes */{size}"}


class TrainingFailed(ValidationError):
    status = 422


class NotReady(ValidationError):
    """A required service does not respond; the same request can succeed later."""

    status = 503


class StorageForbidden(NotReady):
    """The object store is read-only, or does not accept the platform's credentials: to wait does not help."""


class DiskFull(NotReady):
    """No space is left on a disk of this server, of the object store or of the database: to wait does not help."""

    status = 507


def body_of(error: ValidationError) -> dict:
    """The JSON body of an expected error: one sentence, one code, and the sentences of each field."""
    if hasattr(error, "error_dict"):
        fields = error.message_dict
        path, (first, *_) = next(iter(error.error_dict.items()))
        sentence = first.messages[0]
        detail = f"{path}: {sentence}" if sentence.startswith("Must ") else sentence
    else:
        fields = {}
        first = error.error_list[0]
        detail = first.messages[0]
    return {"detail": detail, "code": first.code or "invalid", "fields": fields}


def status_of(error: ValidationError) -> int:
    return getattr(error, "status", 400)


def status_of_form(form) -> int:
    """The status of a page with a form that was refused: 422, or that of an error which is not the user's."""
    errors = [error for errors in form.errors.as_data().values() for error in errors]
    return max((status_of(error) for error in errors if status_of(error) >= 500), default=422)


def _flat(detail, path: tuple = ()) -> Iterator[tuple[tuple, drf.ErrorDetail]]:
    """The errors within DRF's nested ones, each with the path of its field: `features`, `item 2`."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            part = f"item {name + 1:,}" if isinstance(name, int) else name
            yield from _flat(inner, path if name == "non_field_errors" else (*path, part))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _flat(inner, path)
    else:
        yield path, detail


def _drf_body(error: drf.APIException) -> dict:
    """Sentences that name their field, such as those about unknown ones, are not preceded by it."""
    failures = list(_flat(error.detail))
    # An unknown name explains the errors of the others: without `dataset`, `dataset_name` is missing.
    failures.sort(key=lambda failure: failure[1].code != "unknown_field")
    path, first = failures[0]
    is_unknown = first.code == "unknown_field"
    is_validation = isinstance(error, drf.ValidationError)
    fields: dict[str, list[str]] = {}
    for names, text in failures:
        if not names:
            continue
        is_path = text.code == "unknown_field"
        sentences = fields.setdefault(".".join(names) if is_path else names[0], [])
        if len(sentences) < MAX_SENTENCES:
            sentences.append(str(text) if is_path else ": ".join([*names[1:], text]))
    return {
        "detail": str(first) if is_unknown else ": ".join([*path, first]),
        "code": first.code if is_unknown or not is_validation else "invalid",
        "fields": fields if is_validation else {},
    }


def is_disk_full(error: BaseException) -> bool:
    """Whether a disk of this server or of the database is full, or a quota is exhausted."""
    if isinstance(error, OSError):
        return error.errno in DISK_FULL
    cause = error.__cause__
    is_full = getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return is_full or getattr(cause, "sqlstate", None) == POSTGRES_DISK_FULL


def disk_full(*, needed: int | None = None, free: int = 0) -> DiskFull:
    sizes = "" if needed is None else f": {needed >> 20:,} MB are needed, {free >> 20:,} MB are free"
    sentence = f"There is not enough disk space on the server{sizes}. Nothing was changed; ask an operator to free some"
    return DiskFull(f"{sentence} space.", code="disk_full")


def as_expected(error: Exception) -> Exception:
    """The ValidationError for a full disk, or a service or client that is gone; any other error unchanged."""
    if is_disk_full(error):
        return disk_full()
    if isinstance(error, OperationalError | InterfaceError):
        return NotReady("The database is not responding. Try again in a moment.", code="database_unavailable")
    if isinstance(error, UnreadablePostError):
        return ValidationError(ENDED_EARLY, code="parse_error")
    return error


def api_exception_handler(exc, context):
    """The response to an expected error of the API; None for any other error, which is logged as a crash."""
    exc = as_expected(exc)
    if isinstance(exc, Http404):
        exc = NotFound(str(exc) or PAGE_NOT_FOUND, code="not_found")
    if isinstance(exc, ValidationError):
        headers = (
            {"Retry-After": str(RETRY_AFTER_S)} if status_of(exc) == 503 else getattr(exc, "headers", {})
        )
        return Response(body_of(exc), status=status_of(exc), headers=headers)
    if isinstance(exc, PermissionDenied):
        exc = drf.PermissionDenied(str(exc) or None)
    if not isinstance(exc, drf.APIException):
        return None
    if isinstance(exc, drf.NotAuthenticated):
        exc.detail = drf.ErrorDetail(NOT_AUTHENTICATED, code=exc.default_code)
    if isinstance(exc, drf.UnsupportedMediaType) and "view" in context:
        accepted = " or ".join(parser.media_type for parser in context["view"].parser_classes)
        exc.detail = drf.ErrorDetail(f"The body must be {accepted}.", code=exc.default_code)
    headers = {"WWW-Authenticate": exc.auth_header} if getattr(exc, "auth_header", None) else {}
    return Response(_drf_body(exc), status=exc.status_code, headers=headers)


def wants_json(request) -> bool:
    return "text/html" not in request.headers.get("Accept", "")


def _error_body(path: str) -> Callable[[dict, int], dict] | None:
    """The function that turns our error body into that of the protocol that a path belongs to."""
    bodies = settings.ERROR_BODIES.items()
    return next((import_string(name) for prefix, name in bodies if path.startswith(prefix)), None)


def error_response(request, status: int, *, detail: str, code: str) -> HttpResponse:
    reshape = _error_body(request.path_info)
    if reshape or wants_json(request):
        body = {"detail": detail, "code": code, "fields": {}}
        response = JsonResponse(reshape(body, status) if reshape else body, status=status)
    else:
        template = 503 if status == 507 else status if status in {400, 403, 404, 429, 503} else 400
        response = render(request, f"{template}.html", {"detail": detail}, status=status)
    if status in {429, 503}:
        response["Retry-After"] = str(RETRY_AFTER_S if status == 503 else 60)
    if status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


class PageErrorMiddleware:
    """Shows a page for an expected error that no view handled, and for a method that a page does not have."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if response.status_code != 405 or response.streaming or response.content:
            return response
        page = error_response(request, 405, detail=METHOD_NOT_ALLOWED, code="method_not_allowed")
        page["Allow"] = response[
            "Allow"
        ]  # Django's response has no body: browsers show an error of their own
        return page

    def process_exception(self, request, exception):
        exception = as_expected(exception)
        if isinstance(exception, ValidationError):
            body = body_of(exception)
            response = error_response(request, status_of(exception), detail=body["detail"], code=body["code"])
            for name, value in getattr(exception, "headers", {}).items():
                response[name] = value
            return response
        return None


def bad_request(request, exception):
    return error_response(request, 400, detail="The request is not valid.", code="bad_request")


def permission_denied(request, exception):
    return error_response(
        request,
        403,
        detail=str(exception) or "You don't have permission to do this.",
        code="permission_denied",
    )


def page_not_found(request, exception):
    reason = "" if isinstance(exception, Resolver404) else str(exception)
    return error_response(request, 404, detail=reason or PAGE_NOT_FOUND, code="not_found")


def server_error(request):
    if is_disk_full(sys.exc_info()[1]):  # while middleware read a form, outside PageErrorMiddleware
        error = disk_full()
        return error_response(request, error.status, detail=error.message, code=error.code)
    if wants_json(request):
        number = f" with the request ID {current_id()}" if current_id() else ""
        detail = f"Something went wrong. The error has been logged{number}."
        return error_response(request, 500, detail=detail, code="server_error")
    # Without context processors: one of them may be what crashed.
    context = {"request_id": current_id(), "home": get_script_prefix()}
    return HttpResponse(render_to_string("500.html", context), status=500)


def too_many_sign_ins(request, original_response=None, credentials=None):
    """Called by django-axes after too many failed sign-ins, see auth/lockout.py."""
    detail = "Too many failed sign-in attempts. Wait a minute and try again."
    return error_response(request, 429, detail=detail, code="too_many_sign_ins")

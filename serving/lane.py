"""The fast lane: predictions that come with a token, past sessions, CSRF and templates, which they do not need."""

from collections.abc import Callable

import orjson
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import APIException

from mlplatform import errors, tokens
from serving.protocols import native

EXPECTED = (ValidationError, PermissionDenied, APIException, OperationalError, InterfaceError)


def predict(request: HttpRequest, token: str) -> HttpResponse:
    try:
        user = tokens.user_of(token)
        if request.content_type != "application/json":
            raise errors.UnsupportedType(
                f"The body must be application/json, not {request.content_type[:100]}.",
                code="unsupported_media_type",
            )
        return answered(native.answer(native.loads(request.body), by=user))
    except EXPECTED as error:
        return refused(error)


def answered(body: dict, status: int = 200) -> HttpResponse:
    response = HttpResponse(orjson.dumps(body), content_type="application/json", status=status)
    response["X-Content-Type-Options"] = "nosniff"
    return response


def refused(
    error: Exception, reshape: Callable[[dict, int], dict] = lambda body, status: body
) -> HttpResponse:
    """An expected failure with its status and headers, in the body of its protocol."""
    failure = errors.api_exception_handler(error, {})
    response = answered(reshape(failure.data, failure.status_code), failure.status_code)
    for name, value in failure.headers.items():
        if name != "Content-Type":
            response[name] = value
    if failure.status_code == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


LANES = {"/predict": predict}


def bearer(request: HttpRequest) -> str | None:
    kind, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return token if kind.lower() == "bearer" and token and " " not in token else None


class LaneMiddleware:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        lane = LANES.get(request.path_info) if request.method == "POST" else None
        token = bearer(request) if lane else None
        return lane(request, token) if token else self.get_response(request)

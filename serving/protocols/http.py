"""The protocols' addresses: a request by token -> one call of the protocol's translation -> its answer.

No sessions and no CSRF: these are for programs. Each protocol has its own body for a failure.
"""

from collections.abc import Callable

import orjson
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from rest_framework.exceptions import APIException, MethodNotAllowed, NotAuthenticated

from mlplatform import errors
from mlplatform.auth import permissions, tokens
from serving.monitoring import prometheus
from serving.monitoring.metrics import count_failures
from serving.protocols import bodies, invocations, native, v1, v2

EXPECTED = (ValidationError, PermissionDenied, APIException, OperationalError, InterfaceError)


class Caller:
    """Whoever reaches the port of `manage.py serve`, where the host decides who may: it predicts, and no more."""

    is_active, is_anonymous, is_superuser = True, False, False
    _permissions = frozenset({"predict"})


def bearer(request: HttpRequest) -> str | None:
    words = request.META.get("HTTP_AUTHORIZATION", "").split()
    return words[1] if len(words) == 2 and words[0].lower() == "bearer" else None


def user_of(request: HttpRequest, ability: str = "predict"):
    """The user of the request's token. Raises NotAuthenticated, AuthenticationFailed and PermissionDenied."""
    token = bearer(request)
    if token is None:
        raise NotAuthenticated
    user = tokens.user_of(token)
    permissions.check(user, ability)
    return user


def answered(body: dict, status: int = 200) -> HttpResponse:
    return HttpResponse(orjson.dumps(body), content_type="application/json", status=status)


def refused(error: Exception, reshape: Callable[[dict, int], dict] | None = None) -> HttpResponse:
    """An expected failure with its status and headers, in the body of its protocol."""
    failure = errors.api_exception_handler(error, {})
    body = reshape(failure.data, failure.status_code) if reshape else failure.data
    response = answered(body, failure.status_code)
    for name, value in failure.headers.items():
        if name != "Content-Type":
            response[name] = value
    if failure.status_code == 401:
        response["WWW-Authenticate"] = "Bearer"
    if failure.status_code == 405:
        response["Allow"] = ", ".join(error.allowed)
    return response


@csrf_exempt
def predict(request: HttpRequest) -> HttpResponse:
    """POST /predict for programs; the lane brings it here."""
    try:
        user = user_of(request)
        with count_failures("native"):
            return answered(native.answer(bodies.json_of(request), by=user))
    except EXPECTED as error:
        return refused(error)


def _only(request: HttpRequest, *methods: str) -> None:
    if request.method not in methods:
        error = MethodNotAllowed(request.method)
        error.allowed = methods
        raise error


def _v2(request: HttpRequest, call: Callable[[], dict]) -> HttpResponse:
    """The answer to a question of the Open Inference Protocol, for those who may look."""
    try:
        _only(request, "GET", "HEAD")
        user_of(request, "view")
        return answered(call())
    except EXPECTED as error:
        return refused(error, v2.error_body)


@csrf_exempt
def v2_server(request):
    return _v2(request, lambda: v2.SERVER)


@csrf_exempt
def v2_models(request):
    return _v2(request, v2.models)


@csrf_exempt
def v2_model(request, model, version=None):
    return _v2(request, lambda: v2.metadata(model, version))


@csrf_exempt
def v2_ready(request, model, version=None):
    return _v2(request, lambda: v2.ready(model, version))


@csrf_exempt
def v2_infer(request, model, version=None):
    try:
        _only(request, "POST")
        user = user_of(request)
        with count_failures("v2"):
            size = request.headers.get(v2.JSON_SIZE)
            made = v2.infer(model, version, content=bodies.content_of(request), json_size=size, by=user)
    except EXPECTED as error:
        return refused(error, v2.error_body)
    if not made.binary:
        return answered(made.body)
    head = orjson.dumps(made.body)
    response = HttpResponse(b"".join([head, *made.binary]), content_type="application/octet-stream")
    response[v2.JSON_SIZE] = str(len(head))
    return response


@csrf_exempt
def v1_predict(request, model):
    try:
        _only(request, "POST")
        user = user_of(request)
        with count_failures("v1"):
            return answered(v1.predict(model, content=bodies.content_of(request), by=user))
    except EXPECTED as error:
        return refused(error, v2.error_body)


@csrf_exempt
def invoke(request):
    try:
        _only(request, "POST")
        model = request.headers.get("X-Model")
        is_open = settings.INVOCATIONS_ANONYMOUS and bearer(request) is None and not model
        by = Caller() if is_open else user_of(request)
        with count_failures("invocations"):
            body = invocations.invoke(
                bodies.content_of(request),
                content_type=request.content_type,
                charset=request.content_params.get("charset"),
                model=model,
                by=by,
            )
    except errors.UnsupportedType as error:
        return HttpResponse(error.messages[0], content_type="text/plain", status=415)
    except EXPECTED as error:
        return refused(error, invocations.error_body)
    response = answered(body)
    if passed := request.headers.get("X-Amzn-SageMaker-Custom-Attributes"):
        response["X-Amzn-SageMaker-Custom-Attributes"] = passed[:1024]
    return response


@csrf_exempt
def metrics(request):
    """For Prometheus with a token, and for people who are signed in."""
    try:
        _only(request, "GET", "HEAD")
        if bearer(request) or request.user.is_anonymous:
            user_of(request, "view")
        else:
            permissions.check(request.user, "view")
    except EXPECTED as error:
        return refused(error)
    return HttpResponse(prometheus.text(), content_type="text/plain; version=0.0.4; charset=utf-8")


@require_safe
def version(request):
    return HttpResponse(v2.SERVER["version"], content_type="text/plain")

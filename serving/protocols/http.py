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
from django.views.decorators.http import require_GET, require_POST
from rest_framework.exceptions import APIException, NotAuthenticated

from mlplatform import access, errors, json_bodies, tokens
from serving import exposition
from serving.protocols import invocations, native, v2

EXPECTED = (ValidationError, PermissionDenied, APIException, OperationalError, InterfaceError)


class Caller:
    """Whoever reaches the port of `manage.py serve`, where the host decides who may: it predicts, and no more."""

    is_active, is_anonymous, is_superuser = True, False, False
    _abilities = frozenset({"predict"})


def bearer(request: HttpRequest) -> str | None:
    kind, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return token if kind.lower() == "bearer" and token and " " not in token else None


def user_of(request: HttpRequest, ability: str = "predict"):
    """The user of the request's token. Raises NotAuthenticated, AuthenticationFailed and PermissionDenied."""
    token = bearer(request)
    if token is None:
        raise NotAuthenticated
    user = tokens.user_of(token)
    access.check(user, ability)
    return user


def answered(body: dict, status: int = 200) -> HttpResponse:
    response = HttpResponse(orjson.dumps(body), content_type="application/json", status=status)
    response["X-Content-Type-Options"] = "nosniff"
    return response


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
    return response


@csrf_exempt
def predict(request: HttpRequest) -> HttpResponse:
    """POST /predict for programs; the lane brings it here."""
    try:
        user = user_of(request)
        if request.content_type != "application/json":
            raise errors.UnsupportedType("The body must be application/json.", code="unsupported_media_type")
        return answered(native.answer(json_bodies.loads(request.body), by=user))
    except EXPECTED as error:
        return refused(error)


def _v2(call: Callable[[], dict]) -> HttpResponse:
    try:
        return answered(call())
    except EXPECTED as error:
        return refused(error, v2.error_body)


@require_GET
def v2_server(request):
    return _v2(lambda: user_of(request, "view") and v2.SERVER)


@require_GET
def v2_models(request):
    return _v2(lambda: user_of(request, "view") and v2.models())


@require_GET
def v2_model(request, model, version=None):
    return _v2(lambda: user_of(request, "view") and v2.metadata(model, version))


@require_GET
def v2_ready(request, model, version=None):
    return _v2(lambda: user_of(request, "view") and v2.ready(model, version))


@csrf_exempt
@require_POST
def v2_infer(request, model, version=None):
    def call():
        user = user_of(request)
        size = request.headers.get("Inference-Header-Content-Length")
        return v2.infer(model, version, content=request.body, json_size=size, by=user)

    return _v2(call)


@csrf_exempt
@require_POST
def invoke(request):
    try:
        model = request.headers.get("X-Model")
        is_open = settings.INVOCATIONS_ANONYMOUS and bearer(request) is None and not model
        body = invocations.invoke(
            request.body,
            content_type=request.content_type,
            charset=request.content_params.get("charset"),
            model=model,
            by=Caller() if is_open else user_of(request),
        )
    except errors.UnsupportedType as error:
        return HttpResponse(error.messages[0], content_type="text/plain", status=415)
    except EXPECTED as error:
        return refused(error, invocations.error_body)
    response = answered(body)
    if passed := request.headers.get("X-Amzn-SageMaker-Custom-Attributes"):
        response["X-Amzn-SageMaker-Custom-Attributes"] = passed[:1024]
    return response


@require_GET
def metrics(request):
    """For Prometheus with a token, and for people who are signed in."""
    try:
        if bearer(request) or request.user.is_anonymous:
            user_of(request, "view")
        else:
            access.check(request.user, "view")
    except EXPECTED as error:
        return refused(error)
    return HttpResponse(exposition.text(), content_type="text/plain; version=0.0.4; charset=utf-8")


@require_GET
def version(request):
    return HttpResponse(v2.SERVER["version"], content_type="text/plain")

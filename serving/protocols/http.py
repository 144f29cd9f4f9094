"""The endpoints of the protocols: authenticate a request, call its protocol, and return the response.

No sessions and no CSRF: these are for programs. Each protocol has its own error body.
"""

from collections.abc import Callable

import orjson
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import APIException, MethodNotAllowed, NotAuthenticated

from mlplatform import errors
from mlplatform.auth import permissions, token_cache
from mlplatform.auth.credentials import bearer_token
from mlplatform.json_parser import read_json_body
from mlplatform.validation import unknown_names
from mlplatform.web.request_body import read_content
from mlplatform.web.request_limits import anonymous_limit
from mlplatform.web.responses import check_site
from serving.monitoring import prometheus
from serving.monitoring.metrics import count_failures
from serving.protocols import invocations, native, v1, v2

EXPECTED_ERRORS = (ValidationError, PermissionDenied, APIException, OperationalError, InterfaceError)


class AnonymousCaller:
    """A caller of `manage.py serve`, where the host controls access to the port. It can predict and nothing else."""

    is_active, is_anonymous, is_superuser = True, False, False
    _permissions = frozenset({"predict"})


def authenticate(request: HttpRequest, ability: str = "predict"):
    """The user of the request's token. Raises NotAuthenticated, AuthenticationFailed or PermissionDenied."""
    token = bearer_token(request.META)
    if token is None:
        raise NotAuthenticated
    user = token_cache.shared_cache().user(token)
    permissions.check(user, ability)
    return user


def json_response(body: dict, status: int = 200) -> HttpResponse:
    return HttpResponse(orjson.dumps(body), content_type="application/json", status=status)


def error_response(error: Exception, error_body: Callable[[dict, int], dict] | None = None) -> HttpResponse:
    """The response to an expected error, with the body of its protocol."""
    failure = errors.api_exception_handler(error, {})
    body = error_body(failure.data, failure.status_code) if error_body else failure.data
    response = json_response(body, failure.status_code)
    for name, value in failure.headers.items():
        if name != "Content-Type":
            response[name] = value
    if failure.status_code == 401:
        response["WWW-Authenticate"] = "Bearer"
    if failure.status_code == 405:
        response["Allow"] = ", ".join(error.allowed)
    return response


def _check(request: HttpRequest, *methods: str, query: tuple[str, ...] = ()) -> None:
    """Raise MethodNotAllowed for another method, and ValidationError for an unknown query parameter."""
    if request.method not in methods:
        error = MethodNotAllowed(request.method)
        error.allowed = methods
        raise error
    if request.META.get("QUERY_STRING"):
        unknown_names.check_query(request.GET, query)


@csrf_exempt
def predict(request: HttpRequest) -> HttpResponse:
    """POST /predict with a token, on the fast path."""
    try:
        _check(request, "POST")
        user = authenticate(request)
        with count_failures("native"):
            return json_response(native.predict(read_json_body(request), by=user))
    except EXPECTED_ERRORS as error:
        return error_response(error)


def _v2_get(request: HttpRequest, read: Callable[[], dict]) -> HttpResponse:
    """The response to a GET of the Open Inference Protocol."""
    try:
        _check(request, "GET", "HEAD")
        authenticate(request, "view")
        return json_response(read())
    except EXPECTED_ERRORS as error:
        return error_response(error, v2.error_body)


@csrf_exempt
def v2_server(request):
    return _v2_get(request, lambda: v2.SERVER)


@csrf_exempt
def v2_models(request):
    return _v2_get(request, v2.models)


@csrf_exempt
def v2_model(request, model, version=None):
    return _v2_get(request, lambda: v2.metadata(model, version))


@csrf_exempt
def v2_ready(request, model, version=None):
    return _v2_get(request, lambda: v2.ready(model, version))


@csrf_exempt
def v2_infer(request, model, version=None):
    try:
        _check(request, "POST")
        user = authenticate(request)
        with count_failures("v2"):
            inference = v2.infer(
                model,
                version,
                content=read_content(request),
                json_size=request.headers.get(v2.JSON_SIZE),
                by=user,
            )
    except EXPECTED_ERRORS as error:
        return error_response(error, v2.error_body)
    if not inference.binary:
        return json_response(inference.body)
    head = orjson.dumps(inference.body)
    response = HttpResponse(b"".join([head, *inference.binary]), content_type="application/octet-stream")
    response[v2.JSON_SIZE] = str(len(head))
    return response


@csrf_exempt
def v1_predict(request, model):
    try:
        _check(request, "POST")
        user = authenticate(request)
        with count_failures("v1"):
            return json_response(v1.predict(model, content=read_content(request), by=user))
    except EXPECTED_ERRORS as error:
        return error_response(error, v2.error_body)


@csrf_exempt
def invoke(request):
    try:
        _check(request, "POST")
        model = request.headers.get("X-Model")
        is_anonymous = settings.INVOCATIONS_ANONYMOUS and bearer_token(request.META) is None and not model
        if is_anonymous:
            check_site(request)
        by = AnonymousCaller() if is_anonymous else authenticate(request)
        with count_failures("invocations"):
            body = invocations.invoke(
                read_content(request, max_bytes=anonymous_limit(request.META) if is_anonymous else None),
                content_type=request.content_type,
                charset=request.content_params.get("charset"),
                model=model,
                by=by,
            )
    except errors.UnsupportedType as error:
        return HttpResponse(error.messages[0], content_type="text/plain", status=415)
    except EXPECTED_ERRORS as error:
        return error_response(error, invocations.error_body)
    response = json_response(body)
    if attributes := request.headers.get("X-Amzn-SageMaker-Custom-Attributes"):
        response["X-Amzn-SageMaker-Custom-Attributes"] = attributes[:1024]
    return response


@csrf_exempt
def metrics(request):
    """GET /metrics, for Prometheus with a token and for signed-in users."""
    return _metrics(request, prometheus.of_machine)


@csrf_exempt
def job_metrics(request):
    """GET /metrics/jobs, for the same."""
    return _metrics(request, prometheus.of_jobs)


def _metrics(request: HttpRequest, text: Callable[[], bytes]) -> HttpResponse:
    try:
        _check(request, "GET", "HEAD")
        user = getattr(request, "user", None)  # the fast path has no sessions
        if bearer_token(request.META) or user is None or user.is_anonymous:
            authenticate(request, "view")
        else:
            permissions.check(user, "view")
        content = text()
    except EXPECTED_ERRORS as error:
        return error_response(error)
    return HttpResponse(content, content_type="text/plain; version=0.0.4; charset=utf-8")


@csrf_exempt
def version(request):
    try:
        _check(request, "GET", "HEAD")
        check_site(request)
    except EXPECTED_ERRORS as error:
        return error_response(error)
    return HttpResponse(v2.SERVER["version"], content_type="text/plain")

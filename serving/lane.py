"""The fast lane: what programs ask with a token goes past Django's middleware and signals, which it does not need."""

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.urls import resolve

from mlplatform.web.request_limits import RequestSizeMiddleware
from serving.protocols import http

PREFIXES = ("/v2/models", "/v1/models", "/invocations")
WHOLE = {"/v2", "/version"}
BY_TOKEN = {"/predict": ("POST",), "/metrics": ("GET", "HEAD")}  # people's sessions are for Django's own
# What Django's middleware puts on every answer.
HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", settings.X_FRAME_OPTIONS),
    ("Referrer-Policy", settings.SECURE_REFERRER_POLICY),
    ("Cross-Origin-Opener-Policy", settings.SECURE_CROSS_ORIGIN_OPENER_POLICY),
]


def _is_fast(environ: dict) -> bool:
    path = environ["PATH_INFO"]
    if path in BY_TOKEN:
        is_by_token = environ.get("HTTP_AUTHORIZATION", "")[:7].lower() == "bearer "
        return is_by_token and environ["REQUEST_METHOD"] in BY_TOKEN[path]
    return path.startswith(PREFIXES) or path in WHOLE


def _answer(request: HttpRequest) -> HttpResponse:
    if request.path_info == "/predict":
        return http.predict(request)
    view, args, kwargs = resolve(request.path_info)
    return view(request, *args, **kwargs)


class Lane:
    """A WSGI application that stands before Django's own: no sessions, no CSRF, no host validation, no signals.

    So nobody looks after the database connections of its threads here: whoever asks the database in the lane does.
    """

    def __init__(self, application):
        self.application = application
        self.answer = convert_exception_to_response(RequestSizeMiddleware(_answer))

    def __call__(self, environ: dict, start_response):
        if not _is_fast(environ):
            return self.application(environ, start_response)
        response = self.answer(WSGIRequest(environ))
        # Without its length an answer is sent in chunks, which is one more system call and packet.
        response.headers.setdefault("Content-Length", str(len(response.content)))
        start_response(f"{response.status_code} {response.reason_phrase}", [*response.items(), *HEADERS])
        if environ["REQUEST_METHOD"] == "HEAD":
            response.content = b""
        return response if response._resource_closers else [response.content]

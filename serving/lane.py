"""The fast lane: what programs ask with a token goes past sessions, CSRF and templates, which it does not need."""

from django.urls import resolve

from serving.protocols import http

PREFIXES = ("/v2/models/", "/invocations")


class LaneMiddleware:
    """Stands right behind the probes and the limit on a request's size; all other middleware is for people."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        path = request.path_info
        if path == "/predict" and request.method == "POST" and http.bearer(request):
            return http.predict(request)
        if path.startswith(PREFIXES):
            view, args, kwargs = resolve(path)
            return view(request, *args, **kwargs)
        return self.get_response(request)

"""Whether a request has a valid token or session, before anything else of it is read."""

from django.contrib.auth import get_user
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.wsgi import WSGIRequest
from django.db import close_old_connections
from rest_framework.exceptions import AuthenticationFailed

from mlplatform.auth import token_cache


def bearer_token(environ: dict) -> str | None:
    words = environ.get("HTTP_AUTHORIZATION", "").split()
    return words[1] if len(words) == 2 and words[0].lower() == "bearer" else None


def are_valid(environ: dict) -> bool:
    """Whether a WSGI request is that of a user. Raises database errors."""
    return _has_valid_token(environ) or _has_session(environ)


def _has_valid_token(environ: dict) -> bool:
    token = bearer_token(environ)
    if token is None:
        return False
    try:
        token_cache.shared_cache().user(token)
    except AuthenticationFailed:
        return False
    return True


def _has_session(environ: dict) -> bool:
    if not environ.get("HTTP_COOKIE"):
        return False
    close_old_connections()  # the signal that does this comes later
    request = WSGIRequest(environ)
    SessionMiddleware(lambda request: None).process_request(request)
    # get_user() replaces a session of an earlier SECRET_KEY. The browser would not learn of the new one.
    request.session.cycle_key = lambda: None
    return get_user(request).is_authenticated

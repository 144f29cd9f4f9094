"""The way to the sign-in page and back."""

from functools import wraps
from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.shortcuts import resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect


def sign_in_required(view):
    """Decorator for page views: a request without a session is redirected to the sign-in page, which leads back."""

    @wraps(view)
    def checked(request, *args, **kwargs):
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        if request.method == "POST":
            messages.warning(request, "Your session has expired. Sign in and submit the form again.")
        response = redirect_to_login(_page_to_return_to(request))
        # Otherwise, htmx would show the sign-in page as a part of the current one.
        return HttpResponseClientRedirect(response.url) if request.htmx else response

    return checked


def _page_to_return_to(request) -> str:
    """The path of this request if it is a page, else that of the page that sent it: many addresses only have POST."""
    if request.method in {"GET", "HEAD"} and not request.htmx:
        return request.get_full_path()
    referer = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(referer, {request.get_host()}):
        return resolve_url("home")
    page = urlsplit(referer)
    return f"{page.path}?{page.query}" if page.query else page.path

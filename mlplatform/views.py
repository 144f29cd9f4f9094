"""The account pages: API tokens. Signing in and out are Django's own views."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from mlplatform import tokens as api_tokens


@login_required
def tokens(request):
    made = api_tokens.create(request.user) if request.method == "POST" else None
    context = {"tokens": api_tokens.active(request.user), "made": made}
    return render(request, "accounts/tokens.html", context)


@login_required
@require_POST
def revoke_token(request, token_key):
    api_tokens.revoke(request.user, token_key=token_key)
    messages.success(request, "The token is revoked. Programs that use it are signed out.")
    return redirect("tokens")

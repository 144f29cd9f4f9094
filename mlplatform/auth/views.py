"""The account pages: API tokens. Signing in and out are Django's own views."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from mlplatform.auth import tokens as api_tokens


@never_cache  # the answer to a POST holds the new token, which is shown this once
@login_required
def tokens(request):
    made = api_tokens.create(request.user) if request.method == "POST" else None
    context = {
        "tokens": api_tokens.active(request.user),
        "made": made,
        "curl": f'curl -H "Authorization: Bearer {made.token if made else "$TOKEN"}" \\\n'
        f"  {request.build_absolute_uri('/datasets')}",
    }
    return render(request, "accounts/tokens.html", context)


@login_required
@require_POST
def revoke_token(request, token_key):
    api_tokens.revoke(request.user, token_key=token_key)
    messages.success(request, "The token is revoked. Programs that use it are signed out.")
    return redirect("tokens")

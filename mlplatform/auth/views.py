"""The pages of sign-in, sign-out and API tokens."""

from django.contrib import messages
from django.contrib.auth.views import LoginView, LogoutView
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from mlplatform.auth import tokens as api_tokens
from mlplatform.auth.forms import SignInForm
from mlplatform.auth.sign_in import sign_in_required
from mlplatform.validation.forms import check_page


class SignInView(LoginView):
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def dispatch(self, request, *args, **kwargs):
        check_page(request, query=("next",), fields=None)
        return super().dispatch(request, *args, **kwargs)


class SignOutView(LogoutView):
    def dispatch(self, request, *args, **kwargs):
        check_page(request)
        return super().dispatch(request, *args, **kwargs)


@never_cache  # the response to a POST contains the new token, which is shown only once
@sign_in_required
def tokens(request):
    check_page(request)
    new_token = api_tokens.create(request.user) if request.method == "POST" else None
    context = {
        "tokens": api_tokens.active(request.user),
        "new_token": new_token,
        "curl": f'curl -H "Authorization: Bearer {new_token.token if new_token else "$TOKEN"}" \\\n'
        f"  {request.build_absolute_uri(reverse('api-datasets'))}",
    }
    return render(request, "accounts/tokens.html", context)


@sign_in_required
@require_POST
def revoke_token(request, token_key):
    check_page(request)
    api_tokens.revoke(request.user, token_key=token_key)
    messages.success(request, "The token was revoked. Programs that use it no longer have access.")
    return redirect("tokens")

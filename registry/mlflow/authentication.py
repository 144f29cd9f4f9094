"""How MLflow's clients authenticate: MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and _PASSWORD."""

from django.conf import settings
from django.contrib.auth import authenticate
from rest_framework.authentication import BasicAuthentication
from rest_framework.exceptions import AuthenticationFailed

from mlplatform.auth import lockout, token_cache

MAX_NAME = 150  # characters, as in Django's accounts


class PasswordAuthentication(BasicAuthentication):
    """HTTP Basic: a user name with an API token or the password, which counts as a sign-in.

    With a token, each request costs no slow hash, and the name can also be `token`.
    """

    www_authenticate_realm = "ML Mini Platform"

    def authenticate_credentials(self, userid, password, request=None):
        if password.startswith(settings.REST_KNOX["TOKEN_PREFIX"]):
            user = token_cache.shared_cache().user(password)
            if userid not in {user.get_username(), "token"}:
                raise AuthenticationFailed("The token belongs to another user.")
            return user, None
        # No account has such a name, and PostgreSQL can store none of them as a failed sign-in.
        if "\0" in userid or len(userid) > MAX_NAME:
            raise AuthenticationFailed("Incorrect username or password.")
        # After ten failures django-axes responds with 429, see mlplatform/auth/lockout.py.
        user = authenticate(request._request, username=userid, password=password)
        if user is None:
            raise AuthenticationFailed("Incorrect username or password.")
        lockout.remember(request._request, user.get_username())
        return user, None

"""Token authentication, and the permissions of administrators in Django admin."""

from django.contrib.auth.backends import BaseBackend
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

from mlplatform.auth.roles import can


class BearerAuthentication(TokenAuthentication):
    def authenticate_credentials(self, token):
        if not token.isascii():
            raise AuthenticationFailed("Invalid token.")
        return super().authenticate_credentials(token)


class BearerScheme(OpenApiAuthenticationExtension):
    """The OpenAPI description of BearerAuthentication."""

    target_class = "mlplatform.auth.authentication.BearerAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema):
        return {"type": "http", "scheme": "bearer"}


class RoleBackend(BaseBackend):
    """Grants administrators all Django permissions, so that they can use the admin without further flags."""

    def has_perm(self, user_obj, perm, obj=None):
        return can(user_obj, "administer")

    def has_module_perms(self, user_obj, app_label):
        return can(user_obj, "administer")

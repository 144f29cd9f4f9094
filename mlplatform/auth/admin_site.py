"""The admin site, for administrators. A module of its own: mlplatform.admin registers models on it."""

from django.contrib import admin

from mlplatform.auth.roles import can


class PlatformAdminSite(admin.AdminSite):
    site_title = site_header = "ML Mini Platform"
    index_title = "Registry and accounts"

    def has_permission(self, request):
        return can(request.user, "administer")

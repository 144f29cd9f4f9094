from django.apps import AppConfig
from django.contrib.admin import apps as admin


class PlatformConfig(AppConfig):
    name = "mlplatform"
    default = True

    def ready(self):
        from mlplatform import system_checks  # noqa: F401 - registers the checks


class PlatformAdminConfig(admin.AdminConfig):
    default_site = "mlplatform.auth.admin_site.PlatformAdminSite"
    default = False

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class PlatformConfig(AppConfig):
    name = "mlplatform"
    verbose_name = "Platform"


class PlatformAdminConfig(AdminConfig):
    default_site = "mlplatform.access.PlatformAdminSite"
    default = False

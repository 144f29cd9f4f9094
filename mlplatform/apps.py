from django.apps import AppConfig
from django.contrib.admin import apps as admin


class PlatformConfig(AppConfig):
    name = "mlplatform"
    default = True


class PlatformAdminConfig(admin.AdminConfig):
    default_site = "mlplatform.access.PlatformAdminSite"
    default = False

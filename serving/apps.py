from django.apps import AppConfig


class ServingConfig(AppConfig):
    name = "serving"

    def ready(self):
        from serving import system_checks  # noqa: F401 - registers the checks

"""The platform's settings, with trainings in the benchmark's own process."""

from mlplatform.settings import *  # noqa: F403

ALLOWED_HOSTS = ["testserver", *ALLOWED_HOSTS]  # noqa: F405
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
TASKS = {"default": {"BACKEND": "django_tasks.backends.immediate.ImmediateBackend"}}
TRAIN_IN_CHILD_PROCESS = False

"""The platform's settings, with training jobs that run at once in the benchmark's process."""

from mlplatform.settings import *  # noqa: F403

ALLOWED_HOSTS = ["testserver", *ALLOWED_HOSTS]  # noqa: F405
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
JOB_QUEUED_HOOK = "tests.jobs_at_once.run"

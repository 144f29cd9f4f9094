import os
import sys

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = (
        "Serve predictions on port 8080 as SageMaker and MLflow expect of a container: POST /invocations and "
        "GET /ping. Without a token, /invocations answers for INVOCATIONS_MODEL alone."
    )

    def handle(self, **options):
        """Become gunicorn, so that the container's signals reach it."""
        if not settings.INVOCATIONS_MODEL:
            raise CommandError("Set INVOCATIONS_MODEL to what is served, such as my_dataset@production.")
        environment = {"HOST": "0.0.0.0", "PORT": "8080", "INVOCATIONS_ANONYMOUS": "True"}  # noqa: S104
        os.chdir(settings.BASE_DIR)
        command = [sys.executable, "-m", "gunicorn", "-c", "mlplatform/gunicorn.py"]
        os.execve(sys.executable, command, os.environ | environment)  # noqa: S606

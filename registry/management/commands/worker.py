import sys
from contextlib import closing
from functools import partial

from django.conf import settings
from django.core.management.base import BaseCommand

from mlplatform import system_checks
from mlplatform.jobs.child_process import SpareChild
from mlplatform.jobs.worker import Worker
from registry.jobs import worker
from registry.models import TrainingJob


class Command(BaseCommand):
    help = "Run training jobs, one at a time, and reclaim those whose worker died."
    requires_system_checks = [system_checks.TAG]  # the other checks import every view, and with them pandas

    def handle(self, **options):
        command = [sys.executable, "-u", str(settings.BASE_DIR / "manage.py"), "run_attempt"]
        with closing(SpareChild(command)) as spare:
            run = partial(worker.run, spare=spare)
            Worker(TrainingJob, run, prepare=spare.prepare).run_forever()

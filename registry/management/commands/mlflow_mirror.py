from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from mlplatform import system_checks
from registry.mlflow import mirror
from registry.models import MirroredVersion


class Command(BaseCommand):
    help = (
        "Mirror all model versions to the MLflow server of MLFLOW_MIRROR_URI, also those that were trained before it "
        "was set. The training workers go on with what fails."
    )
    requires_system_checks = [system_checks.TAG]

    def add_arguments(self, parser):
        parser.add_argument(
            "--max-failures", type=int, default=10, help="Stop after so many in a row: the server is down."
        )

    def handle(self, *, max_failures: int, **options):
        if not settings.MLFLOW_MIRROR_URI:
            raise CommandError("MLFLOW_MIRROR_URI is not set.")
        mirror.enqueue_all()
        worker = mirror.Mirror(mirror.client())
        failures = 0
        while failures < max_failures and (done := worker.run_next()) is not None:
            failures = 0 if done else failures + 1
        waiting = MirroredVersion.objects.filter(finished_at=None)
        failed = waiting.exclude(error="").select_related("model_version__dataset")
        for row in failed[:20]:
            self.stderr.write(f"{row.model_version}: {row.error}")
        self.stdout.write(
            f"{MirroredVersion.objects.count() - waiting.count()} versions are on {worker.client.base}."
        )
        if failed:
            raise CommandError(f"{failed.count()} could not be mirrored; the training workers try again.")

import os
import threading

from django_tasks_db.management.commands import db_worker

from mlplatform import metrics, system_checks
from mlplatform.jobs import leases
from serving.batch import cleanup

GIVES_WAY = 5  # niceness: a prediction that somebody waits for goes before one of two million


class Worker(db_worker.Worker):
    """The queue's worker, which also hands the current job back."""

    def shutdown(self, signum, frame):
        leases.stopping.set()
        super().shutdown(signum, frame)


class Command(db_worker.Command):
    help = "Predict whole tables, one at a time, and care for the jobs and the bytes that they leave."
    requires_system_checks = [system_checks.TAG]  # the others import every view, and with them pandas

    def add_arguments(self, parser):
        super().add_arguments(parser)
        parser.set_defaults(queue_name=cleanup.QUEUE)

    def handle(self, **options):
        db_worker.Worker = Worker  # the command offers no other way to name its class
        os.nice(GIVES_WAY)
        metrics.discard_dead_processes()
        threading.Thread(target=leases.care, args=[cleanup.tidy, self.stderr.write], daemon=True).start()
        super().handle(**options)

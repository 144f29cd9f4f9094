import threading
from functools import partial

from django_tasks_db.management.commands import db_worker

from mlplatform.jobs import leases
from registry.jobs import worker
from registry.models import TrainingJob


class Worker(db_worker.Worker):
    """The queue's worker, which also has a child ready for the next job and hands the current one back."""

    def run(self):
        worker.prepare()
        try:
            super().run()
        finally:
            worker.dismiss()

    def run_task(self, db_task_result):
        super().run_task(db_task_result)
        worker.prepare()

    def shutdown(self, signum, frame):
        leases.stopping.set()
        super().shutdown(signum, frame)


class Command(db_worker.Command):
    help = "Run training jobs, one at a time, and care for those whose worker died."

    def handle(self, **options):
        db_worker.Worker = Worker  # the command offers no other way to name its class
        chore = partial(leases.reap, TrainingJob)
        threading.Thread(target=leases.care, args=[chore, self.stderr.write], daemon=True).start()
        super().handle(**options)

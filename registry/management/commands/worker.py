import threading
import time

from django.db import DatabaseError, close_old_connections
from django_tasks_db.management.commands import db_worker

from registry import jobs, workers


class Worker(db_worker.Worker):
    """The queue's worker, which also has a child ready for the next job and hands the current one back."""

    def run(self):
        workers.prepare()
        try:
            super().run()
        finally:
            workers.dismiss()

    def run_task(self, db_task_result):
        super().run_task(db_task_result)
        workers.prepare()

    def shutdown(self, signum, frame):
        workers.stopping.set()
        super().shutdown(signum, frame)


class Command(db_worker.Command):
    help = "Run training jobs, one at a time, and care for those whose worker died."

    def handle(self, **options):
        db_worker.Worker = Worker  # the command offers no other way to name its class
        threading.Thread(target=self._care, daemon=True).start()
        super().handle(**options)

    def _care(self) -> None:
        while True:
            close_old_connections()
            try:
                if count := jobs.reap():
                    self.stderr.write(f"{count} jobs had lost their worker or their place in the queue.")
            except DatabaseError as error:
                self.stderr.write(f"Lost jobs could not be looked for: {error}")
            time.sleep(jobs.BEAT_S)

import threading
import time

from django.db import DatabaseError, close_old_connections
from django_tasks_db.management.commands import db_worker

from registry import jobs

REAP_EVERY_S = 10


class Worker(db_worker.Worker):
    def shutdown(self, signum, frame):
        jobs.stopping.set()
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
                    self.stderr.write(f"{count} jobs had lost their worker.")
            except DatabaseError as error:
                self.stderr.write(f"Lost jobs could not be looked for: {error}")
            time.sleep(REAP_EVERY_S)

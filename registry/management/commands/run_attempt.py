import io
import json
import os
import sys
import threading
from pathlib import Path

from django.core.management.base import BaseCommand

from registry.estimators import algorithms
from registry.jobs.attempt import run_attempt
from registry.models import JobState, TrainingJob

OOM_SCORE = Path("/proc/self/oom_score_adj")  # Linux
PATIENCE_S = 60  # for a database or an object store that is away while the model is being saved


def end_with_the_worker() -> None:
    """The worker holds the other end of stdin: when it closes, the worker is gone, and so is this attempt."""
    os.read(0, 1)  # not sys.stdin: Python ends with a fatal error while a thread holds that
    os._exit(1)


class ToTheWorker(io.TextIOBase):
    """What the attempt prints, to the worker: when nobody reads it, the worker is gone, and so is this attempt.

    An error would end the fit instead, and estimators make another error of it, which would be told as the job's.
    """

    def __init__(self, out):
        self.out = out

    def write(self, text: str) -> int:
        try:
            return self.out.write(text)
        except BrokenPipeError:
            os._exit(1)

    def flush(self) -> None:
        self.out.flush()


class Command(BaseCommand):
    help = "Wait for one attempt of a training job on standard input, and run it. The worker starts this."

    def handle(self, **options):
        if OOM_SCORE.exists():
            # Where memory runs out after all, the kernel takes this process first.
            OOM_SCORE.write_text("1000")
        algorithms.all_algorithms()  # imports scikit-learn, while there is time
        print("ready", flush=True)  # noqa: T201 - to the worker: see workers.READY_LINE
        line = sys.stdin.buffer.readline()
        if not line:
            return
        assigned = json.loads(line)
        sys.stdout, sys.stderr = ToTheWorker(sys.stdout), ToTheWorker(sys.stderr)
        threading.Thread(target=end_with_the_worker, daemon=True).start()
        found = TrainingJob.objects.select_related("dataset_version__dataset", "requested_by").filter(
            pk=assigned["job"], attempt=assigned["attempt"], state=JobState.RUNNING
        )
        if job := found.first():
            run_attempt(job, patience_s=PATIENCE_S)

import time

from mlplatform.jobs.models import Job


def until_finished(job: Job, *, timeout_s: float) -> Job:
    """The job's current row, as soon as the job has finished or the time is over."""
    deadline = time.monotonic() + timeout_s
    pause = 0.05
    while True:
        job.refresh_from_db(fields=["state"])
        left = deadline - time.monotonic()
        if job.is_finished or left <= 0:
            job.refresh_from_db()
            return job
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, 0.5)

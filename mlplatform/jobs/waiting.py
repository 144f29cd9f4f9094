"""Requests that wait for the job they have started."""

import re
import threading
import time
from collections.abc import Mapping

from django.conf import settings
from django.core.exceptions import ValidationError
from drf_spectacular.utils import OpenApiParameter

from mlplatform.errors import DiskFull, NotFound, NotReady, StorageForbidden
from mlplatform.jobs.models import Job

WAIT_S = 25
MAX_WAIT_S = 60
PREFER = OpenApiParameter("Prefer", str, OpenApiParameter.HEADER, description="wait=N or respond-async")
# By the error code of a job. Any other failure is that of its own work.
FAILURES = {"storage_unavailable": NotReady, "storage_forbidden": StorageForbidden, "disk_full": DiskFull}

# A waiting request holds a thread: if half of them wait, further requests get 202 immediately.
waiting_requests = threading.BoundedSemaphore(max(1, settings.WEB_THREADS // 2))


def preferred_wait(header: str) -> float:
    """Seconds to wait for a job according to a Prefer header (RFC 7240); 0 for respond-async."""
    if wait := re.search(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})", header, re.IGNORECASE):
        return min(int(wait[1]), MAX_WAIT_S)
    return 0 if "respond-async" in header.lower() else WAIT_S


def wait(request, job: Job) -> None:
    """Wait until a job has finished, as long as the request prefers, unless many others wait already."""
    if waiting_requests.acquire(blocking=False):
        try:
            until_finished(job, timeout_s=preferred_wait(request.headers.get("Prefer", "")))
        finally:
            waiting_requests.release()


def failure(
    job: Job, default: type[ValidationError], kinds: Mapping[str, type[ValidationError]] = FAILURES
) -> ValidationError:
    """The error of a job that has failed, for the request that waited for it."""
    return kinds.get(job.error_code, default)(job.error, code=job.error_code)


def until_finished(job: Job, *, timeout_s: float) -> Job:
    """The job's current row, as soon as the job has finished or the time is over.

    Raises NotFound if it is deleted meanwhile, such as with the model version that it measures.
    """
    deadline = time.monotonic() + timeout_s
    pause = 0.05
    try:
        while True:
            job.refresh_from_db(fields=["state"])
            left = deadline - time.monotonic()
            if job.is_finished or left <= 0:
                job.refresh_from_db()
                return job
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, 0.5)
    except type(job).DoesNotExist as error:
        raise NotFound(
            "The job was deleted, with what it was for, before it finished.", code="deleted_meanwhile"
        ) from error

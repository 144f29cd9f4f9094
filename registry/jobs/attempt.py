"""One attempt of a training job, in its own process: what `manage.py run_attempt` does."""

import logging
import time
import traceback

from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from mlplatform.errors import body_of
from mlplatform.jobs import leases
from registry.models import JobState, TrainingJob
from registry.training.run import train

logger = logging.getLogger(__name__)

# Where each stage of a training begins and ends on the way from 0 to 1: fitting is most of the work.
STAGES = {
    "loading": (0, 0.1),
    "checking": (0.1, 0.15),
    "fitting": (0.15, 0.8),
    "evaluating": (0.8, 0.95),
    "saving": (0.95, 1),
}
WRITE_EVERY_S = 0.5
MEMORY_SENTENCE = (
    "The training needed more memory than it may use. Take fewer rows or columns, or a smaller model."
)


class Reporter:
    """Writes an attempt's stage and progress to its job, at most twice a second, and never fails for it."""

    def __init__(self, job: TrainingJob):
        self.job = job
        self.timings: list[list[str]] = []
        self.written = 0.0

    def __call__(self, stage: str, fraction: float | None = None) -> None:
        begun = not self.timings or self.timings[-1][0] != stage
        if begun:
            self.timings.append([stage, timezone.now().isoformat()])
        elif time.monotonic() - self.written < WRITE_EVERY_S:
            return
        start, end = STAGES[stage]
        done = start + (end - start) * min(fraction or 0, 1)
        try:
            leases.held(self.job).update(stage=stage, progress=done, timings=self.timings)
        except (OperationalError, InterfaceError):  # the training goes on without its database
            if not connection.in_atomic_block:
                connection.close()
        self.written = time.monotonic()


def run_attempt(job: TrainingJob, *, patience_s: float = 0) -> None:
    """Train, in this process, and record how it ended.

    Database and object store may be away for `patience_s` seconds while the model is being saved.
    """
    try:
        train(job, progress=Reporter(job), patience_s=patience_s)
    except ValidationError as error:
        body = body_of(error)
        leases.end(job, JobState.FAILED, sentence=body["detail"], code=body["code"])
    except MemoryError:
        leases.end(job, JobState.OUT_OF_MEMORY, sentence=MEMORY_SENTENCE, code="out_of_memory")
    except Exception as error:
        logger.exception("job %s crashed", job.pk)
        sentence = f"The training crashed: {type(error).__name__}: {error}"[:1000]
        leases.end(job, JobState.FAILED, sentence=sentence, code="crashed", trace=traceback.format_exc())

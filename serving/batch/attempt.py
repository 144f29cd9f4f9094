"""One attempt of a scoring job, in the scorer's own process: leased, told of, ended in a true final state."""

import contextlib
import logging
import os
import socket
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from functools import partial
from typing import IO

from django.core.exceptions import ValidationError
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from catalog.readers.tables import ParseRecipe
from mlplatform import storage
from mlplatform.errors import body_of
from mlplatform.jobs import leases
from registry.models import JobState
from serving.batch import cleanup, scorer
from serving.model_cache.cache import shared_cache
from serving.models import ScoringJob
from serving.monitoring import metrics

logger = logging.getLogger(__name__)

WRITE_EVERY_S = 0.5
PATIENCE_S = 60  # for a database or an object store that is away
MOST_FAULTS = 5  # that the sentence of a failed job names


class Interrupted(BaseException):
    """Not a failure, so nothing on the way may take it for one."""


class Stopped(Interrupted):
    """The scorer was asked to stop."""


class Superseded(Interrupted):
    """The job is not this attempt's any more."""


class Cancelled(Interrupted):
    """Somebody does not want the job any more; the words are the job's sentence."""


def run(job_id: int) -> None:
    """Take a job and see one attempt of it through to a final state, or hand it back when the scorer stops."""
    if leases.stopping.is_set():
        leases.put_back(ScoringJob, job_id)
        return
    job = leases.take(ScoringJob, job_id, worker=f"{socket.gethostname()}:{os.getpid()}")
    if job is None:
        return
    try:
        with _beating(job), metrics.count_failures("file") as attempt, tempfile.TemporaryFile() as scored:
            _attempt(job, scored, attempt)
    except Stopped:
        leases.patiently(lambda: leases.hand_back(job), PATIENCE_S)
        return
    except Superseded:
        logger.warning("another attempt of scoring job %s has taken over", job.pk)
        return
    except Cancelled as asked:
        _end(job, JobState.CANCELLED, sentence=str(asked), code="cancelled")
    except ValidationError as error:
        _end(job, JobState.FAILED, sentence=_faults(error), code=body_of(error)["code"])
    except MemoryError:
        sentence = (
            "The predictions needed more memory than there is. Split the file, or take a smaller model."
        )
        _end(job, JobState.OUT_OF_MEMORY, sentence=sentence, code="out_of_memory")
    except Exception as error:
        logger.exception("scoring job %s crashed", job.pk)
        what = f": {error.strerror}" if isinstance(error, OSError) else ""  # other words may hold data
        sentence = f"The predictions crashed: {type(error).__name__}{what}."
        _end(job, JobState.FAILED, sentence=sentence, code="crashed", trace=traceback.format_exc())
    cleanup.discard_input(job)


def _faults(error: ValidationError) -> str:
    faults = error.messages
    more = len(faults) - MOST_FAULTS
    return " ".join([*faults[:MOST_FAULTS], *([f"And {more} more like these."] if more > 0 else [])])


def _end(job: ScoringJob, state: str, **words) -> None:
    leases.patiently(lambda: leases.end(job, state, **words), PATIENCE_S)


def _attempt(job: ScoringJob, scored: IO[bytes], attempt) -> None:
    """Score the job's file and store the result. Raises ValidationError for a person to act on, and Interrupted."""
    start = time.perf_counter()
    if job.model_version_id is None:
        raise ValidationError(
            "The model version was deleted before it had predicted the file.", code="version_deleted"
        )
    wanted = partial(shared_cache().get, job.dataset_name, stage=job.stage, version=job.version)
    entry = attempt.entry = leases.patiently(wanted, PATIENCE_S)
    opened = partial(storage.open_file, storage.datasets(), job.input_key)
    with leases.patiently(opened, PATIENCE_S) as file:
        given = scorer.Table(file, ParseRecipe.from_dict(job.recipe), job.rows)
        tell = _Teller(job)
        counted = scorer.score(entry.model, given, scored, probabilities=job.probabilities, tell=tell)
    size = scored.seek(0, 2)
    key = leases.patiently(lambda: _store(job, scored), PATIENCE_S)
    leases.patiently(lambda: _succeed(job, counted, key=key, size=size), PATIENCE_S)
    metrics.count_prediction(entry, protocol="file", rows=counted.rows, warnings=counted.notices, start=start)


def _store(job: ScoringJob, scored: IO[bytes]) -> str:
    key = f"{storage.unique_folder(cleanup.FOLDER)}/result.{job.format}"
    storage.save(storage.datasets(), key, scored)
    return key


def _succeed(job: ScoringJob, counted: scorer.Counted, *, key: str, size: int) -> None:
    uncancelled = leases.held(job).filter(cancel_requested_at=None)
    ended = uncancelled.update(
        state=JobState.SUCCEEDED,
        progress=1,
        rows_done=counted.rows,
        notices=counted.notices,
        result_key=key,
        result_size=size,
        error="",
        finished_at=timezone.now(),
    )
    # Written a moment ago, and the database went away before it could say so?
    if not ended and not ScoringJob.objects.filter(pk=job.pk, result_key=key).exists():
        storage.discard(storage.datasets(), key)
        _look(job)
        raise Superseded


def _look(job: ScoringJob) -> None:
    """Raise Cancelled when this attempt was asked to end."""
    asked = leases.held(job).values("cancel_requested_at", "error").first()
    if asked and asked["cancel_requested_at"]:
        raise Cancelled(asked["error"])


class _Teller:
    """Writes how far an attempt has come, at most twice a second, and looks whether it shall go on."""

    def __init__(self, job: ScoringJob):
        self.job, self.written = job, 0.0

    def __call__(self, counted: scorer.Counted) -> None:
        if leases.stopping.is_set():
            raise Stopped
        if time.monotonic() - self.written < WRITE_EVERY_S:
            return
        self.written = time.monotonic()
        done = {"rows_done": counted.rows, "progress": min(counted.rows / self.job.rows, 1)}
        with _database_may_be_away():
            if not leases.beat(self.job, notices=counted.notices, **done):
                raise Superseded
            _look(self.job)


@contextlib.contextmanager
def _beating(job: ScoringJob) -> Iterator[None]:
    """Renew the lease beside the work: loading a model, or storing a result, may take longer than a lease."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(leases.BEAT_S):
            with _database_may_be_away():
                leases.beat(job)
        connection.close()

    beating = threading.Thread(target=beat, daemon=True)
    beating.start()
    try:
        yield
    finally:
        done.set()
        beating.join()


@contextlib.contextmanager
def _database_may_be_away() -> Iterator[None]:
    """The work goes on without it; the connection is made anew the next time."""
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        logger.warning("the database does not answer: %s", error)
        connection.close()

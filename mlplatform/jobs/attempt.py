"""One attempt of a claimed job: it keeps its lease, reports progress, and records how it ended."""

import contextlib
import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial

from django.core.exceptions import ValidationError
from django.db import connection

from mlplatform.errors import body_of, disk_full, is_disk_full
from mlplatform.jobs import leases
from mlplatform.jobs.models import Job, JobState
from mlplatform.jobs.retries import database_may_be_unavailable, with_retries

logger = logging.getLogger(__name__)

CHECK_EVERY_S = 0.5
MAX_MESSAGES = 5  # of a validation error, in the error of a failed job
FINAL_WRITE_S = 120  # how long the final state is retried while the database is unavailable


class Interrupted(BaseException):
    """The attempt has to end. Not an Exception, so that the interrupted code does not handle it as a failure."""


class Stopped(Interrupted):
    """The worker is stopping."""


class Superseded(Interrupted):
    """The job no longer belongs to this attempt."""


class Aborted(Interrupted):
    """The job ends in this state, for a reason outside its own code: a limit, or a user's request."""

    def __init__(self, state: str, sentence: str, *, code: str):
        super().__init__(sentence)
        self.state, self.sentence, self.code = state, sentence, code


class Retried(Interrupted):
    """What the attempt needs has gone, for a reason outside its own code: the next one may find it again."""

    def __init__(self, sentence: str, *, code: str):
        super().__init__(sentence)
        self.sentence, self.code = sentence, code


class Attempt:
    def __init__(self, job: Job, *, is_stopping: Callable[[], bool] = lambda: False):
        self.job = job
        self.is_stopping = is_stopping
        self._checked_at = 0.0

    def check(self) -> None:
        """Raise Stopped, Superseded or Aborted if the attempt has to end. At most two queries a second."""
        if self.is_stopping():
            raise Stopped
        if time.monotonic() - self._checked_at < CHECK_EVERY_S:
            return
        self._checked_at = time.monotonic()
        with database_may_be_unavailable():
            self.check_row()

    def check_row(self) -> None:
        row = leases.owned(self.job).values("cancel_requested_at", "error").first()
        if row is None:
            raise Superseded
        if row["cancel_requested_at"]:
            raise Aborted(JobState.CANCELLED, row["error"], code="cancelled")

    def report(self, **fields) -> None:
        """Write progress or measurements; has no effect if the database is unavailable or the job is another's."""
        with database_may_be_unavailable():
            leases.renew(self.job, **fields)

    @contextlib.contextmanager
    def keeping_lease(self) -> Iterator[None]:
        """Renew the lease in a thread: one step of the work may take longer than a lease."""
        done = threading.Event()

        def renew() -> None:
            while not done.wait(leases.renewal_s()):
                self.report()
            connection.close()

        thread = threading.Thread(target=renew, name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    @contextlib.contextmanager
    def recording_outcome(self) -> Iterator[None]:
        """Write the final state of an attempt that fails or is interrupted. Success is for the work itself to write."""
        try:
            yield
        except Stopped:
            with_retries(lambda: leases.hand_back(self.job), for_s=FINAL_WRITE_S)
        except Superseded:
            logger.warning("%s %s belongs to another attempt now", self.job.NOUN, self.job.pk)
        except Retried as reason:
            logger.warning("%s %s: %s", self.job.NOUN, self.job.pk, reason.sentence)
            again = partial(leases.queue_again, self.job, reason.sentence, code=reason.code)
            with_retries(again, for_s=FINAL_WRITE_S)
        except Aborted as reason:
            self.finish(reason.state, reason.sentence, code=reason.code)
        except ValidationError as error:
            details = self.job.failure_fields(error)
            self.finish(JobState.FAILED, _sentence(error), code=body_of(error)["code"], **details)
        except MemoryError:
            sentence = f"{self.job.ACTIVITY} ran out of memory. {self.job.MEMORY_HINT}"
            self.finish(JobState.OUT_OF_MEMORY, sentence, code="out_of_memory")
        except Exception as error:
            if is_disk_full(error):
                logger.warning("%s %s: %s", self.job.NOUN, self.job.pk, error)
                failure = disk_full()
                self.finish(JobState.FAILED, failure.message, code=failure.code)
                return
            logger.exception("%s %s crashed", self.job.NOUN, self.job.pk)
            sentence = self.job.describe_crash(error)
            self.finish(JobState.FAILED, sentence, code="crashed", traceback=traceback.format_exc())

    def finish(self, state: str, sentence: str, *, code: str, **fields) -> None:
        """Write a final state without a result, even if the database is unavailable for a while."""
        fields |= {"error": sentence, "error_code": code}
        with_retries(lambda: leases.finish(self.job, state, **fields), for_s=FINAL_WRITE_S)


def _sentence(error: ValidationError) -> str:
    sentences = error.messages
    more = len(sentences) - MAX_MESSAGES
    return " ".join([*sentences[:MAX_MESSAGES], *([f"And {more:,} more like these."] if more > 0 else [])])

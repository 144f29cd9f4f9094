"""The dry run in a child process with limits of time and memory, never in a web process: both of its ends."""

import time
from collections.abc import Iterator

import numpy
from django.core.exceptions import ValidationError

from catalog.models import DatasetVersion
from catalog.profiling.sample import ROWS
from mlplatform.jobs.children import calls
from registry.preflight import dry_run
from registry.preflight.trial import Source
from registry.training.request import TrainingRequest

FIT_UNTIL_S = 1.5  # after the start
CHECKS_S = 30  # to read the sample and check its columns: 0.2 s of CPU, which took 10 s on a busy machine
MEMORY_MB = 512

SMALLER = "Use smaller parameters, such as fewer or smaller trees, layers or components."

turns = calls.Turns(at_once=2, wait_s=30, purpose="check the training", busy="checking other trainings")


def check(
    version: DatasetVersion,
    *,
    request: TrainingRequest,
    fit_until_s: float = FIT_UNTIL_S,
    checks_s: float = CHECKS_S,
    memory_mb: int = MEMORY_MB,
) -> list[dict]:
    """The warnings of a dry run, whose errors are those of `dry_run.check`.

    A fit that exceeds its time limit is killed and ignored. Raises ValidationError if the checks exceed theirs, or for
    an algorithm that needs too much memory, and NotReady if the object store does not respond, if other dry runs do not
    end, or if no process can be started.
    """
    source = Source.of(version)
    with turns.child(f"{__name__}.run", source=source, request=request, memory_mb=memory_mb) as child:
        start = time.monotonic()
        try:
            warnings = calls.result(child, checks_s)
            if warnings is None:
                raise ValidationError(
                    f"The checks before the training exceeded their {checks_s:g}-second limit. Select fewer features, "
                    "or try again when the server is less busy.",
                    code="preflight_timeout",
                )
            left_s = max(start + fit_until_s - time.monotonic(), 0)
            return warnings + (calls.result(child, left_s) or [])
        except calls.ChildDied as error:
            raise ValidationError(
                f"The dry run of {request.class_name} ended with {error}, as happens when it needs more than "
                f"{memory_mb} MB. {SMALLER}",
                code="out_of_memory",
                params={"field": "params"},
            ) from error


def run(*, source: Source, request: TrainingRequest, memory_mb: int) -> Iterator[list[dict] | dict]:
    """What the child process runs: the lists of warnings, and last the error if there is one."""
    numpy.random.seed()
    out_of_memory = ValidationError(
        f"{request.class_name} needs more than {memory_mb} MB for a dry run on {min(source.rows, ROWS):,} rows. "
        f"{SMALLER}",
        code="out_of_memory",
        params={"field": "params"},
    )
    warnings = dry_run.check(source, request=request)
    yield from calls.results(warnings, memory_mb=memory_mb, out_of_memory=out_of_memory)

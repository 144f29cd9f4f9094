"""The threads of native code: OpenMP's and those of the linear algebra."""

import contextlib
import os
import sys
from functools import lru_cache


def cores() -> int:
    """The cores that a fit may use: all, or OMP_NUM_THREADS as native code reads it too."""
    with contextlib.suppress(ValueError):  # it can also be a list
        return int(os.environ.get("OMP_NUM_THREADS", 0)) or len(os.sched_getaffinity(0))
    return len(os.sched_getaffinity(0))


def limited_to(threads: int | dict[str, int] | None):
    """A context in which native code uses at most so many threads, or with None as many as it likes; a dictionary has
    the threads by interface, such as `openmp`.

    threadpoolctl's own context looks for the libraries each time, which takes 3 ms: too long for what a training does
    several times, and a page does.
    """
    return _controller(len(sys.modules)).limit(limits=threads)


@lru_cache(maxsize=1)
def _controller(modules: int):
    """Of the libraries that are loaded with so many modules: only an import loads others."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()

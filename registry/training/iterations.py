"""How far an iterative fit has come, read from what scikit-learn prints about it. No Django."""

import contextlib
import io
import re
import sys
from collections.abc import Callable, Iterator

# The estimators that name each tree, iteration or epoch when they are verbose, and how they do it.
SPEAKERS = {
    "RandomForest": re.compile(r"building tree (?P<done>\d+) of"),
    "ExtraTrees": re.compile(r"building tree (?P<done>\d+) of"),
    "HistGradientBoosting": re.compile(r"\[(?P<done>\d+)/\d+\]"),
    "GradientBoosting": re.compile(r"^\s*(?P<done>\d+)\s+-?\d+\.\d+"),
    "MLP": re.compile(r"^Iteration (?P<done>\d+),"),
    "SGD": re.compile(r"^-- Epoch (?P<done>\d+)"),
}


class IterationLog(io.TextIOBase):
    """Standard output during a fit: every line is passed on, and read for the iteration that it names."""

    def __init__(self, out, *, pattern: re.Pattern, total: int, report: Callable[[float], None]):
        self.out, self.pattern, self.total, self.report = out, pattern, total, report
        self.line = ""

    def write(self, text: str) -> int:
        self.out.write(text)
        *lines, self.line = (self.line + text).split("\n")
        for line in [*lines, self.line]:
            if found := self.pattern.search(line):
                self.report(min(int(found["done"]) / self.total, 1))
        return len(text)

    def flush(self) -> None:
        self.out.flush()


@contextlib.contextmanager
def told(estimator, report: Callable[[float], None]) -> Iterator[None]:
    """Hear the share of the iterations that are done, from 0 to 1, while `estimator` is fitted.

    One that says nothing about its iterations, or that was asked for its own verbosity, is left alone. The
    fitted estimator is the same as without: only `verbose` is lent, and given back.
    """
    params = estimator.get_params(deep=False)
    total = params.get("n_estimators") or params.get("max_iter")
    name = type(estimator).__name__
    pattern = next((pattern for start, pattern in SPEAKERS.items() if name.startswith(start)), None)
    if pattern is None or not isinstance(total, int) or params["verbose"]:
        yield
        return
    estimator.set_params(verbose=2)  # at 1, forests name no tree and boosting skips most iterations
    try:
        with contextlib.redirect_stdout(
            IterationLog(sys.stdout, pattern=pattern, total=total, report=report)
        ):
            yield
    finally:
        estimator.set_params(verbose=params["verbose"])

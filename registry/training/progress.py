"""The progress of an iterative fit, parsed from scikit-learn's verbose output. No Django."""

import contextlib
import io
import re
import sys
from collections.abc import Callable, Iterator

# The verbose estimators that print each tree, iteration or epoch, by the start of their class name.
PATTERNS = {
    "RandomForest": re.compile(r"building tree (?P<done>\d+) of"),
    "ExtraTrees": re.compile(r"building tree (?P<done>\d+) of"),
    "HistGradientBoosting": re.compile(r"\[(?P<done>\d+)/\d+\]"),
    "GradientBoosting": re.compile(r"^\s*(?P<done>\d+)\s+-?\d+\.\d+"),
    "MLP": re.compile(r"^Iteration (?P<done>\d+),"),
    "SGD": re.compile(r"^-- Epoch (?P<done>\d+)"),
}


class ProgressParser(io.TextIOBase):
    """Standard output during a fit: passes every line on and reports the iteration that it names."""

    def __init__(self, out, *, pattern: re.Pattern, total: int, report: Callable[[float], None]):
        self.out, self.pattern, self.total, self.report = out, pattern, total, report
        self.line = ""

    def write(self, text: str) -> int:
        self.out.write(text)
        *lines, self.line = (self.line + text).split("\n")
        for line in [*lines, self.line]:
            if match := self.pattern.search(line):
                self.report(min(int(match["done"]) / self.total, 1))
        return len(text)

    def flush(self) -> None:
        self.out.flush()


@contextlib.contextmanager
def track(estimator, report: Callable[[float], None]) -> Iterator[None]:
    """Call `report` with the share of completed iterations, from 0 to 1, while `estimator` is fitted.

    Does nothing for an estimator without a known output format or with `verbose` already set. The fitted
    estimator does not change: `verbose` is restored.
    """
    params = estimator.get_params(deep=False)
    total = params.get("n_estimators") or params.get("max_iter")
    name = type(estimator).__name__
    pattern = next((pattern for start, pattern in PATTERNS.items() if name.startswith(start)), None)
    if pattern is None or not isinstance(total, int) or params["verbose"]:
        yield
        return
    estimator.set_params(verbose=2)  # at 1, forests name no tree and boosting skips most iterations
    parser = ProgressParser(sys.stdout, pattern=pattern, total=total, report=report)
    try:
        with contextlib.redirect_stdout(parser):
            yield
    finally:
        estimator.set_params(verbose=params["verbose"])

"""prometheus_client's kinds of metric, for every module that counts: in files of each process where there is a folder.

prometheus_client asks for the process's number whenever something is counted, by a system call: five in a prediction.
Here the number is kept, and learnt anew after a fork: 3 % more requests of one row.
"""

import os

from prometheus_client import Counter, Gauge, Histogram, values

from mlplatform import counting

__all__ = ["Counter", "Gauge", "Histogram"]


class _Process:
    def __init__(self):
        self.learn()
        os.register_at_fork(after_in_child=self.learn)

    def learn(self) -> None:
        self.number = os.getpid()

    def __call__(self) -> int:
        return self.number


if counting.VARIABLE in os.environ:
    values.ValueClass = values.MultiProcessValue(_Process())

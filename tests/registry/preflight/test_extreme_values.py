"""Extreme values that the allow-list accepts, in a dry run with its memory limit.

The whole sweep takes minutes: EXTREME_VALUES=10000 pytest -n0 -s tests/registry/preflight/test_extreme_values.py
"""

import math
import os
import random
import time

from django.core.exceptions import ValidationError

from mlplatform.jobs.children.calls import limited_memory
from mlplatform.jobs.children.process import ChildProcess
from registry.estimators import algorithms
from registry.preflight import dry_run
from registry.preflight.dry_run_process import MEMORY_MB
from registry.preflight.trial import Source
from registry.training.request import TrainingRequest
from tests.registry.preflight.conftest import table

SAMPLE = int(os.environ.get("EXTREME_VALUES", 40))
TARGETS = {"classification": "answer", "regression": "weight", "clustering": None}
LIST_ITEMS = 500  # as many large numbers as 10 KB of JSON have


def extreme_values(rule) -> list:
    if rule.kind == "integer":
        return [rule.low, rule.high]
    if rule.kind == "number":
        low = math.nextafter(rule.low, math.inf) if rule.low_open else float(rule.low)
        return [low, math.nextafter(rule.high, 0) if rule.high_open else float(rule.high)]
    if list in rule.types:
        return [[bound] * min(rule.max_items, LIST_ITEMS) for bound in (rule.low, rule.high)]
    return []


CASES = [
    (algorithm.name, parameter.name, value)
    for algorithm in algorithms.all_algorithms()
    for parameter in algorithm.parameters
    for rule in parameter.rules
    for value in extreme_values(rule)
    if parameter.accepts(value)
]


def try_values(source: Source, cases: list[tuple]):
    for name, parameter, value in cases:
        algorithm, outcome, start = algorithms.find(name), "warnings", time.process_time()
        options = {"target": TARGETS[algorithm.task], "random_state": 1}
        try:
            with limited_memory(MEMORY_MB):
                request = TrainingRequest(algorithm.module, name, {parameter: value}, **options)
                list(dry_run.check(source, request=request))
        except ValidationError as error:
            outcome = error.code
        except MemoryError:
            outcome = "out_of_memory"
        yield [name, parameter, str(value)[:40], outcome, time.process_time() - start]


def test_no_accepted_value_needs_much_memory(make_dataset):
    source = Source.of(make_dataset(content=table(60).to_csv(index=False)))
    cases = random.Random(0).sample(CASES, min(SAMPLE, len(CASES)))
    child = ChildProcess(f"{__name__}.try_values", source=source, cases=cases)
    results = []
    while result := child.next_result(600):
        results.append(result)
        print(*result)  # with its seconds of CPU
    child.kill()
    assert (len(results), child.returncode) == (len(cases), 0), f"{cases[len(results) :][:1]} {child.log}"
    assert [result for result in results if result[3] == "out_of_memory"] == []

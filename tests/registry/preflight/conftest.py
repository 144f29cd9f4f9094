"""A table of noise, and fixtures that check a training on a table."""

import numpy as np
import pandas
import pytest
from django.core.exceptions import ValidationError

from registry.estimators.algorithms import find
from registry.preflight import dry_run
from registry.preflight.trial import Source
from registry.training.request import TrainingRequest

COLOURS = ["red", "blue", "green"]


def table(rows=120, **columns) -> pandas.DataFrame:
    """Random features, and a target of two classes that is independent of them."""
    rng = np.random.default_rng(0)
    frame = pandas.DataFrame(
        {"size": rng.normal(size=rows), "weight": rng.normal(size=rows), "colour": rng.choice(COLOURS, rows)}
    )
    frame["answer"] = rng.choice(["cat", "dog"], rows)
    return frame.assign(**columns)


def codes(warnings) -> list[tuple[str, str]]:
    return [(warning["code"], warning["field"]) for warning in warnings]


@pytest.fixture
def check(make_dataset):
    """Runs the dry run in this process, without its limits."""

    def run(frame, name="LogisticRegression", *, target="answer", features=None, **options):
        is_table = isinstance(frame, pandas.DataFrame)
        source = make_dataset(content=frame.to_csv(index=False), new_version=True) if is_table else frame
        options = {"target": target, "features": features, "random_state": 1} | options
        request = TrainingRequest(find(name).module, name, **options)
        steps = dry_run.check(Source.of(source), request=request)
        return [warning for warnings in steps for warning in warnings]

    return run


@pytest.fixture
def refusal(check):
    """The code, field and sentence of the error that a dry run raises."""

    def run(*args, **options) -> tuple[str, str | None, str]:
        with pytest.raises(ValidationError) as caught:
            check(*args, **options)
        return caught.value.code, caught.value.params["field"], caught.value.messages[0]

    return run

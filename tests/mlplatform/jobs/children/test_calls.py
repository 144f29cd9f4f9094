"""Calls of functions in child processes: their errors arrive as they were raised."""

import pytest
from django.core.exceptions import ValidationError

from mlplatform.errors import TooLarge
from mlplatform.jobs.children import calls

turns = calls.Turns(at_once=1, wait_s=10, purpose="test", busy="testing")
FAULTS = {
    "a sentence": TooLarge("100% too large.", code="too_large"),
    "one about a field": ValidationError("%(field)s is 100%% wrong.", code="wrong", params={"field": "skip"}),
    "several fields": ValidationError(
        {"skip": ValidationError("No number.", code="invalid"), "quote": "Long."}
    ),
}


def fail(*, fault):
    out_of_memory = ValidationError("Too much memory.", code="out_of_memory")
    return calls.results(_failing(FAULTS[fault]), memory_mb=64, out_of_memory=out_of_memory)


def _failing(error):
    yield "begun"
    raise error


@pytest.mark.parametrize("fault", FAULTS)
def test_an_error_in_a_child_is_raised_as_it_is(fault):
    expected = FAULTS[fault]
    with turns.child(f"{__name__}.fail", fault=fault) as child:
        assert calls.result(child, 60) == "begun"
        with pytest.raises(type(expected)) as caught:
            calls.result(child, 60)
    assert caught.value.messages == expected.messages
    assert getattr(caught.value, "code", None) == getattr(expected, "code", None)
    assert getattr(caught.value, "params", None) == getattr(expected, "params", None)


def test_a_child_that_dies_says_of_what():
    with turns.child("os.abort") as child, pytest.raises(calls.ChildDied, match="SIGABRT"):
        calls.result(child, 60)

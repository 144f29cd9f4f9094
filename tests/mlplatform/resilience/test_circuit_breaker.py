"""The circuit breaker: what opens it, what it rejects, and what closes it."""

import pytest
from django.conf import settings
from django.db.backends.postgresql import base as django_postgres

from mlplatform.postgres.base import DatabaseWrapper
from mlplatform.resilience import circuit_breaker
from mlplatform.resilience.circuit_breaker import LONG_TIMEOUT_S, RETRY_S, CircuitBreaker


@pytest.fixture
def breaker(clock):
    return CircuitBreaker(is_enabled=True, clock=clock)


def test_a_closed_breaker_allows_every_request(breaker):
    assert not breaker.is_open
    assert [breaker.allows_request() for _ in range(3)] == [True] * 3


def test_an_open_breaker_allows_one_request_a_second(breaker, clock):
    breaker.record(is_timeout=True)
    assert breaker.is_open
    assert not breaker.allows_request()
    clock.advance(RETRY_S)
    assert [breaker.allows_request() for _ in range(3)] == [True, False, False]
    breaker.record(is_timeout=True)
    assert not breaker.allows_request()
    clock.advance(RETRY_S)
    assert breaker.allows_request()


def test_a_test_request_that_never_ends_does_not_keep_the_breaker_open(breaker, clock):
    breaker.record(is_timeout=True)
    clock.advance(RETRY_S)
    assert breaker.allows_request()
    clock.advance(LONG_TIMEOUT_S)
    assert breaker.allows_request()


def test_an_answer_closes_the_breaker(breaker):
    breaker.record(is_timeout=True)
    breaker.record(is_timeout=False)
    assert not breaker.is_open
    assert breaker.allows_request()


def test_a_breaker_that_is_not_enabled_allows_every_request(clock):
    breaker = CircuitBreaker(clock=clock)
    breaker.record(is_timeout=True)
    assert breaker.allows_request()
    breaker.enable()
    assert not breaker.allows_request()


def test_a_short_timeout_ends_with_its_block():
    assert not circuit_breaker.has_short_timeout()
    with circuit_breaker.short_timeout():
        with circuit_breaker.short_timeout():
            pass
        assert circuit_breaker.has_short_timeout()
    assert not circuit_breaker.has_short_timeout()


@pytest.mark.parametrize("is_usable", [True, False])
def test_a_connection_that_works_closes_the_breaker(breaker, monkeypatch, is_usable):
    monkeypatch.setattr(django_postgres.DatabaseWrapper, "is_usable", lambda wrapper: is_usable)
    breaker.record(is_timeout=True)
    wrapper = DatabaseWrapper(settings.DATABASES["default"])
    wrapper.breaker = breaker
    assert wrapper.is_usable() is is_usable
    assert breaker.is_open is not is_usable

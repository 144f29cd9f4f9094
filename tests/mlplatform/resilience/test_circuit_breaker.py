"""What is remembered of a silent service, and what ends it."""

import pytest
from django.conf import settings
from django.db.backends.postgresql import base as django_postgres

from mlplatform.postgres.base import DatabaseWrapper
from mlplatform.resilience import circuit_breaker


@pytest.fixture
def silent(monkeypatch):
    breaker = circuit_breaker.CircuitBreaker()
    breaker.ended(in_time=False)
    monkeypatch.setattr(circuit_breaker, "database", breaker)
    return breaker


@pytest.mark.parametrize("answers", [True, False])
def test_a_kept_connection_that_answers_ends_the_silence_that_one_slow_statement_began(
    silent, monkeypatch, answers
):
    monkeypatch.setattr(django_postgres.DatabaseWrapper, "is_usable", lambda wrapper: answers)
    wrapper = DatabaseWrapper(settings.DATABASES["default"])
    assert wrapper.is_usable() is answers
    assert silent.is_open is not answers

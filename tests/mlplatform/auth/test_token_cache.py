"""Verified tokens in memory: how long they count, and what ends that early."""

import threading
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from knox.models import get_token_model
from rest_framework.exceptions import AuthenticationFailed

from mlplatform.auth import tokens
from mlplatform.auth.token_cache import FRESH_S, RETRY_S, TokenCache

STALE_S = 600


@pytest.fixture
def cache(clock):
    return TokenCache(stale_s=STALE_S, clock=clock)


@pytest.fixture
def token(admin):
    return tokens.create(admin).token


def database_down():
    def refuse(execute, sql, params, many, context):
        raise OperationalError("gone")

    return connection.execute_wrapper(refuse)


def is_valid(cache, token) -> bool:
    try:
        return bool(cache.user(token))
    except AuthenticationFailed:
        return False


def revoke_elsewhere() -> None:
    """As another machine does it: without a signal on this one."""
    get_token_model().objects.all().delete()


def test_a_verified_token_needs_no_query_for_30_seconds(
    cache, clock, token, admin, django_assert_num_queries
):
    assert cache.user(token) == admin
    clock.advance(FRESH_S - 1)
    with django_assert_num_queries(0):
        assert cache.user(token) == admin


def test_a_token_revoked_on_this_machine_is_rejected_at_once(cache, token, admin):
    assert is_valid(cache, token)
    tokens.revoke(admin, token_key=tokens.active(admin).get().token_key)
    assert not is_valid(cache, token)


def test_a_token_revoked_on_another_machine_is_rejected_after_30_seconds(cache, clock, token):
    assert is_valid(cache, token)
    revoke_elsewhere()
    assert is_valid(cache, token)
    clock.advance(FRESH_S)
    assert not is_valid(cache, token)


@pytest.mark.parametrize("idle_s", [FRESH_S, STALE_S])
@pytest.mark.usefixtures("committed")
def test_concurrent_requests_after_a_pause_all_find_a_revocation(cache, clock, token, idle_s):
    assert is_valid(cache, token)
    revoke_elsewhere()
    clock.advance(idle_s)
    barrier, results = threading.Barrier(6), []

    def request():
        barrier.wait()
        results.append(is_valid(cache, token))
        connection.close()

    threads = [threading.Thread(target=request) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [False] * 6


def test_verified_tokens_stay_valid_while_the_database_is_down(cache, clock, token):
    assert is_valid(cache, token)
    clock.advance(STALE_S - 1)
    with database_down():
        assert is_valid(cache, token)
        with pytest.raises(OperationalError):
            cache.user("mlmp_other")
        clock.advance(1)
        with pytest.raises(OperationalError):
            cache.user(token)
    assert is_valid(cache, token)


def test_a_failed_refresh_is_retried_after_a_second(cache, clock, token):
    assert is_valid(cache, token)
    clock.advance(FRESH_S)
    with database_down():
        assert is_valid(cache, token)
    revoke_elsewhere()
    assert is_valid(cache, token)
    clock.advance(RETRY_S)
    assert not is_valid(cache, token)


def test_a_verified_token_is_rejected_when_it_expires(cache, clock, token):
    get_token_model().objects.update(expiry=timezone.now() + timedelta(seconds=10))
    assert is_valid(cache, token)
    get_token_model().objects.update(expiry=timezone.now())
    clock.advance(9)
    assert is_valid(cache, token)
    clock.advance(1)
    assert not is_valid(cache, token)

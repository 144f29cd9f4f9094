"""Failed sign-ins lock a name at an address, and an address only for names that have not signed in from it."""

from datetime import timedelta
from ipaddress import ip_network

import pytest
from axes.models import AccessAttempt
from django.db.models import F
from django.test import Client

HERE, ELSEWHERE = "203.0.113.9", "198.51.100.7"
PASSWORD = "correct horse"


def by_page(name: str, password: str, address: str, *, path="/accounts/login/") -> int:
    form = {"username": name, "password": password, "next": "/"}
    return Client().post(path, form, headers={"X-Forwarded-For": address}).status_code


def by_admin(name: str, password: str, address: str) -> int:
    return by_page(name, password, address, path="/admin/login/")


def by_api(name: str, password: str, address: str) -> int:
    body, headers = {"username": name, "password": password}, {"X-Forwarded-For": address}
    return Client().post("/auth/token", body, "application/json", headers=headers).status_code


WAYS = {by_page: (302, 200), by_admin: (302, 200), by_api: (201, 401)}


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def sign_in(request, admin, settings):
    """Signs in as `ada`, who exists, or as another; True, False, or None if that is locked."""
    settings.TRUSTED_PROXIES = [ip_network("127.0.0.1")]
    admin.is_staff = True  # as Django's admin requires
    admin.save()
    succeeded, failed = WAYS[request.param]

    def call(*, name="ada", password=PASSWORD, address=HERE) -> bool | None:
        return {succeeded: True, failed: False, 429: None}[request.param(name, password, address)]

    return call


def fail(sign_in, times: int, **kwargs) -> list[bool | None]:
    return [sign_in(password="wrong", **kwargs) for _ in range(times)]


def test_ten_failures_lock_the_name_at_the_address(sign_in):
    assert fail(sign_in, 10) == [False] * 9 + [None]
    assert sign_in() is None


def test_a_stranger_cannot_lock_a_name_from_elsewhere(sign_in):
    fail(sign_in, 12, address=ELSEWHERE)
    assert sign_in(address=HERE) is True


def test_a_name_that_fails_locks_no_other_at_its_address(sign_in):
    fail(sign_in, 12, name="stranger")
    assert sign_in() is True


def test_an_address_is_locked_from_its_own_limit_on_for_names_that_have_not_signed_in_there(
    sign_in, settings
):
    settings.ADDRESS_FAILURE_LIMIT = 12
    failed = [sign_in(name=f"guess{number}", password="wrong") for number in range(13)]
    assert failed == [False] * 11 + [None] * 2
    assert sign_in() is None
    assert sign_in(address=ELSEWHERE) is True


def test_a_stranger_cannot_lock_out_who_has_signed_in_from_the_same_address(sign_in, settings):
    settings.ADDRESS_FAILURE_LIMIT = 12
    sign_in()
    assert [sign_in(name=f"guess{number}") for number in range(13)][-1] is None
    assert sign_in() is True
    assert fail(sign_in, 10)[-1] is None


def test_attempts_while_locked_do_not_prolong_the_lock(sign_in):
    fail(sign_in, 30)
    assert AccessAttempt.objects.get().failures_since_start == 10
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - timedelta(minutes=1))
    assert sign_in() is True


def test_the_page_the_admin_and_the_api_count_together(admin):
    for way in WAYS:
        for _ in range(4):
            last = way("ada", "wrong", HERE)
    assert last == 429

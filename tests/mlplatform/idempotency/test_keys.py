"""Claiming an idempotency key, attaching the result of its operation, and what a crash in between leaves."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from mlplatform import storage
from mlplatform.errors import Conflict
from mlplatform.idempotency import keys
from mlplatform.idempotency.models import IdempotentRequest
from tests.servers.clocks import CLOCKS, machine_clock

REQUEST = {"key": "k1", "operation": "POST /promote", "fingerprint": "f1"}


@pytest.fixture
def claim(admin):
    return lambda **changes: keys.claim(admin, **REQUEST | {"wait_s": 0} | changes)


def let_lease_expire(row) -> None:
    IdempotentRequest.objects.filter(pk=row.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))


def make_older(row, *, hours: int) -> None:
    created_at = timezone.now() - timedelta(hours=hours)
    IdempotentRequest.objects.filter(pk=row.pk).update(created_at=created_at)


def attach(row, result) -> None:
    with transaction.atomic(), keys.running(row):
        keys.attach(result)


def test_the_first_request_with_a_key_owns_it(claim):
    assert claim()[1]
    with pytest.raises(keys.StillRunning, match="still running"):
        claim()


def test_the_same_key_of_another_user_is_another_key(claim, make_user):
    claim()
    assert keys.claim(make_user("viewer"), **REQUEST)[1]


@pytest.mark.parametrize("change", [{"fingerprint": "f2"}, {"operation": "POST /rollback"}])
def test_a_key_that_was_used_for_another_request_is_a_conflict(claim, change):
    keys.store(claim()[0], status=200)
    with pytest.raises(Conflict, match="was used for another request"):
        claim(**change)


def test_a_released_key_can_be_claimed_again(claim):
    keys.release(claim()[0])
    assert claim()[1]


def test_a_repeat_takes_over_from_a_process_that_died_before_it_did_the_work(claim):
    first, _ = claim()
    let_lease_expire(first)
    second, is_owner = claim()
    assert is_owner
    keys.release(first)  # has no effect any more
    assert IdempotentRequest.objects.get() == second


@pytest.mark.parametrize("seconds", CLOCKS.values(), ids=CLOCKS)
def test_a_machine_with_a_wrong_clock_takes_over_no_running_request(claim, seconds):
    claim()
    with machine_clock(seconds):
        with pytest.raises(keys.StillRunning):
            claim()
        claim(key="k2")
    with pytest.raises(keys.StillRunning):
        claim(key="k2")


def test_another_request_does_not_take_over_the_key_of_a_process_that_died(claim):
    let_lease_expire(claim()[0])
    with pytest.raises(Conflict, match="was used for another request"):
        claim(fingerprint="f2")
    assert claim()[1]


def test_a_request_that_did_its_work_before_the_process_died_is_not_run_again(claim, make_dataset):
    row, _ = claim()
    dataset = make_dataset().dataset
    attach(row, dataset)
    let_lease_expire(row)
    repeat, is_owner = claim()
    assert not is_owner
    assert keys.result(repeat) == dataset


def test_only_one_of_two_owners_does_the_work(claim, make_dataset):
    first, _ = claim()
    let_lease_expire(first)
    second, _ = claim()
    attach(first, make_dataset().dataset)
    with pytest.raises(keys.AlreadyDone):
        attach(second, make_dataset("other").dataset)


def test_a_request_whose_successor_failed_does_not_do_the_work_without_its_key(claim, make_dataset):
    first, _ = claim()
    let_lease_expire(first)
    keys.release(claim()[0])
    with pytest.raises(keys.StillRunning):
        attach(first, make_dataset().dataset)
    assert keys.store(first, status=200)


def test_attaching_without_a_key_has_no_effect(make_dataset):
    keys.attach(make_dataset())
    assert not IdempotentRequest.objects.exists()


def test_the_first_stored_response_is_kept(claim):
    row, _ = claim()
    assert keys.store(row, status=202)
    assert not keys.store(row, status=201)
    assert row.status == 202


def test_a_key_expires_after_24_hours(claim):
    row, _ = claim()
    keys.store(row, status=200)
    make_older(row, hours=23)
    assert not claim()[1]
    make_older(row, hours=25)
    assert claim(fingerprint="f2")[1]


def test_a_deleted_user_leaves_the_key_to_be_pruned_with_its_file(claim, admin):
    claim()
    admin.delete()
    assert IdempotentRequest.objects.get().user is None


def test_pruning_deletes_expired_keys_and_their_files(claim, tmp_path):
    store = storage.datasets()
    for key, hours in (("old", 25), ("new", 1)):
        row, _ = claim(key=key)
        (tmp_path / key).write_bytes(b"a")
        with (tmp_path / key).open("rb") as file:
            storage.save(store, f"idempotent-responses/{key}", file)
        keys.store(row, status=200, body_key=f"idempotent-responses/{key}")
        make_older(row, hours=hours)
    keys.prune()
    assert [row.key for row in IdempotentRequest.objects.all()] == ["new"]
    assert store.exists("idempotent-responses/new")
    assert not store.exists("idempotent-responses/old")


def test_expired_keys_stay_with_their_files_until_the_store_responds(claim, broken_storage):
    row, _ = claim()
    keys.store(row, status=200, body_key="idempotent-responses/old")
    make_older(row, hours=25)
    with broken_storage("datasets"):
        keys.prune()
    assert IdempotentRequest.objects.get() == row
    keys.prune()
    assert not IdempotentRequest.objects.exists()

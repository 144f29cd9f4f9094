"""Idempotency keys in the database: claim one, attach the result of its operation, store the response.

The rules are those of Stripe's API and of draft-ietf-httpapi-idempotency-key-header.
"""

import contextlib
import secrets
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import timedelta
from typing import ClassVar

import tenacity
from django.apps import apps
from django.conf import settings
from django.db import models

from mlplatform import storage
from mlplatform.errors import Conflict, NotFound
from mlplatform.idempotency.models import IdempotentRequest, IdempotentRequestQuerySet
from mlplatform.resilience import inventory
from mlplatform.resilience.database_clock import LEASE_EXPIRED, from_now
from mlplatform.resilience.doctor import Reference

LEASE = timedelta(seconds=60)
WAIT_S = 10
MAX_DISCARDED = 1000  # at once

_current: ContextVar[IdempotentRequest | None] = ContextVar("idempotent_request", default=None)
# A waiting request holds a thread of the web server.
waiting_requests = threading.BoundedSemaphore(max(1, settings.WEB_THREADS // 4))


class StillRunning(Conflict):
    headers: ClassVar = {"Retry-After": "5"}

    def __init__(self):
        super().__init__(
            "The first request with this Idempotency-Key is still running. Repeat this one in a few seconds.",
            code="idempotency_key_in_use",
        )


class AlreadyDone(Conflict):
    """Another request with the same key did the work first; rolls back the transaction of this one."""


def claim(
    user, *, key: str, operation: str, fingerprint: str, wait_s: float = WAIT_S
) -> tuple[IdempotentRequest, bool]:
    """The row of a key, and whether the caller owns it and must run the operation. Else the row has an outcome.

    While another request runs the operation, waits for it up to `wait_s` seconds, then raises StillRunning. Raises
    Conflict if the key was used for another request.
    """
    request = IdempotentRequest(user=user, key=key, operation=operation, fingerprint=fingerprint)
    try:
        return _try_claim(request)
    except StillRunning:
        if not waiting_requests.acquire(blocking=False):
            raise
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(StillRunning),
        wait=tenacity.wait_exponential(multiplier=0.05, max=0.5),
        stop=tenacity.stop_after_delay(wait_s),
        reraise=True,
    )
    try:
        return retrying(_try_claim, request)
    finally:
        waiting_requests.release()


def _try_claim(request: IdempotentRequest) -> tuple[IdempotentRequest, bool]:
    rows = IdempotentRequest.objects.filter(user=request.user, key=request.key)
    _discard(rows.expired())
    owner = secrets.token_hex(16)
    same = rows.filter(operation=request.operation, fingerprint=request.fingerprint)
    abandoned = same.without_outcome().filter(LEASE_EXPIRED)
    if not rows.exists():
        request.owner, request.lease_expires_at = owner, from_now(LEASE)
        IdempotentRequest.objects.bulk_create([request], ignore_conflicts=True)  # the first one wins
    elif abandoned.exists():  # an empty update would lock SQLite for other writers
        abandoned.update(owner=owner, lease_expires_at=from_now(LEASE))
    row = rows.first()
    if row is None:  # its request has failed just now
        raise StillRunning
    if (row.operation, row.fingerprint) != (request.operation, request.fingerprint):
        raise Conflict(
            f"This Idempotency-Key was used for another request ({row.operation}). Use a new key for each request.",
            code="idempotency_key_reused",
        )
    is_owner = row.owner == owner
    if not is_owner and not row.has_outcome:
        raise StillRunning
    return row, is_owner


@contextlib.contextmanager
def running(row: IdempotentRequest) -> Iterator[None]:
    """Within this block, attach() refers to this row."""
    token = _current.set(row)
    try:
        yield
    finally:
        _current.reset(token)


@contextlib.contextmanager
def without_attaching() -> Iterator[None]:
    """Within this block, attach() has no effect: for a step of an operation whose result is another."""
    token = _current.set(None)
    try:
        yield
    finally:
        _current.reset(token)


def attach(result: models.Model) -> None:
    """Call in the transaction that does the work of an operation, with what it created.

    Without effect outside of a request with a key. Raises AlreadyDone if another request with the key, which took
    over when the lease had expired, did the work first, and StillRunning if that one has failed.
    """
    if (row := _current.get()) is None:
        return
    rows = IdempotentRequest.objects.filter(pk=row.pk)
    if rows.without_outcome().update(result_model=result._meta.label, result_id=result.pk):
        row.result_id = result.pk
        return
    if not rows.exists():  # the request that took over has failed
        raise StillRunning
    raise AlreadyDone("Another request with this Idempotency-Key did the work.", code="already_done")


def has_result(row: IdempotentRequest) -> bool:
    return IdempotentRequest.objects.filter(pk=row.pk).exclude(result_id=None).exists()


def result(row: IdempotentRequest) -> models.Model:
    """What was attached to a row. Raises NotFound if it was deleted."""
    row.refresh_from_db(fields=["result_model", "result_id"])
    instance = apps.get_model(row.result_model).objects.filter(pk=row.result_id).first()
    if instance is None:
        raise NotFound("The result of this request was deleted.", code="result_deleted")
    return instance


def release(row: IdempotentRequest) -> None:
    """Make the key available again, unless its request has an outcome or another owner."""
    IdempotentRequest.objects.without_outcome().filter(pk=row.pk, owner=row.owner).delete()


def store(row: IdempotentRequest, **response) -> bool:
    """Store the response, unless another one is stored: then returns False and updates the row."""
    rows = IdempotentRequest.objects.filter(pk=row.pk)
    if rows.filter(status=None).update(**response) or not rows.exists():
        return True
    row.refresh_from_db()
    return False


def prune() -> None:
    """Delete the rows and stored files of expired keys."""
    expired = IdempotentRequest.objects.expired()
    for _ in inventory.while_responding(storage.datasets(), iter(expired.exists, False)):
        _discard(expired)


def references() -> Iterator[Reference]:
    """The stored responses. Without its response, a request can be repeated."""
    for row in IdempotentRequest.objects.exclude(body_key="").only("body_key", "operation", "key"):
        yield Reference(row.body_key, str(row), row.delete)


def _discard(rows: IdempotentRequestQuerySet) -> None:
    """Delete rows, and their files unless the store stops to respond: a wait for each could take hours."""
    body_keys = dict(rows.values_list("pk", "body_key")[:MAX_DISCARDED])
    if body_keys:  # an empty deletion would lock SQLite for other writers
        IdempotentRequest.objects.filter(pk__in=body_keys).delete()
    all(storage.discard(storage.datasets(), body_key) for body_key in filter(None, body_keys.values()))

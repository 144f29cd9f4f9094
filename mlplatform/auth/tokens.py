"""API tokens: made, listed and revoked. Only a hash is stored, so a token is shown once, when it is made."""

import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections
from django.utils import timezone
from knox.models import get_token_model
from rest_framework.exceptions import AuthenticationFailed

from mlplatform.auth.authentication import BearerAuthentication
from mlplatform.auth.roles import permissions_of
from mlplatform.errors import NotFound
from mlplatform.resilience import cache_invalidation, circuit_breaker
from mlplatform.resilience.background import refreshes

REMEMBERED_S = 30
TRIED_AGAIN_S = 1
MOST_REMEMBERED = 10_000


@dataclass(frozen=True)
class NewToken:
    token: str
    expires_at: datetime


def create(user) -> NewToken:
    row, token = get_token_model().objects.create(user=user)
    return NewToken(token=token, expires_at=row.expiry)


def active(user):
    return get_token_model().objects.filter(user=user, expiry__gt=timezone.now()).order_by("-created")


def revoke(user, *, token_key: str) -> None:
    """Raises NotFound unless this user has a token that begins so."""
    deleted, _ = get_token_model().objects.filter(user=user, token_key=token_key).delete()
    if not deleted:
        raise NotFound("You have no such token. It may have been revoked already.", code="token_not_found")
    cache_invalidation.announce(cache_invalidation.TOKENS)


@dataclass
class Verified:
    user: object
    expires_at: float  # Unix time
    verified_at: float  # by the monotonic clock
    stamp: int
    tried_at: float = 0.0


_remembered: OrderedDict[bytes, Verified] = OrderedDict()


def user_of(token: str):
    """The user of a valid token, remembered by this process for 30 seconds: for calls by the thousand.

    A revocation is seen at once on the box where it was made, elsewhere within these 30 seconds, and so is a change of
    role. While the database is away, a token that was valid stays so for SERVING_STALE_S. Raises AuthenticationFailed.
    """
    digest = hashlib.sha256(token.encode(errors="replace")).digest()
    known = _remembered.get(digest)
    now, stamp = time.monotonic(), cache_invalidation.last_change(cache_invalidation.TOKENS)
    if known and (known.expires_at <= time.time() or now - known.verified_at >= _longest()):
        known = None
    if known is None:
        close_old_connections()  # nobody else does in the lane
        return _verified(token, digest, None).user
    is_fresh = known.stamp == stamp and now - known.verified_at < REMEMBERED_S
    if is_fresh or now - known.tried_at < TRIED_AGAIN_S:
        return known.user
    overdue_s = now - max(known.verified_at + REMEMBERED_S, known.tried_at + TRIED_AGAIN_S)
    return refreshes.refresh(
        digest, lambda: _verified(token, digest, known), known=known, overdue_s=overdue_s
    ).user


def _longest() -> float:
    return max(REMEMBERED_S, settings.SERVING_STALE_S)


def _verified(token: str, digest: bytes, known: Verified | None) -> Verified:
    """The token looked up now; what is known where the database does not answer."""
    now, stamp = time.monotonic(), cache_invalidation.last_change(cache_invalidation.TOKENS)
    try:
        with circuit_breaker.short_timeout():
            user, row = BearerAuthentication().authenticate_credentials(token.encode(errors="replace"))
            permissions_of(user)
    except (OperationalError, InterfaceError):
        if known is None:
            raise
        known.tried_at = time.monotonic()
        return known
    except AuthenticationFailed:
        _remembered.pop(digest, None)
        raise
    expires_at = row.expiry.timestamp() if row.expiry else float("inf")
    found = _remembered[digest] = Verified(user, expires_at, now, stamp)
    while len(_remembered) > MOST_REMEMBERED:
        _remembered.popitem(last=False)
    return found


def forget() -> None:
    """Remember no verification any more."""
    _remembered.clear()

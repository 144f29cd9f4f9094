"""Verified API tokens in memory, so that thousands of calls with one token need no query each."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections
from django.utils import timezone
from rest_framework.exceptions import AuthenticationFailed

from mlplatform.auth.authentication import BearerAuthentication
from mlplatform.auth.roles import permissions_of
from mlplatform.resilience import cache_invalidation, circuit_breaker
from mlplatform.resilience.background import SingleFlight, result_within

FRESH_S = 30
REFRESH_TIMEOUT_S = 1  # how long a request waits for a refresh
RETRY_S = 1
OUTAGE_S = 10  # after a failed refresh, requests do not wait for the next ones
MAX_TOKENS = 10_000


@dataclass
class VerifiedToken:
    """A user and what limits the use of their token; times are those of the cache's clock."""

    user: object
    expires_at: float
    verified_at: float
    change: int
    failed_at: float = float("-inf")


class TokenCache:
    """The tokens that a process has verified in the last 30 seconds.

    A revoked token is rejected at once on the machine where it was revoked, and within 30 seconds on others; so is a
    change of role. While the database is down, verified tokens stay valid for `stale_s` seconds.
    """

    def __init__(self, *, stale_s: float, clock: Callable[[], float] = time.monotonic):
        self._max_age_s = max(FRESH_S, stale_s)
        self._clock = clock
        self._tokens: OrderedDict[bytes, VerifiedToken] = OrderedDict()
        self._refreshes = SingleFlight(1, "token refresh")  # a thread keeps its database connection

    def user(self, token: str):
        """The user of a valid token. Raises AuthenticationFailed, and database errors if the token is not cached."""
        digest = hashlib.sha256(token.encode(errors="replace")).digest()
        cached = self._tokens.get(digest)
        now = self._clock()
        is_usable = cached and cached.expires_at > now and now - cached.verified_at < self._max_age_s
        if not is_usable:
            close_old_connections()  # the fast path skips the signal that does this
            return self._verify(token, digest, None).user
        is_fresh = (
            now - cached.verified_at < FRESH_S and cached.change == cache_invalidation.tokens.last_change()
        )
        if is_fresh or now - cached.failed_at < RETRY_S:
            return cached.user
        refresh = self._refreshes.start(digest, lambda: self._verify(token, digest, cached))
        timeout_s = 0 if now - cached.failed_at < OUTAGE_S else REFRESH_TIMEOUT_S
        return result_within(refresh, timeout_s, default=cached).user

    def _verify(self, token: str, digest: bytes, cached: VerifiedToken | None) -> VerifiedToken:
        """Verify a token against the database; return what is cached if the database is down."""
        now, change = self._clock(), cache_invalidation.tokens.last_change()
        try:
            with circuit_breaker.short_timeout():
                user, row = BearerAuthentication().authenticate_credentials(token.encode(errors="replace"))
                permissions_of(user)
        except (OperationalError, InterfaceError):
            if cached is None:
                raise
            cached.failed_at = self._clock()
            return cached
        except AuthenticationFailed:
            self._tokens.pop(digest, None)
            raise
        left_s = (row.expiry - timezone.now()).total_seconds() if row.expiry else float("inf")
        verified = self._tokens[digest] = VerifiedToken(user, now + left_s, now, change)
        while len(self._tokens) > MAX_TOKENS:
            self._tokens.popitem(last=False)
        return verified

    def clear(self) -> None:
        self._tokens.clear()


@cache
def shared_cache() -> TokenCache:
    """The token cache of this process, created on first use."""
    return TokenCache(stale_s=settings.SERVING_STALE_S)

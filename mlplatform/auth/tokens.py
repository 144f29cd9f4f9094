"""API tokens: create, list and revoke. Only a hash is stored, so a token is shown once, when it is created."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from knox.models import get_token_model

from mlplatform.errors import NotFound
from mlplatform.resilience import cache_invalidation


@dataclass(frozen=True)
class NewToken:
    token: str
    expires_at: datetime | None


def create(user, *, days: int | None = settings.API_TOKEN_DAYS) -> NewToken:
    """A token that is valid for this many days; None: until it is revoked."""
    expiry = None if days is None else timedelta(days=days)
    row, token = get_token_model().objects.create(user=user, expiry=expiry)
    return NewToken(token=token, expires_at=row.expiry)


def active(user):
    is_valid = Q(expiry=None) | Q(expiry__gt=timezone.now())
    return get_token_model().objects.filter(is_valid, user=user).order_by("-created")


def revoke(user, *, token_key: str) -> None:
    """Delete the token that begins with `token_key`. Raises NotFound if the user has no such token."""
    deleted, _ = get_token_model().objects.filter(user=user, token_key=token_key).delete()
    if not deleted:
        raise NotFound("You have no such token. It may have been revoked already.", code="token_not_found")
    cache_invalidation.tokens.announce()

"""API tokens: made, listed and revoked. Only a hash is stored, so a token is shown once, when it is made."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from knox.models import get_token_model

from mlplatform.errors import NotFound


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

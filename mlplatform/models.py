"""The tables of the platform itself, for Django to find."""

from mlplatform.idempotency.models import IdempotentRequest
from mlplatform.metadata.models import SavedFilter, Tag

__all__ = ["IdempotentRequest", "SavedFilter", "Tag"]

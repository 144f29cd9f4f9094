"""The tables of the platform itself, for Django to find."""

from mlplatform.idempotency.models import IdempotentRequest
from mlplatform.lists.models import SavedFilter
from mlplatform.metadata.models import Tag

__all__ = ["IdempotentRequest", "SavedFilter", "Tag"]

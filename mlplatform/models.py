"""The tables of the platform itself, for Django to find."""

from mlplatform.idempotency.models import IdempotentRequest

__all__ = ["IdempotentRequest"]

from datetime import timedelta

from django.conf import settings
from django.db import models

from mlplatform.resilience import database_clock

KEEP = timedelta(hours=24)


class IdempotentRequestQuerySet(models.QuerySet):
    def expired(self):
        return self.filter(created_at__lt=database_clock.ago(KEEP))

    def without_outcome(self):
        return self.filter(status=None, result_id=None)


class IdempotentRequest(models.Model):
    """A request with an Idempotency-Key: what it asks for, what came of it, and its response.

    Its owner is the request that runs the operation, under a lease. The result is written in the transaction of the
    operation: if the process crashes before it responds, a repeat is answered from the result, and if there is none,
    a repeat takes over once the lease has expired.
    """

    # Of a deleted user, the row stays until it expires: it refers to the file.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    key = models.CharField(max_length=255)
    operation = models.CharField(max_length=255, help_text="Method and path.")
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of the request's fields and files.")
    owner = models.CharField(max_length=32)
    lease_expires_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    result_model = models.CharField(max_length=100, blank=True, help_text="Such as registry.Release.")
    result_id = models.BigIntegerField(null=True)
    status = models.PositiveSmallIntegerField(null=True, help_text="Of the response.")
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True)
    body_key = models.CharField(
        max_length=255, blank=True, help_text="Of a response that is a file: its key in the datasets bucket."
    )

    objects = IdempotentRequestQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_of_user")]

    def __str__(self):
        return f"{self.operation} with the key {self.key}"

    @property
    def has_outcome(self) -> bool:
        return self.status is not None or self.result_id is not None

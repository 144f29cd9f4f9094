"""What people write about a model version: its model card, in revisions."""

from django.conf import settings
from django.db import models

from registry.models.versions import ModelVersion


class CardRevision(models.Model):
    """One saved text of the card of a model version, numbered 1, 2, 3; the newest is the card. Never changed."""

    MAX_OWNER, MAX_TEXT = 200, 10_000  # characters

    model_version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="card_revisions")
    number = models.PositiveIntegerField()
    purpose = models.TextField(blank=True, help_text="In Markdown.")
    owner = models.CharField(max_length=MAX_OWNER, blank=True)
    limits = models.TextField(blank=True, help_text="In Markdown.")
    written_at = models.DateTimeField(auto_now_add=True)
    written_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="card_revisions"
    )

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["model_version", "number"], name="card_revision_number"),
        ]

    def __str__(self):
        return f"revision {self.number} of the card of {self.model_version}"

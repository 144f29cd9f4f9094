"""The diagnostics of model versions: pictures, importance and slices of the held-out rows."""

from django.db import models

from registry.models.versions import ModelVersion


class Diagnostics(models.Model):
    """What was computed about one version on its held-out rows, in a row of its own: lists do not read it."""

    model_version = models.OneToOneField(
        ModelVersion, on_delete=models.CASCADE, related_name="diagnostics", primary_key=True
    )
    sections = models.JSONField(help_text="By name, as registry.diagnostics.build computes them.")
    duration_s = models.FloatField(help_text="The seconds that their computation took.")
    computed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "diagnostics"

    def __str__(self):
        return f"diagnostics of {self.model_version}"

"""The diagnostics of model versions: pictures, importance and slices of the held-out rows."""

from django.db import models

from registry.models.versions import ModelVersion


class DiagnosticsManager(models.Manager):
    def record(self, version: ModelVersion, *, sections: dict[str, dict], duration_s: float) -> "Diagnostics":
        """Save what registry.diagnostics.build has computed, instead of what the version has."""
        kept = {name: section for name, section in sections.items() if name != "background"}
        fields = {"sections": kept, "background": sections.get("background"), "duration_s": duration_s}
        return self.update_or_create(model_version=version, defaults=fields)[0]


class Diagnostics(models.Model):
    """What was computed about one version on its held-out rows, in a row of its own: lists do not read it."""

    model_version = models.OneToOneField(
        ModelVersion, on_delete=models.CASCADE, related_name="diagnostics", primary_key=True
    )
    sections = models.JSONField(help_text="By name, as registry.diagnostics.build computes them.")
    background = models.JSONField(
        null=True,
        help_text="Training rows that explanations compare with: up to 2 MB, which pages do not read.",
    )
    duration_s = models.FloatField(help_text="The seconds that their computation took.")
    computed_at = models.DateTimeField(auto_now=True)

    objects = DiagnosticsManager()

    class Meta:
        verbose_name_plural = "diagnostics"

    def __str__(self):
        return f"diagnostics of {self.model_version}"

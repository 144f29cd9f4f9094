from django.db import models

from registry.models import ModelVersion


class Proof(models.Model):
    """What was shown of a model version when it was registered: what predicts it, and golden rows.

    Golden rows are rows of its table and made edge rows, with the pipeline's own outputs. They are predicted again
    wherever the artifact is loaded or copied, so a library that changes results cannot do so in silence.
    """

    LARGE = ("rows", "predictions", "probabilities")

    class Plan(models.TextChoices):
        TREES = "trees", "its trees, as arrays"
        ESTIMATOR = "estimator", "its estimator, on encoded rows"
        PIPELINE = "pipeline", "its whole pipeline"

    model_version = models.OneToOneField(
        ModelVersion, on_delete=models.CASCADE, primary_key=True, related_name="proof"
    )
    plan = models.CharField(max_length=20, choices=Plan.choices)
    reason = models.TextField(blank=True, help_text="Why the whole pipeline predicts, where it does.")
    rows = models.JSONField(help_text="Golden rows: values in the order of the signature's columns.")
    predictions = models.JSONField()
    probabilities = models.JSONField(null=True)

    def __str__(self):
        return f"proof of {self.model_version}"

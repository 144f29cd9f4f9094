"""The metrics of model versions as columns."""

from django.db import models

from registry.models.versions import ModelVersion
from registry.querysets import MetricValueQuerySet


class MetricValue(models.Model):
    """A metric of a model version, for lists: sorting 10,000 versions by their JSON takes ten times as long."""

    model_version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="metric_values")
    name = models.CharField(max_length=50)
    value = models.FloatField(help_text="On the test rows.")
    low = models.FloatField(null=True, help_text="The lower end of the 95 % interval.")
    high = models.FloatField(null=True, help_text="The upper end of the 95 % interval.")
    train = models.FloatField(null=True, help_text="On the training rows.")

    objects = MetricValueQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["model_version", "name"], name="metric_value_name"),
        ]

    def __str__(self):
        return f"{self.name} {self.value:g}"

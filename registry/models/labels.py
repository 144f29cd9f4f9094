"""Tags with values and aliases, which MLflow's clients set; the tags of the catalog are words without a value."""

from django.db import models
from django.db.models import Q

from catalog.models import Dataset


class RegistryTag(models.Model):
    """A key and a value of a dataset or, if it has one, of a model version."""

    MAX_KEY, MAX_VALUE = 250, 100_000  # characters, as in MLflow

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="registry_tags")
    model_version = models.ForeignKey(
        "registry.ModelVersion", null=True, on_delete=models.CASCADE, related_name="registry_tags"
    )
    key = models.CharField(max_length=MAX_KEY)
    value = models.TextField(blank=True)

    class Meta:
        ordering = ["key"]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "key"], condition=Q(model_version=None), name="registry_tag_of_dataset"
            ),
            models.UniqueConstraint(fields=["model_version", "key"], name="registry_tag_of_version"),
        ]

    def __str__(self):
        return f"{self.key}={self.value[:50]}"


class Alias(models.Model):
    """A name for a model version within its dataset. Those of the stages have no row: see registry.mlflow.stages."""

    MAX_NAME = 255  # as on MLflow's own server; the column takes one more

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="aliases")
    name = models.CharField(max_length=256)
    model_version = models.ForeignKey(
        "registry.ModelVersion", on_delete=models.CASCADE, related_name="aliases"
    )

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["dataset", "name"], name="alias_of_dataset")]

    def __str__(self):
        return f"{self.dataset.name}@{self.name}"

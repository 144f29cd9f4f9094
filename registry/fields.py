"""Fields that the serializers of jobs, model versions and releases share."""

from rest_framework import serializers

from registry.evaluation import definitions
from registry.models import Stage

HELP_TEXT = "On the held-out rows. " + "; ".join(
    f"`{metric.name}`: {metric.explanation}" for metric in definitions.METRICS
)


class NameField(serializers.CharField):
    def __init__(self, **kwargs):
        super().__init__(max_length=255, help_text="The name of a dataset.", **kwargs)


class MetricsField(serializers.JSONField):
    """The metrics, without the points of the residual plot."""

    def __init__(self, **kwargs):
        super().__init__(help_text=HELP_TEXT, **kwargs)

    def to_representation(self, value):
        return {name: metric for name, metric in value.items() if name != "residuals"}


class EnvironmentField(serializers.ChoiceField):
    """Where a version is live: the highest stage, or null."""

    def __init__(self):
        help_text = "The highest stage in which the version is live now; null if it is not live."
        super().__init__(Stage.choices, allow_null=True, read_only=True, help_text=help_text)

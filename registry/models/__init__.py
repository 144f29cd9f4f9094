"""Training jobs, training groups, model versions, their cards and releases."""

from registry.models.cards import CardRevision
from registry.models.diagnostics import Diagnostics
from registry.models.evaluations import Evaluation
from registry.models.groups import TrainingGroup, Trial
from registry.models.jobs import TrainingJob
from registry.models.labels import Alias, RegistryTag
from registry.models.metric_values import MetricValue
from registry.models.mirror import MirroredModel, MirroredVersion
from registry.models.releases import Release, ReleaseChange, ReleaseCounter, Stage, Usage
from registry.models.versions import ModelVersion, VersionCounter

__all__ = [
    "Alias",
    "CardRevision",
    "Diagnostics",
    "Evaluation",
    "MetricValue",
    "MirroredModel",
    "MirroredVersion",
    "ModelVersion",
    "RegistryTag",
    "Release",
    "ReleaseChange",
    "ReleaseCounter",
    "Stage",
    "TrainingGroup",
    "TrainingJob",
    "Trial",
    "Usage",
    "VersionCounter",
]

import django_filters

from mlplatform.jobs.state_filter import StateFilter
from mlplatform.validation.filters import FilterSet
from registry.models import Evaluation, TrainingGroup, TrainingJob


class JobFilter(FilterSet):
    """Filters the list of training jobs, on the page and in the API."""

    dataset = django_filters.CharFilter(field_name="dataset_name", label="Dataset")
    state = StateFilter()

    class Meta:
        model = TrainingJob
        fields = ["dataset", "state"]


class EvaluationFilter(FilterSet):
    """Filters the list of the evaluations of a model version."""

    dataset = django_filters.CharFilter(field_name="dataset_name", label="Dataset")
    state = StateFilter()

    class Meta:
        model = Evaluation
        fields = ["dataset", "state"]


class GroupFilter(FilterSet):
    """Filters the list of training groups, on the page and in the API."""

    dataset = django_filters.CharFilter(field_name="job__dataset_name", label="Dataset")
    state = StateFilter(field_name="job__state")

    class Meta:
        model = TrainingGroup
        fields = ["dataset", "state"]

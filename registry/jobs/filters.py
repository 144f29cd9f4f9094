import django_filters

from mlplatform.jobs.models import JobState
from mlplatform.validation.filters import FilterSet
from registry.models import Evaluation, TrainingGroup, TrainingJob


class JobFilter(FilterSet):
    """Filters the list of training jobs, on the page and in the API."""

    dataset = django_filters.CharFilter(field_name="dataset_name", label="Dataset")
    state = django_filters.ChoiceFilter(choices=JobState.choices, label="State")

    class Meta:
        model = TrainingJob
        fields = ["dataset", "state"]


class EvaluationFilter(FilterSet):
    """Filters the list of the evaluations of a model version."""

    dataset = django_filters.CharFilter(field_name="dataset_name", label="Dataset")
    state = django_filters.ChoiceFilter(choices=JobState.choices, label="State")

    class Meta:
        model = Evaluation
        fields = ["dataset", "state"]


class GroupFilter(FilterSet):
    """Filters the list of training groups, on the page and in the API."""

    dataset = django_filters.CharFilter(field_name="job__dataset_name", label="Dataset")
    state = django_filters.ChoiceFilter(field_name="job__state", choices=JobState.choices, label="State")

    class Meta:
        model = TrainingGroup
        fields = ["dataset", "state"]

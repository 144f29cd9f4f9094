"""The filter of lists of jobs by their state."""

import django_filters

from mlplatform.jobs.models import UNSUCCESSFUL, JobState

ANY_FAILURE = "any_failure"


class StateFilter(django_filters.ChoiceFilter):
    """One state, or any of those of jobs that have ended without success and were not cancelled."""

    def __init__(self, *, field_name: str = "state"):
        choices = [*JobState.choices, (ANY_FAILURE, "any failure")]
        super().__init__(field_name=field_name, choices=choices, label="State")

    def filter(self, qs, value):
        if value != ANY_FAILURE:
            return super().filter(qs, value)
        return qs.filter(**{f"{self.field_name}__in": UNSUCCESSFUL})

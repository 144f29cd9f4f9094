from datetime import UTC, datetime

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q

from mlplatform.validation.filters import FilterSet
from registry.models import Release, Stage


def check_year(value: datetime) -> None:
    """In UTC, as the database compares it, a time with an offset can be outside the years that exist."""
    try:
        value.astimezone(UTC)
    except OverflowError as error:
        raise ValidationError("Must be in the years 1 to 9999, in UTC.", code="out_of_range") from error


class ReleaseFilter(FilterSet):
    """Filters the release history, on the page and in the API."""

    q = django_filters.CharFilter(
        field_name="dataset__name", lookup_expr="icontains", label="Dataset contains"
    )
    dataset = django_filters.CharFilter(field_name="dataset__name", label="Dataset")
    environment = django_filters.ChoiceFilter(field_name="stage", choices=Stage.choices, label="Stage")
    live = django_filters.ChoiceFilter(
        method="live_now", choices=[("true", "Live"), ("false", "Ended")], label="Live now"
    )
    at = django_filters.IsoDateTimeFilter(
        method="live_at",
        label="Live at (UTC)",
        validators=[check_year],
        widget=forms.DateTimeInput(attrs={"placeholder": "2026-11-03 00:00"}),
    )

    class Meta:
        model = Release
        fields = ["q", "dataset", "environment", "live", "at"]

    def live_now(self, queryset, name, value):
        return queryset.filter(ended_at__isnull=value == "true")

    def live_at(self, queryset, name, value):
        return queryset.filter(Q(ended_at=None) | Q(ended_at__gt=value), started_at__lte=value)

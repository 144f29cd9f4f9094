import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import F, Q
from django.db.models.lookups import Exact

from mlplatform.metadata import tags
from mlplatform.metadata.favourites import FavouriteFilter
from mlplatform.validation.filters import FilterSet, VersionFilter
from registry.discovery.leaderboard import RANKINGS
from registry.models import ModelVersion, Stage

MAX_METRICS = 5
DATE = forms.DateInput(attrs={"type": "date"})


class ModelOrdering(django_filters.OrderingFilter):
    """Orders by columns and metrics.

    Only metrics of the same dataset, task and target are comparable: these versions follow each other, those without
    the metric last, and versions of other tasks after all. Each metric is a join, of which SQLite allows 64. A list of
    one task is read in the order of indexes: the term for the task would make the database sort all of it.
    """

    def filter(self, qs, value):
        terms = []
        if len({param.removeprefix("-") for param in value or ()} & RANKINGS.keys()) > MAX_METRICS:
            sentence = f"A list is ordered by at most {MAX_METRICS} metrics."
            raise ValidationError({"ordering": ValidationError(sentence, code="too_many_metrics")})
        for param in value or ():
            name = param.removeprefix("-")
            if name not in RANKINGS:
                terms.append(self.get_ordering_value(param))
                continue
            qs = qs.with_metric(RANKINGS[name].metric.name, alias=f"by_{name}")
            column = F(f"by_{name}__{RANKINGS[name].column}")
            if not self.parent.data.get("task"):
                terms.append(Exact(F("task"), RANKINGS[name].metric.task).desc())
            terms += ["dataset__name", "task", "target"]
            terms.append(
                column.desc(nulls_last=True) if param.startswith("-") else column.asc(nulls_last=True)
            )
        return qs.order_by(*terms, "-id") if terms else qs


class ModelFilter(FilterSet):
    """Filters the list of model versions, on the page and in the API."""

    q = django_filters.CharFilter(method="search", label="Dataset or algorithm contains")
    dataset = django_filters.CharFilter(field_name="dataset__name", label="Dataset")
    dataset_version = VersionFilter(field_name="dataset_version__number", label="Dataset version")
    environment = django_filters.ChoiceFilter(method="live_in", choices=Stage.choices, label="Live in")
    reached = django_filters.ChoiceFilter(choices=Stage.choices, label="Highest stage")
    algorithm = django_filters.CharFilter(field_name="algorithm", label="Algorithm")
    tag = django_filters.CharFilter(method="tagged", label="Tag")
    favourite = FavouriteFilter()
    imported = django_filters.ChoiceFilter(
        method="was_imported", choices=[("true", "Imported"), ("false", "Trained here")], label="Origin"
    )
    target = django_filters.CharFilter(field_name="target", label="Target")
    group = VersionFilter(field_name="trial__group", label="Training group")
    trained_by = django_filters.CharFilter(field_name="trained_by__username", label="Trained by")
    trained_after = django_filters.DateFilter(
        field_name="trained_at", lookup_expr="date__gte", label="Trained since (UTC)", widget=DATE
    )
    trained_before = django_filters.DateFilter(
        field_name="trained_at", lookup_expr="date__lte", label="Trained until (UTC)", widget=DATE
    )
    task = django_filters.ChoiceFilter(
        choices=[(task, task) for task in ("classification", "regression", "clustering")], label="Task"
    )
    ordering = ModelOrdering(
        fields={
            "trained_at": "trained_at",
            "dataset__name": "dataset",
            "number": "version",
            "algorithm": "algorithm",
            "promoted_at": "promoted_at",
            "artifact_size": "artifact_size",
            "training_s": "training_s",
        }
        | {name: name for name in RANKINGS},
        field_labels={
            "trained_at": "Trained",
            "dataset__name": "Dataset",
            "promoted_at": "Released",
            "training_s": "Training time",
        }
        | {name: ranking.label for name, ranking in RANKINGS.items()},
        label="Order",
        empty_label="Default",
    )

    class Meta:
        model = ModelVersion
        fields = [
            "q",
            "dataset",
            "dataset_version",
            "environment",
            "reached",
            "algorithm",
            "task",
            "target",
            "tag",
            "favourite",
            "imported",
            "group",
            "trained_by",
            "trained_after",
            "trained_before",
            "ordering",
        ]

    def offer_orders(self, task: str | None) -> None:
        """Offer the orders that a page of versions of this task can use; None is any task."""
        field = self.form.fields["ordering"]
        rankings = [one for one in RANKINGS.values() if task in {one.metric.task, None} and one.metric.better]
        if task is None:
            rankings = [one for one in rankings if not one.part]
        best = {one.best_first: f"{one.label}, best first" for one in rankings}
        names = {"": "Default", **dict(field.choices)}
        kept = {
            value: label
            for value, label in names.items()
            if value.removeprefix("-") not in RANKINGS or value == self.data.get("ordering")
        }
        field.choices = list((kept | best).items())

    def tagged(self, queryset, name, value):
        return queryset.filter(tags__name=tags.spelled(value))

    def was_imported(self, queryset, name, value):
        return (
            queryset.exclude(imported_format="") if value == "true" else queryset.filter(imported_format="")
        )

    def live_in(self, queryset, name, value):
        return queryset.live_in(value)

    def search(self, queryset, name, value):
        return queryset.filter(Q(dataset__name__icontains=value) | Q(algorithm__icontains=value))

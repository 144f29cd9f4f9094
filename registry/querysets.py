"""Queries for lists and pages. Lists skip the wide JSON columns (signatures, metrics), which keeps them fast."""

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Exists, F, FilteredRelation, FloatField, OuterRef, Prefetch, Q, Subquery, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce, NullIf

from catalog.models import Dataset, DatasetVersion
from catalog.names import normalize_name
from mlplatform.errors import NotFound
from mlplatform.jobs.models import JobQuerySet
from mlplatform.metadata import favourites, tags
from mlplatform.validation import integers
from registry.evaluation import definitions

WIDE_COLUMNS = ("features", "parameters", "signature", "preparation", "metrics", "warnings", "libraries")
# The metrics in the rows of GET /models.
MAIN_METRICS = ("accuracy", "f1_score", "r2", "rmse", "silhouette_score")
DATASET_VERSION_COLUMNS = tuple(f"dataset_version__{column}" for column in DatasetVersion.WIDE_COLUMNS)
MODEL_VERSION_COLUMNS = tuple(f"model_version__{column}" for column in WIDE_COLUMNS)


def metric(name: str) -> Cast:
    """A metric of an evaluation as a number. SQLite extracts the text "null" for one that is not defined."""
    return Cast(NullIf(KT(f"metrics__{name}"), Value("null")), FloatField())


def headline_name(version) -> str:
    """The name of the metric that stands for a model version in lists."""
    return definitions.primary(version.primary_metric, task=version.task).name


class MetricValueQuerySet(models.QuerySet):
    def record(self, version) -> None:
        """Write the metrics of a version that are numbers, in reading order."""
        intervals, train = (version.metrics.get(part) or {} for part in ("intervals", "train"))
        rows = []
        for name, value in definitions.numbers(version.metrics).items():
            low, high = intervals.get(name) or (None, None)
            rows.append(
                self.model(
                    model_version=version, name=name, value=value, low=low, high=high, train=train.get(name)
                )
            )
        self.bulk_create(rows)


class TrainingJobQuerySet(JobQuerySet):
    def with_results(self):
        """With the dataset version, the user, the model version and its releases, without log and traceback."""
        related = ("dataset_version__dataset", "requested_by", "model_version__dataset", "group")
        jobs = self.select_related(*related).defer("traceback", "log", *DATASET_VERSION_COLUMNS)
        return jobs.prefetch_related("model_version__releases")

    def for_page(self):
        """For the page of a job: with the metrics of its model, and the algorithm as `class_name`, "" if several."""
        columns = [column for column in MODEL_VERSION_COLUMNS if not column.endswith("__metrics")]
        return (
            self.with_results()
            .defer(*columns)
            .annotate(
                class_name=Coalesce(KT("request__model__class"), Value(""), output_field=models.TextField())
            )
        )

    def for_list(self):
        """As for_page, without the request, which can name 5,000 columns, and other wide columns."""
        return self.for_page().defer("request", "timings", "warnings", "model_version__metrics")


class TrainingGroupQuerySet(models.QuerySet):
    def with_jobs(self):
        """With the job, its dataset version, its user and the model version of the best trial, without wide columns."""
        related = ("job__dataset_version__dataset", "job__requested_by", "job__model_version__dataset")
        wide = ("timings", *DATASET_VERSION_COLUMNS, *MODEL_VERSION_COLUMNS)
        groups = self.select_related(*related).defer(*(f"job__{column}" for column in wide))
        return groups.prefetch_related("job__model_version__releases")

    def for_list(self):
        """As with_jobs, without the request of the job, which can name 5,000 columns, its log and its traceback."""
        return self.with_jobs().defer(
            *(f"job__{name}" for name in ("request", "warnings", "log", "traceback"))
        )

    def numbered(self, pk: int):
        """One group, with its job. Raises NotFound if it does not exist."""
        group = self.with_jobs().filter(pk=pk).first()
        if group is None:
            raise NotFound(f"There is no training group {pk}.", code="group_not_found")
        return group


class TrialQuerySet(models.QuerySet):
    def with_versions(self):
        """With the model version of each, without wide columns."""
        return self.select_related("model_version__dataset").defer(*MODEL_VERSION_COLUMNS)


class EvaluationQuerySet(JobQuerySet):
    def for_lists(self):
        """With the model version and the user, and each metric as `metric_accuracy`, without wide columns.

        The metrics of 1,000 classes have a matrix of a million cells.
        """
        return (
            self.select_related("model_version__dataset", "requested_by")
            .defer("log", "traceback", "metrics", *MODEL_VERSION_COLUMNS)
            .annotate(**{f"metric_{one.name}": metric(one.name) for one in definitions.METRICS})
        )

    def with_metric(self, name: str):
        """With the `value` of one metric, its `interval` as JSON and the user, without wide columns."""
        return (
            self.select_related("requested_by")
            .defer("log", "traceback", "metrics")
            .annotate(value=metric(name), interval=KT(f"metrics__intervals__{name}"))
        )


class ModelVersionQuerySet(models.QuerySet):
    def with_releases(self):
        """With its dataset version, user and releases, in two queries for any number of rows."""
        return (
            self.select_related("dataset", "dataset_version", "trained_by")
            .prefetch_related("releases")
            .defer(*DATASET_VERSION_COLUMNS)
        )

    def for_list(self, metrics: Iterable[str] = ()):
        """As with_releases, without wide columns, with the main, the primary and these `metrics` in one more query."""
        values = self.model.metric_values.rel.related_model.objects.filter(
            Q(name__in={*MAIN_METRICS, *metrics}) | Q(name=F("model_version__primary_metric"))
        )
        listed = Prefetch("metric_values", queryset=values, to_attr="listed_metrics")
        return self.with_releases().defer(*WIDE_COLUMNS).prefetch_related(listed)

    def for_list_of(self, user, metrics: Iterable[str] = ()):
        """As for_list, with tags and `is_favourite` of this user, in one more query."""
        favourite = favourites.marked_by(user, self.model)
        return self.for_list(metrics).prefetch_related(tags.listed("tags")).annotate(is_favourite=favourite)

    def with_metric(self, name: str, *, alias: str):
        """With the columns of one metric, for filters and orders, as `alias__value`: see MetricValue."""
        return self.alias(**{alias: FilteredRelation("metric_values", condition=Q(metric_values__name=name))})

    def live_in(self, stage: str):
        """The versions that are live in a stage: at most one of each dataset."""
        return self.filter(releases__stage=stage, releases__ended_at=None)

    def numbered(self, dataset_name: str, number: int):
        """One model version of a dataset. Raises NotFound, which says if it was deleted."""
        dataset = Dataset.objects.named(dataset_name)
        version = self.with_releases().filter(dataset=dataset, number=number).first()
        if version is None:
            sentence = f"`{dataset.name}` has no model version {number}."
            if dataset.releases.of_deleted(number).exists():
                sentence = f"Model version {number} of `{dataset.name}` was deleted."
            raise NotFound(sentence, code="model_not_found")
        return version

    def locked(self, version):
        """The row of a version, locked until the transaction ends. Raises NotFound if it was deleted."""
        # Without key: rows that refer to the version can still be written.
        row = self.select_for_update(no_key=True).only("pk").filter(pk=version.pk).first()
        if row is None:
            raise NotFound(f"Model version {version.number} was deleted.", code="model_not_found")
        return row

    def with_tags(self):
        """As with_releases, with tags and without wide columns."""
        return self.with_releases().defer(*WIDE_COLUMNS).prefetch_related(tags.listed("tags"))

    def selected(self, names: Iterable[str]) -> list:
        """The versions with names such as `iris/2`, each once, in this order, with one query for all.

        Raises ValidationError (invalid_choice) for any other form of a name, and NotFound as numbered().
        """
        keys = list(dict.fromkeys(map(_key, names)))
        wanted = Q(*(Q(dataset__name=name, number=number) for name, number in keys), _connector=Q.OR)
        # By name too: of the pairs alone, a database finds the rows among those of all datasets.
        rows = self.filter(wanted, dataset__name__in={name for name, _ in keys}) if keys else ()
        found = {(one.dataset.name, one.number): one for one in rows}
        return [found.get(key) or self.model.objects.numbered(*key) for key in keys]


def _key(name: str) -> tuple[str, int]:
    """The name of the dataset, as it is stored, and the number in a name such as `Iris/02`."""
    dataset, _, number = name.rpartition("/")
    try:
        found = normalize_name(dataset), integers.parse(number)
    except ValidationError:
        found = None, None
    if not all(found):
        sentence = "A model version is named by its dataset and number, such as `iris/2`."
        raise ValidationError({"model": ValidationError(sentence, code="invalid_choice")})
    return found


class ReleaseQuerySet(models.QuerySet):
    def live(self):
        return self.filter(ended_at=None)

    def with_stage_is_live(self):
        """With `stage_is_live`: whether any version is live in the stage of the release now."""
        live = self.model.objects.live().filter(dataset=OuterRef("dataset"), stage=OuterRef("stage"))
        return self.annotate(stage_is_live=Exists(live))

    def with_live(self):
        """With `live_number`, of the version that is live in the stage of the release, and `live_origin`.

        That is the key of the live release, or of the one that it went back to; None if nothing is live.
        """
        live = self.model.objects.live().filter(dataset=OuterRef("dataset"), stage=OuterRef("stage"))
        origin = live.annotate(origin=Coalesce("restores", "pk")).values("origin")
        return self.annotate(live_number=Subquery(live.values("number")), live_origin=Subquery(origin))

    def of_deleted(self, number: int):
        """The releases of a version with this number that was deleted since."""
        return self.filter(number=number, model_version=None)

    def with_versions(self):
        return self.select_related(
            "dataset", "model_version__dataset", "model_version__trained_by", "released_by", "ended_by"
        )

    def for_list(self):
        """As with_versions, without wide columns."""
        return self.with_versions().defer(*MODEL_VERSION_COLUMNS)

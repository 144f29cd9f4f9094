"""Read-only admin pages of training jobs, model versions and releases."""

from django.contrib import admin

from mlplatform.admin import ReadOnlyAdmin, link, links, readable
from registry.models import (
    Alias,
    CardRevision,
    Diagnostics,
    Evaluation,
    MetricValue,
    MirroredModel,
    MirroredVersion,
    ModelVersion,
    RegistryTag,
    Release,
    ReleaseChange,
    ReleaseCounter,
    Stage,
    TrainingGroup,
    TrainingJob,
    Trial,
    Usage,
    VersionCounter,
)
from registry.querysets import MODEL_VERSION_COLUMNS, WIDE_COLUMNS


class LiveInFilter(admin.SimpleListFilter):
    title, parameter_name = "live in", "live_in"

    def lookups(self, request, model_admin):
        return Stage.choices

    def queryset(self, request, queryset):
        return queryset.live_in(self.value()) if self.value() else queryset


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    dataset_link, source, job_link = link("dataset"), link("dataset_version"), link("job")
    releases_link = links("releases", "model_version__id__exact", "releases")
    card_link = links("card_revisions", "model_version__id__exact", "card revisions")
    metrics_text, parameters_text, signature_text = map(readable, ("metrics", "parameters", "signature"))
    features_text, warnings_text, libraries_text = map(readable, ("features", "warnings", "libraries"))
    preparation_text = readable("preparation")
    list_display = [
        "__str__", "live_in", "reached", "algorithm", "task", "dataset_link", "source", "job_link", "trained_at",
        "trained_by", "promoted_at", "releases_link", "card_link",
    ]  # fmt: skip
    list_filter = [LiveInFilter, "reached", "task", "algorithm", "trained_by", "tags", "favourited_by"]
    search_fields = ["dataset__name", "algorithm", "description", "artifact_sha256"]
    date_hierarchy = "trained_at"
    fields = [
        "dataset_link", "source", "number", "live_in", "reached", "job_link", "algorithm", "module", "task",
        "description", "target", "test_size", "split", "measured", "sample_weight", "refit", "random_state",
        "trained", "iterations", "rows_train", "rows_test", "artifact_size", "artifact_sha256", "training_s",
        "trained_at", "trained_by", "promoted_at", "metrics_text", "parameters_text", "features_text", "signature_text",
        "preparation_text", "decision", "warnings_text", "libraries_text", "primary_metric", "compatibility",
        "retrained_from",
    ]  # fmt: skip
    readonly_fields = fields

    @admin.display(description="live in")
    def live_in(self, version):
        return ", ".join(version.live_stages) or "–"

    def get_queryset(self, request):
        versions = super().get_queryset(request).for_list()
        wide = [f"job__{name}" for name in ("request", "timings", "warnings", "log", "traceback")]
        return versions.select_related("dataset_version__dataset", "job").defer(*wide)


@admin.register(CardRevision)
class CardRevisionAdmin(ReadOnlyAdmin):
    version = link("model_version")
    list_display = ["__str__", "version", "owner", "written_at", "written_by"]
    list_filter = ["written_by"]
    search_fields = ["model_version__dataset__name", "owner", "purpose", "limits"]
    date_hierarchy = "written_at"

    def get_queryset(self, request):
        wide = [f"model_version__{name}" for name in WIDE_COLUMNS]
        cards = super().get_queryset(request).select_related("model_version__dataset", "written_by")
        return cards.defer(*wide)


@admin.register(Release)
class ReleaseAdmin(ReadOnlyAdmin):
    dataset_link, version = link("dataset"), link("model_version")
    list_display = [
        "__str__", "dataset_link", "version", "stage", "kind", "started_at", "released_by", "comment", "ended_at",
        "ending", "ended_by", "end_reason",
    ]  # fmt: skip
    list_filter = ["stage", "kind", ("ended_at", admin.EmptyFieldListFilter), "ending", "released_by"]
    search_fields = ["dataset__name", "comment", "end_reason", "key"]
    date_hierarchy = "started_at"

    def get_queryset(self, request):
        return super().get_queryset(request).for_list()


@admin.register(Usage)
class UsageAdmin(ReadOnlyAdmin):
    release_link = link("release")
    list_display = ["__str__", "release_link", "hour", *Usage.COUNTS]
    list_filter = ["release__stage"]
    search_fields = ["release__dataset__name"]
    date_hierarchy = "hour"

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("release__dataset")


@admin.register(TrainingJob)
class TrainingJobAdmin(ReadOnlyAdmin):
    source, version = link("dataset_version"), link("model_version")
    request_text = readable("request")
    list_display = [
        "__str__", "algorithm", "state", "stage", "source", "version", "attempt", "requested_at", "requested_by",
        "finished_at",
    ]  # fmt: skip
    list_filter = ["state", "error_code", "requested_by"]
    search_fields = ["dataset_name", "error", "worker"]
    date_hierarchy = "requested_at"
    fields = [
        "dataset_name", "source", "version", "state", "stage", "progress", "attempt", "worker", "heartbeat_at",
        "requested_at", "requested_by", "started_at", "finished_at", "error", "error_code", "traceback", "request_text",
    ]  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request):
        return super().get_queryset(request).for_list()


@admin.register(Evaluation)
class EvaluationAdmin(ReadOnlyAdmin):
    version, source = link("model_version"), link("dataset_version")
    metrics_text = readable("metrics")
    list_display = [
        "__str__", "kind", "state", "version", "source", "rows", "attempt", "requested_at", "requested_by",
        "finished_at",
    ]  # fmt: skip
    list_filter = ["kind", "state", "error_code", "requested_by"]
    search_fields = ["dataset_name", "error", "worker"]
    date_hierarchy = "requested_at"
    fields = [
        "version", "kind", "source", "rows", "state", "attempt", "worker", "requested_at", "requested_by", "started_at",
        "finished_at", "error", "error_code", "traceback", "metrics_text",
    ]  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request):
        return super().get_queryset(request).for_lists().select_related("dataset_version__dataset")


@admin.register(TrainingGroup)
class TrainingGroupAdmin(ReadOnlyAdmin):
    job_link, trials_link = link("job"), links("trials", "group__id__exact", "trials")
    list_display = [
        "__str__", "kind", "algorithm", "metric", "keep", "job_link", "n_trials", "time_budget_s", "trials_link",
    ]  # fmt: skip
    list_filter = ["kind", "metric", "keep"]
    search_fields = ["job__dataset_name", "algorithm"]

    def get_queryset(self, request):
        return super().get_queryset(request).for_list()


@admin.register(Trial)
class TrialAdmin(ReadOnlyAdmin):
    group_link, version = link("group"), link("model_version")
    list_display = ["__str__", "group_link", "algorithm", "state", "mean", "duration_s", "version", "error"]
    list_filter = ["state", "algorithm"]
    search_fields = ["group__job__dataset_name", "algorithm", "error"]

    def get_queryset(self, request):
        return super().get_queryset(request).with_versions().select_related("group__job")


@admin.register(MetricValue)
class MetricValueAdmin(ReadOnlyAdmin):
    version = link("model_version")
    list_display = ["version", "name", "value", "low", "high", "train"]
    list_filter = ["name"]
    search_fields = ["model_version__dataset__name", "name"]

    def get_queryset(self, request):
        columns = MODEL_VERSION_COLUMNS
        return super().get_queryset(request).select_related("model_version__dataset").defer(*columns)


@admin.register(VersionCounter)
class VersionCounterAdmin(ReadOnlyAdmin):
    list_display = ["dataset", "last"]
    list_select_related = ["dataset"]
    search_fields = ["dataset__name"]


@admin.register(ReleaseCounter)
class ReleaseCounterAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "number"]


@admin.register(ReleaseChange)
class ReleaseChangeAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "dataset_id", "number"]


@admin.register(Diagnostics)
class DiagnosticsAdmin(ReadOnlyAdmin):
    version_link = link("model_version")
    sections_text = readable("sections")
    list_display = ["__str__", "duration_s", "computed_at"]
    fields = readonly_fields = ["version_link", "duration_s", "computed_at", "sections_text"]

    def get_queryset(self, request):
        versions = super().get_queryset(request).select_related("model_version__dataset")
        is_list = request.resolver_match.url_name.endswith("_changelist")
        return versions.defer("background", *(["sections"] if is_list else []))


@admin.register(RegistryTag)
class RegistryTagAdmin(ReadOnlyAdmin):
    dataset_link, version_link = link("dataset"), link("model_version")
    list_display = ["__str__", "dataset_link", "version_link"]
    search_fields = ["dataset__name", "key", "value"]
    list_select_related = ["dataset", "model_version__dataset"]


@admin.register(Alias)
class AliasAdmin(ReadOnlyAdmin):
    dataset_link, version_link = link("dataset"), link("model_version")
    list_display = ["__str__", "dataset_link", "version_link"]
    search_fields = ["dataset__name", "name"]
    list_select_related = ["dataset", "model_version__dataset"]


@admin.register(MirroredVersion)
class MirroredVersionAdmin(ReadOnlyAdmin):
    version_link = link("model_version")
    list_display = ["__str__", "version_link", "run_id", "number", "finished_at", "tries", "due_at", "error"]
    list_filter = [("finished_at", admin.EmptyFieldListFilter)]
    search_fields = ["model_version__dataset__name", "run_id"]
    list_select_related = ["model_version__dataset"]


@admin.register(MirroredModel)
class MirroredModelAdmin(ReadOnlyAdmin):
    dataset_link = link("dataset")
    list_display = ["__str__", "dataset_link", "aliases", "tries", "due_at", "error"]
    search_fields = ["dataset__name"]
    list_select_related = ["dataset"]

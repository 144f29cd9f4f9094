from django.contrib import admin

from mlplatform.admin import ReadOnlyAdmin, link, readable
from registry.querysets import MODEL_VERSION_COLUMNS
from serving.models import CompatibilityCheck, ScoringJob, Verification


@admin.register(Verification)
class VerificationAdmin(ReadOnlyAdmin):
    version = link("model_version")
    golden_rows_text, predictions_text, probabilities_text = map(readable, Verification.LARGE)
    list_display = ["__str__", "version", "engine", "one_row_s", "thousand_rows_s", "memory_bytes", "reason"]
    list_filter = ["engine"]
    search_fields = ["model_version__dataset__name", "reason"]
    fields = [
        "version", "engine", "reason", "one_row_s", "thousand_rows_s", "memory_bytes", "golden_rows_text",
        "predictions_text", "probabilities_text",
    ]  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request):
        rows = super().get_queryset(request).select_related("model_version__dataset")
        return rows.defer(*Verification.LARGE, *MODEL_VERSION_COLUMNS)


@admin.register(CompatibilityCheck)
class CompatibilityCheckAdmin(ReadOnlyAdmin):
    version = link("model_version")
    list_display = ["__str__", "version", "scikit_learn", "state", "detail", "finished_at"]
    list_filter = ["state", "scikit_learn"]
    search_fields = ["model_version__dataset__name", "reason"]
    fields = [
        "version", "artifact_sha256", "libraries", "state", "engine", "row", "output", "expected", "got", "reason",
        "lease_expires_at", "finished_at",
    ]  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request):
        rows = super().get_queryset(request).select_related("model_version__dataset")
        return rows.defer(*MODEL_VERSION_COLUMNS)


@admin.register(ScoringJob)
class ScoringJobAdmin(ReadOnlyAdmin):
    version_link = link("model_version")
    input_warnings_text = readable("input_warnings")
    list_display = [
        "__str__", "state", "dataset_name", "stage", "version_link", "rows_done", "rows", "attempt", "requested_at",
        "requested_by", "finished_at",
    ]  # fmt: skip
    list_filter = ["state", "stage", "error_code", "requested_by"]
    search_fields = ["dataset_name", "filename", "error", "worker"]
    date_hierarchy = "requested_at"
    fields = [
        "dataset_name", "stage", "version", "version_link", "filename", "format", "input_size", "probabilities",
        "state", "progress", "rows", "rows_done", "input_warnings_text", "attempt", "worker", "heartbeat_at",
        "input_key", "result_key", "result_size", "requested_at", "requested_by", "started_at", "finished_at", "error",
        "error_code", "traceback",
    ]  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request):
        lists = super().get_queryset(request).select_related("model_version__dataset", "requested_by")
        return lists.defer("recipe", "traceback", *MODEL_VERSION_COLUMNS)

from django.contrib import admin

from catalog.derivation.models import Derivation, DerivationInput
from catalog.models import Dataset, DatasetVersion, Draft, ImportJob
from mlplatform.admin import ReadOnlyAdmin, link, links, readable


@admin.register(Dataset)
class DatasetAdmin(ReadOnlyAdmin):
    versions = links("versions", "dataset__id__exact", "versions")
    models = links("model_versions", "dataset__id__exact", "models")
    list_display = ["name", "description", "created_at", "created_by", "versions", "models"]
    list_select_related = ["created_by"]
    list_filter = ["created_by", "tags", "favourited_by"]
    search_fields = ["name", "description", "tags__name"]
    date_hierarchy = "created_at"


@admin.register(DatasetVersion)
class DatasetVersionAdmin(ReadOnlyAdmin):
    dataset_link = link("dataset")
    models = links("model_versions", "dataset_version__id__exact", "models")
    recipe_text, profile_text, warnings_text = readable("recipe"), readable("profile"), readable("warnings")
    corrections_text, findings_text = readable("corrections"), readable("findings")
    list_display = [
        "__str__", "dataset_link", "number", "format", "row_count", "column_count", "size_bytes", "created_at",
        "created_by", "models",
    ]  # fmt: skip
    list_filter = ["format", "created_by"]
    search_fields = ["dataset__name", "original_filename", "uri", "sha256"]
    date_hierarchy = "created_at"
    fields = [
        "dataset_link", "number", "original_filename", "uri", "key", "format", "row_count", "column_count",
        "size_bytes", "sha256", "example", "created_at", "created_by", "recipe_text", "corrections_text",
        "findings_text", "profile_text", "warnings_text",
    ]  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request):
        return super().get_queryset(request).for_lists()


@admin.register(Draft)
class DraftAdmin(ReadOnlyAdmin):
    corrections_text = readable("corrections")
    list_display = ["__str__", "filename", "size_bytes", "created_at", "created_by"]
    list_select_related = ["created_by"]
    list_filter = ["created_by"]
    search_fields = ["filename", "sha256"]
    date_hierarchy = "created_at"
    fields = [
        "filename",
        "uri",
        "key",
        "size_bytes",
        "sha256",
        "created_at",
        "created_by",
        "corrections_text",
    ]
    readonly_fields = fields

    def get_queryset(self, request):
        return super().get_queryset(request).defer("receipt")


@admin.register(ImportJob)
class ImportJobAdmin(ReadOnlyAdmin):
    version_link = link("dataset_version")
    list_display = [
        "__str__", "state", "name", "version_link", "size_bytes", "attempt", "requested_at", "requested_by",
        "finished_at",
    ]  # fmt: skip
    list_filter = ["state", "error_code", "requested_by"]
    search_fields = ["name", "filename", "error", "worker"]
    date_hierarchy = "requested_at"
    fields = [
        "name", "filename", "uri", "size_bytes", "new_version", "version_link", "is_new", "state", "progress",
        "attempt", "worker", "heartbeat_at", "memory_peak_bytes", "requested_at", "requested_by", "started_at",
        "finished_at", "error", "error_code", "error_fields", "log", "traceback",
    ]  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request):
        return super().get_queryset(request).for_lists()


@admin.register(Derivation)
class DerivationAdmin(ReadOnlyAdmin):
    version_link, job_link = link("dataset_version"), link("import_job")
    list_display = [
        "__str__",
        "version_link",
        "job_link",
        "is_volatile",
        "on_new_version",
        "created_at",
        "created_by",
    ]
    list_select_related = ["dataset_version__dataset", "import_job", "created_by"]
    list_filter = ["on_new_version", "is_volatile", "created_by"]
    search_fields = ["sql", "dataset_version__dataset__name", "inputs__dataset_name"]
    date_hierarchy = "created_at"
    fields = [
        "version_link", "job_link", "sql", "inputs_text", "is_volatile", "on_new_version", "created_at", "created_by",
        "digest",
    ]  # fmt: skip
    readonly_fields = fields

    @admin.display(description="Inputs")
    def inputs_text(self, row):
        return ", ".join(str(one) for one in row.inputs.all())


@admin.register(DerivationInput)
class DerivationInputAdmin(ReadOnlyAdmin):
    derivation_link, version_link = link("derivation"), link("version")
    list_display = ["__str__", "version_link", "derivation_link", "is_pinned"]
    list_select_related = ["derivation", "version__dataset"]
    list_filter = ["is_pinned"]
    search_fields = ["dataset_name"]
    fields = ["dataset_name", "version_number", "version_link", "is_pinned", "derivation_link"]
    readonly_fields = fields

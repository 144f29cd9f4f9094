"""The admin: read-only pages over the platform's tables, with links between them.

Nothing can be added, changed or deleted here. Changes go through the operations, which hold the rules.
"""

import json

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html

from mlplatform.idempotency.models import IdempotentRequest
from mlplatform.lists.models import SavedFilter
from mlplatform.metadata.models import Tag


class ReadOnlyAdmin(admin.ModelAdmin):
    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


def link(field: str, description: str = ""):
    """A column that links to the admin page of a related object."""

    @admin.display(description=description or field.replace("_", " "), ordering=field)
    def column(model_admin, row):
        related = getattr(row, field, None)
        if related is None:
            return "–"
        meta = related._meta
        url = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[related.pk])
        return format_html('<a href="{}">{}</a>', url, related)

    return column


def links(related_name: str, parameter: str, description: str):
    """A column that links to the admin list of the objects that reference this row."""

    @admin.display(description=description)
    def column(model_admin, row):
        meta = getattr(row, related_name).model._meta
        url = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
        return format_html('<a href="{}?{}={}">{}</a>', url, parameter, row.pk, description)

    return column


def readable(field: str):
    """A column that shows a JSON field, indented."""

    @admin.display(description=field.replace("_", " "))
    def column(model_admin, row):
        text = json.dumps(getattr(row, field), indent=2, ensure_ascii=False)
        return format_html("<pre>{}</pre>", text if len(text) < 20_000 else text[:20_000] + " …")

    return column


@admin.register(IdempotentRequest)
class IdempotentRequestAdmin(ReadOnlyAdmin):
    list_display = ["key", "user", "operation", "created_at", "status", "result_model", "result_id"]
    list_select_related = ["user"]
    list_filter = ["operation", "status"]
    search_fields = ["key", "user__username"]
    date_hierarchy = "created_at"


@admin.register(Tag)
class TagAdmin(ReadOnlyAdmin):
    list_display = ["name"]
    search_fields = ["name"]


@admin.register(SavedFilter)
class SavedFilterAdmin(ReadOnlyAdmin):
    list_display = ["name", "user", "page", "query"]
    list_select_related = ["user"]
    list_filter = ["page", "user"]
    search_fields = ["name", "query", "user__username"]

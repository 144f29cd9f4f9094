"""The API of import jobs."""

import django_filters
from django.core.exceptions import ValidationError
from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.response import Response

from catalog.imports import confirmation
from catalog.models import ImportJob
from mlplatform.errors import Conflict, NotFound, NotReady, TooLarge, UnsupportedType, body_of
from mlplatform.jobs import waiting
from mlplatform.jobs.cancel_api import CancelView, cancels
from mlplatform.jobs.state_filter import StateFilter
from mlplatform.lists.list_api import ListAPIView
from mlplatform.openapi import ErrorSerializer
from mlplatform.validation.api_views import APIView
from mlplatform.validation.filters import FilterSet

# By the error code of a job, for uploads that wait for it. Any other failure is a fault of the file.
FAILURES = waiting.FAILURES | {
    "dataset_exists": Conflict, "busy": Conflict, "cancelled": Conflict, "draft_not_found": NotFound,
    "out_of_memory": TooLarge, "timed_out": TooLarge, "too_large": TooLarge, "unsupported_type": UnsupportedType,
    "process_died": NotReady, "lost": NotReady, "database_unavailable": NotReady, "storage_missing": NotReady,
    "object_changed": Conflict, "storage_forbidden": NotReady, "storage_unavailable": NotReady,
}  # fmt: skip


def failure(job: ImportJob) -> ValidationError:
    """The error of a job that has failed, by field of its request if it is about its recipe or query."""
    if not job.error_fields:
        return waiting.failure(job, ValidationError, FAILURES)
    within = "" if job.derivation_id or job.uri else "recipe."
    return ValidationError(
        {
            f"{within}{path}": [ValidationError(sentence, code=job.error_code) for sentence in sentences]
            for path, sentences in job.error_fields.items()
        }
    )


class QueuedImportSerializer(serializers.Serializer):
    """The response to an upload whose import has not finished yet."""

    job = serializers.IntegerField(source="pk")
    state = serializers.CharField()
    url = serializers.SerializerMethodField()

    def get_url(self, job) -> str:
        return reverse("api-import", args=[job.pk])


class ImportJobSerializer(serializers.ModelSerializer):
    """A request to add an uploaded file to the catalog; `version` is set once it has succeeded."""

    url = serializers.SerializerMethodField()
    dataset = serializers.CharField(source="name")
    version = serializers.IntegerField(source="dataset_version.number", default=None, allow_null=True)
    error = serializers.SerializerMethodField()
    requested_by = serializers.CharField(source="requested_by.username", default=None, allow_null=True)

    class Meta:
        model = ImportJob
        fields = [
            "id", "url", "state", "progress", "filename", "uri", "size_bytes", "dataset", "version", "error", "attempt",
            "memory_peak_bytes", "requested_by", "requested_at", "started_at", "finished_at",
        ]  # fmt: skip

    def get_url(self, job) -> str:
        return reverse("api-import", args=[job.pk])

    @extend_schema_field(ErrorSerializer(allow_null=True))
    def get_error(self, job):
        return body_of(failure(job)) if job.error_code else None


QUEUED_EXAMPLE = {"job": 1, "state": "running", "url": "/imports/1"}
JOB_EXAMPLE = {
    "id": 1,
    "url": "/imports/1",
    "state": "succeeded",
    "progress": 1.0,
    "filename": "trips.csv",
    "uri": "",
    "size_bytes": 1_060_000_000,
    "dataset": "trips",
    "version": 1,
    "error": None,
    "attempt": 1,
    "memory_peak_bytes": 420_000_000,
    "requested_by": "admin",
    "requested_at": "2026-11-24T10:00:00Z",
    "started_at": "2026-11-24T10:00:01Z",
    "finished_at": "2026-11-24T10:01:12Z",
}


def queued(job: ImportJob) -> Response:
    body = QueuedImportSerializer(job).data
    return Response(body, status=202, headers={"Location": body["url"]})


class ImportJobFilter(FilterSet):
    dataset = django_filters.CharFilter(field_name="name", label="Dataset")
    state = StateFilter()

    class Meta:
        model = ImportJob
        fields = ["dataset", "state"]


@extend_schema_view(
    get=extend_schema(operation_id="list_imports", summary="List import jobs", tags=["datasets"])
)
class ImportJobListView(ListAPIView):
    queryset = ImportJob.objects.for_lists()
    serializer_class = ImportJobSerializer
    filterset_class = ImportJobFilter


class ImportJobView(APIView):
    serializer_class = ImportJobSerializer

    @extend_schema(
        operation_id="get_import",
        summary="Get an import job",
        tags=["datasets"],
        responses={
            200: ImportJobSerializer,
            401: ErrorSerializer,
            403: ErrorSerializer,
            404: ErrorSerializer,
        },
        examples=[OpenApiExample("One gigabyte", JOB_EXAMPLE, response_only=True, status_codes=["200"])],
    )
    def get(self, request, pk):
        return Response(ImportJobSerializer(ImportJob.objects.for_lists().numbered(pk)).data)


@cancels(
    "an import job",
    name="import",
    tag="datasets",
    description="A queued job never starts; a running job stops within seconds. Nothing is added to the catalog.",
)
class CancelImportJobView(CancelView):
    serializer_class = ImportJobSerializer

    def cancel(self, pk, *, by):
        return confirmation.cancel(ImportJob.objects.for_lists().numbered(pk), by=by)

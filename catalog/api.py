"""The API of the catalog: upload, list, download and delete datasets."""

from django.core.exceptions import ValidationError
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.response import Response

from catalog import files
from catalog.discovery import metadata
from catalog.filters import DatasetFilter
from catalog.imports import upload
from catalog.imports.api import FAILURES, QUEUED_EXAMPLE, QueuedImportSerializer, queued
from catalog.models import Dataset, DatasetVersion, ImportJob
from mlplatform import storage
from mlplatform.errors import NotFound
from mlplatform.idempotency.replay import idempotent
from mlplatform.jobs import waiting
from mlplatform.jobs.models import JobState
from mlplatform.metadata import tags
from mlplatform.openapi import ErrorSerializer
from mlplatform.pagination import BeginningField
from mlplatform.validation.api_views import APIView, ListAPIView
from mlplatform.validation.parsers import MultiPartParser
from mlplatform.validation.serializers import Serializer, VersionField
from mlplatform.web import download

VERSION = OpenApiParameter("version", int, description="A version number; defaults to the latest.")


class ColumnSerializer(serializers.Serializer):
    name = serializers.CharField()
    type = serializers.ChoiceField(["integer", "number", "boolean", "text", "date"])
    nullable = serializers.BooleanField()


class DatasetRowSerializer(serializers.ModelSerializer):
    """A row of the list of datasets: the latest version, without its columns, of which there can be thousands."""

    id = serializers.IntegerField(source="dataset_id")
    name = serializers.CharField(source="dataset.name")
    description = BeginningField(source="dataset.description")
    tags = serializers.SlugRelatedField("name", source="dataset.tags", many=True, read_only=True)
    version = serializers.IntegerField(source="number")
    location = serializers.CharField()
    rows = serializers.IntegerField(source="row_count")
    created_by = serializers.CharField(source="created_by.username", default=None, allow_null=True)
    example = serializers.SerializerMethodField(
        help_text="The scikit-learn example that the file contains, if any."
    )

    class Meta:
        model = DatasetVersion
        fields = [
            "id", "name", "description", "tags", "version", "location", "format", "rows", "column_count",
            "size_bytes", "sha256", "created_at", "created_by", "example",
        ]  # fmt: skip

    def get_example(self, version) -> str | None:
        return version.example or None


class DatasetSerializer(DatasetRowSerializer):
    """A dataset with the properties of one of its versions."""

    description = serializers.CharField(source="dataset.description")
    columns = ColumnSerializer(many=True)

    class Meta(DatasetRowSerializer.Meta):
        fields = [*DatasetRowSerializer.Meta.fields, "columns"]


class MetadataSerializer(Serializer):
    """A change of what people write about a dataset; a field that is not sent stays as it is."""

    description = serializers.CharField(
        required=False, allow_blank=True, max_length=10_000, help_text="In Markdown."
    )
    tags = serializers.ListField(child=serializers.CharField(), required=False, help_text=tags.RULE)


class UploadSerializer(Serializer):
    file = serializers.FileField(allow_empty_file=True, max_length=255)
    name = serializers.CharField(required=False, allow_blank=True, max_length=255, default="")
    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000, default="")
    new_version = serializers.BooleanField(
        default=False, help_text="Add the file as a new version of an existing dataset."
    )


class UploadView(APIView):
    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="upload_dataset",
        summary="Upload a dataset",
        description="Accepts CSV, TSV, Parquet and JSON lines, optionally compressed: gzip, bzip2, xz, zstd, or a ZIP "
        "archive of one file. The name defaults to the file name. A file above 16 MB (`IMPORT_INLINE_MB`), or one that "
        "takes more than 15 seconds to read, is read by a worker: the call waits up to 25 seconds for it, `Prefer: "
        "wait=N` up to N seconds, at most 60, and then answers 202 with the job.",
        tags=["datasets"],
        parameters=[waiting.PREFER],
        request={"multipart/form-data": UploadSerializer},
        responses={
            201: DatasetSerializer,
            200: OpenApiResponse(DatasetSerializer, "The dataset already has a version with the same bytes."),
            202: QueuedImportSerializer, 400: ErrorSerializer, 401: ErrorSerializer, 403: ErrorSerializer,
            404: ErrorSerializer, 409: ErrorSerializer, 413: ErrorSerializer, 415: ErrorSerializer,
            503: ErrorSerializer, 507: ErrorSerializer,
        },
        examples=[OpenApiExample("A large file", QUEUED_EXAMPLE, response_only=True, status_codes=["202"])],
    )  # fmt: skip
    @idempotent
    def post(self, request):
        fields = UploadSerializer.validated(request.data)
        file = fields.pop("file")
        added = upload.add_dataset(file, filename=file.name, by=request.user, **fields)
        if isinstance(added, ImportJob):
            return self.respond(request, added)
        return self.described(*added)

    def respond(self, request, result: DatasetVersion | ImportJob) -> Response:
        if isinstance(result, DatasetVersion):
            return self.described(result, True)
        waiting.wait(request, result)
        if result.state == JobState.SUCCEEDED:
            if result.dataset_version is None:
                raise NotFound(
                    f"The dataset version of import job {result.pk} was deleted.", code="result_deleted"
                )
            return self.described(result.dataset_version, result.is_new)
        if result.is_finished:
            raise waiting.failure(result, ValidationError, FAILURES)
        return queued(result)

    def described(self, version: DatasetVersion, is_new: bool) -> Response:
        return Response(DatasetSerializer(version).data, status=201 if is_new else 200)


@extend_schema_view(
    get=extend_schema(operation_id="list_datasets", summary="List datasets", tags=["datasets"])
)
class DatasetListView(ListAPIView):
    queryset = DatasetVersion.objects.newest().for_lists().with_tags()
    serializer_class = DatasetRowSerializer
    filterset_class = DatasetFilter


class DatasetView(APIView):
    serializer_class = DatasetSerializer
    query_parameters = ("version",)

    @extend_schema(
        operation_id="get_dataset",
        summary="Get a dataset",
        tags=["datasets"],
        parameters=[VERSION],
        responses={200: DatasetSerializer, 404: ErrorSerializer},
    )
    def get(self, request, name):
        return Response(DatasetSerializer(requested_version(request, name)).data)

    @extend_schema(
        operation_id="edit_dataset",
        summary="Edit the description and the tags of a dataset",
        tags=["datasets"],
        request=MetadataSerializer,
        responses={200: DatasetSerializer, 400: ErrorSerializer, 403: ErrorSerializer, 404: ErrorSerializer},
    )
    def patch(self, request, name):
        dataset = Dataset.objects.named(name)
        fields = MetadataSerializer.validated(request.data)
        return Response(DatasetSerializer(metadata.edit(dataset, by=request.user, **fields).version()).data)

    @extend_schema(
        operation_id="delete_dataset",
        summary="Delete a dataset and its files",
        tags=["datasets"],
        responses={204: None, 403: ErrorSerializer, 404: ErrorSerializer, 409: ErrorSerializer},
    )
    def delete(self, request, name):
        upload.delete_dataset(Dataset.objects.named(name), by=request.user)
        return Response(status=204)


class DatasetFileView(APIView):
    query_parameters = ("version", "spreadsheet")

    @extend_schema(
        operation_id="download_dataset",
        summary="Download the uploaded file",
        description=download.DESCRIPTION,
        tags=["datasets"],
        parameters=[VERSION, download.SPREADSHEET, *download.PARAMETERS],
        responses={
            (200, "application/octet-stream"): OpenApiTypes.BINARY,
            **download.RESPONSES,
            404: ErrorSerializer,
            503: ErrorSerializer,
        },
    )
    def get(self, request, name):
        version = requested_version(request, name)
        if download.wants_spreadsheet(request):
            return download.for_spreadsheet(files.for_spreadsheet(version), f"{version.dataset.name}.csv")
        stored = storage.StoredFile(
            store=storage.datasets(),
            key=version.key,
            size=version.size_bytes,
            etag=version.sha256,
            filename=version.filename,
            open_verified=lambda: files.open_version(version),
        )
        return download.respond(request, stored)


class VersionQuery(Serializer):
    version = VersionField(required=False, default=None)
    spreadsheet = serializers.BooleanField(default=False)


def requested_version(request, name: str) -> DatasetVersion:
    return Dataset.objects.named(name).version(VersionQuery.validated(request.query_params)["version"])

"""The API of the catalog: upload, list, download and delete datasets."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.response import Response

from catalog import files
from catalog.discovery import metadata
from catalog.filters import DatasetFilter
from catalog.imports import upload
from catalog.imports.representations import DatasetRowSerializer, DatasetSerializer
from catalog.models import Dataset, DatasetVersion
from catalog.readers import spreadsheet
from mlplatform.lists import csv_export
from mlplatform.lists.list_api import ListAPIView
from mlplatform.metadata import tags
from mlplatform.metadata.favourite_api import FavouriteView, described_as
from mlplatform.openapi import ErrorSerializer
from mlplatform.validation.api_views import APIView
from mlplatform.validation.serializers import Serializer, VersionField
from mlplatform.web import download

FORMAT = OpenApiParameter(
    "format",
    str,
    enum=["stored", "csv", "parquet"],
    description="The uploaded bytes, by default; the table as clean CSV (UTF-8, commas, decimal points, ISO dates); or "
    "as typed Parquet.",
)
VERSION = OpenApiParameter("version", int, description="A version number; defaults to the latest.")


class MetadataSerializer(Serializer):
    """A change of what people write about a dataset; a field that is not sent stays as it is."""

    description = serializers.CharField(
        required=False, allow_blank=True, max_length=10_000, help_text="In Markdown."
    )
    tags = serializers.ListField(child=serializers.CharField(), required=False, help_text=tags.RULE)


@extend_schema_view(
    get=extend_schema(operation_id="list_datasets", summary="List datasets", tags=["datasets"])
)
class DatasetListView(ListAPIView):
    queryset = DatasetVersion.objects.newest()
    serializer_class = DatasetRowSerializer
    filterset_class = DatasetFilter

    def get_queryset(self):
        return super().get_queryset().for_list_of(self.request.user)


@extend_schema_view(
    get=extend_schema(
        operation_id="list_dataset_versions", summary="List the versions of a dataset", tags=["datasets"]
    )
)
class DatasetVersionListView(ListAPIView):
    serializer_class = DatasetRowSerializer

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return DatasetVersion.objects.none()
        return Dataset.objects.named(self.kwargs["name"]).versions.for_list_of(self.request.user)


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


@described_as("dataset", name="dataset", tag="datasets")
class FavouriteDatasetView(FavouriteView):
    def get_owner(self, name):
        return Dataset.objects.named(name)


class DatasetFileView(APIView):
    query_parameters = ("version", "format", "spreadsheet")

    @extend_schema(
        operation_id="download_dataset",
        summary="Download a dataset",
        description=download.DESCRIPTION,
        tags=["datasets"],
        parameters=[VERSION, FORMAT, download.SPREADSHEET, *download.PARAMETERS],
        responses={
            (200, "application/octet-stream"): OpenApiTypes.BINARY,
            **download.RESPONSES,
            404: ErrorSerializer,
            503: ErrorSerializer,
        },
    )
    def get(self, request, name):
        version = requested_version(request, name)
        form = VersionQuery.validated(request.query_params)["format"]
        is_for_spreadsheet = download.wants_spreadsheet(request)
        filename = f"{version.dataset.name}.csv"
        if form == "csv":
            blocks = files.as_csv(version, for_spreadsheet=is_for_spreadsheet)
            return csv_export.download(blocks, filename)
        if is_for_spreadsheet:
            spreadsheet.check(version.format if form == "stored" else form)
            return csv_export.download(files.for_spreadsheet(version), filename)
        stored = files.typed_copy(version) if form == "parquet" else files.uploaded(version)
        return download.respond(request, stored)


class VersionQuery(Serializer):
    version = VersionField(required=False, default=None)
    format = serializers.ChoiceField(["stored", "csv", "parquet"], default="stored")
    spreadsheet = serializers.BooleanField(default=False)


def requested_version(request, name: str) -> DatasetVersion:
    return Dataset.objects.named(name).version(VersionQuery.validated(request.query_params)["version"])

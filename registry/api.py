"""The API of model versions."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.response import Response

from mlplatform import storage
from mlplatform.lists.list_api import ListAPIView
from mlplatform.metadata import tags
from mlplatform.metadata.favourite_api import FavouriteView, described_as
from mlplatform.openapi import ErrorSerializer
from mlplatform.validation.api_views import APIView
from mlplatform.validation.serializers import Serializer
from mlplatform.web import download
from registry import artifacts
from registry.discovery import leaderboard, metadata
from registry.evaluation import definitions
from registry.filters import ModelFilter
from registry.models import ModelVersion
from registry.releases import deletion
from registry.serializers import (
    ModelRowSerializer,
    ModelSerializer,
)


class TagsSerializer(Serializer):
    tags = serializers.ListField(child=serializers.CharField(), help_text=tags.RULE)


@extend_schema_view(
    get=extend_schema(
        operation_id="list_models",
        summary="List model versions",
        description="Ordered by a metric, versions of one dataset, task and target follow each other, since other "
        "metrics cannot be compared: filter by `dataset` and `target` for a leaderboard. `train_accuracy` is that of "
        "the training rows, `interval_accuracy` the worse end of the 95 % interval.",
        tags=["models"],
    )
)
class ModelListView(ListAPIView):
    queryset = ModelVersion.objects.all()
    serializer_class = ModelRowSerializer
    filterset_class = ModelFilter

    def get_queryset(self):
        metrics = leaderboard.metrics_of(self.request.query_params.get("ordering", ""))
        if self.is_export:
            metrics = definitions.BY_NAME
        return ModelVersion.objects.for_list_of(self.request.user, metrics)

    def csv_row(self, row):
        """With a column for each metric and each end of its interval."""
        cells = {name: value for name, value in row.items() if name not in {"metrics", "intervals"}}
        for name in definitions.BY_NAME:
            low, high = (row["intervals"] or {}).get(name) or (None, None)
            cells |= {name: (row["metrics"] or {}).get(name), f"{name}_low": low, f"{name}_high": high}
        return cells


class ModelView(APIView):
    serializer_class = ModelSerializer

    @extend_schema(
        operation_id="get_model",
        summary="Get a model version",
        tags=["models"],
        responses={200: ModelSerializer, 404: ErrorSerializer},
    )
    def get(self, request, dataset, version):
        return Response(ModelSerializer(ModelVersion.objects.numbered(dataset, version)).data)

    @extend_schema(
        operation_id="edit_model",
        summary="Edit the tags of a model version",
        tags=["models"],
        request=TagsSerializer,
        responses={200: ModelSerializer, 400: ErrorSerializer, 403: ErrorSerializer, 404: ErrorSerializer},
    )
    def patch(self, request, dataset, version):
        model = ModelVersion.objects.numbered(dataset, version)
        fields = TagsSerializer.validated(request.data)
        metadata.edit(model, by=request.user, **fields)
        return Response(ModelSerializer(model).data)

    @extend_schema(
        operation_id="delete_model",
        summary="Delete a model version and its artifacts",
        description="Its releases stay in the history. If it is live in dev, dev goes back to the release before, or "
        "serves nothing if there is none: `deletion` of the version says which.",
        tags=["models"],
        responses={204: None, 403: ErrorSerializer, 404: ErrorSerializer, 409: ErrorSerializer},
    )
    def delete(self, request, dataset, version):
        deletion.delete_version(ModelVersion.objects.numbered(dataset, version), by=request.user)
        return Response(status=204)


@described_as("model version", name="model", tag="models")
class FavouriteModelView(FavouriteView):
    def get_owner(self, dataset, version):
        return ModelVersion.objects.numbered(dataset, version)


class ArtifactView(APIView):
    @extend_schema(
        operation_id="download_artifact",
        summary="Download an artifact",
        description="A joblib file with a scikit-learn pipeline. Loading runs code: load only what you trust. "
        f"{download.DESCRIPTION}",
        tags=["models"],
        parameters=download.PARAMETERS,
        responses={
            (200, "application/octet-stream"): OpenApiTypes.BINARY, **download.RESPONSES, 404: ErrorSerializer,
            503: ErrorSerializer,
        },
    )  # fmt: skip
    def get(self, request, dataset, version):
        model = ModelVersion.objects.numbered(dataset, version)
        key = model.release.key
        stored = storage.StoredFile(
            store=storage.models(),
            key=key,
            size=model.artifact_size,
            etag=model.artifact_sha256,
            filename=model.model_file,
            open_verified=lambda: artifacts.open_verified(model, key),
        )
        return download.respond(request, stored)

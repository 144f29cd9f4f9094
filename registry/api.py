"""The API of model versions."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from mlplatform import storage
from mlplatform.openapi import ErrorSerializer
from mlplatform.validation.api_views import APIView, ListAPIView
from mlplatform.web import download
from registry import artifacts
from registry.discovery import leaderboard
from registry.filters import ModelFilter
from registry.models import ModelVersion
from registry.releases import deletion
from registry.serializers import (
    ModelRowSerializer,
    ModelSerializer,
)

# The schema of the calls that train.


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
    queryset = ModelVersion.objects.for_list()
    serializer_class = ModelRowSerializer
    filterset_class = ModelFilter

    def get_queryset(self):
        return ModelVersion.objects.for_list(
            leaderboard.metrics_of(self.request.query_params.get("ordering", ""))
        )


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

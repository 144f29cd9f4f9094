"""The API of evaluations on other data."""

from django.core.exceptions import ValidationError
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from catalog.models import Dataset
from mlplatform.idempotency.replay import idempotent
from mlplatform.jobs import waiting
from mlplatform.jobs.cancel_api import CancelView, cancels
from mlplatform.jobs.models import JobState
from mlplatform.lists.list_api import ListAPIView
from mlplatform.openapi import ErrorSerializer
from mlplatform.validation.api_views import APIView
from mlplatform.validation.serializers import Serializer, VersionField
from registry.diagnostics import fairness
from registry.diagnostics import page as diagnostics
from registry.diagnostics.schema import DiagnosticsSerializer, FairnessSerializer
from registry.evaluation import definitions
from registry.fields import MetricsField, NameField
from registry.jobs import evaluation as evaluating
from registry.jobs.filters import EvaluationFilter
from registry.models import Evaluation, ModelVersion


class EvaluateSerializer(Serializer):
    dataset_name = NameField(required=False, allow_null=True, default=None)
    dataset_version = VersionField(required=False, allow_null=True, default=None)


class EvaluationRowSerializer(serializers.ModelSerializer):
    """A model version that is measured on a dataset version; it has metrics once it has succeeded."""

    url = serializers.SerializerMethodField()
    model = serializers.CharField(source="model_version.dataset.name", help_text="The dataset of the model.")
    version = serializers.IntegerField(source="model_version.number")
    dataset = serializers.CharField(source="dataset_name")
    dataset_version = serializers.IntegerField(source="number")
    metrics = serializers.SerializerMethodField()
    requested_by = serializers.CharField(source="requested_by.username", default=None, allow_null=True)
    error = serializers.SerializerMethodField()

    class Meta:
        model = Evaluation
        fields = [
            "id", "url", "kind", "state", "model", "version", "dataset", "dataset_version", "rows", "metrics", "error",
             "requested_by", "requested_at", "started_at", "finished_at",
        ]  # fmt: skip

    def get_url(self, evaluation) -> str:
        return reverse("api-evaluation", args=[evaluation.pk])

    @extend_schema_field(serializers.DictField(child=serializers.FloatField()))
    def get_metrics(self, evaluation):
        values = {name: getattr(evaluation, f"metric_{name}") for name in definitions.BY_NAME}
        return definitions.numbers(values)

    @extend_schema_field(ErrorSerializer(allow_null=True))
    def get_error(self, evaluation):
        if not evaluation.error:
            return None
        return {"detail": evaluation.error, "code": evaluation.error_code, "fields": {}}


class EvaluationSerializer(EvaluationRowSerializer):
    """An evaluation with all its metrics, intervals and warnings."""

    metrics = MetricsField()

    class Meta(EvaluationRowSerializer.Meta):
        fields = [*EvaluationRowSerializer.Meta.fields, "warnings"]


class EvaluateView(APIView):
    @extend_schema(
        operation_id="evaluate_model",
        summary="Measure a model version on other data",
        description="On another version of its dataset, or of a dataset with the same columns (`dataset_name`); the "
        "latest by default. Waits as `POST /train`, and returns 201 with the metrics, or 202 with the queued "
        "evaluation.",
        tags=["models"],
        parameters=[waiting.PREFER],
        request=EvaluateSerializer,
        responses={
            201: EvaluationSerializer, 202: EvaluationSerializer, 400: ErrorSerializer, 403: ErrorSerializer,
            404: ErrorSerializer, 409: ErrorSerializer, 503: ErrorSerializer, 507: ErrorSerializer,
        },
    )  # fmt: skip
    @idempotent
    def post(self, request, dataset, version):
        data = EvaluateSerializer.validated(request.data)
        model = ModelVersion.objects.numbered(dataset, version)
        source = Dataset.objects.named(data["dataset_name"] or model.dataset.name).version(
            data["dataset_version"]
        )
        return waited_for(request, evaluating.submit(model, source, by=request.user))


def waited_for(request, evaluation: Evaluation) -> Response:
    waiting.wait(request, evaluation)
    if evaluation.is_finished and evaluation.state != JobState.SUCCEEDED:
        raise waiting.failure(evaluation, ValidationError)
    body = EvaluationSerializer(evaluation).data
    if evaluation.is_finished:
        return Response(body, status=201)
    return Response(body, status=202, headers={"Location": body["url"]})


# The description of a call without a body that submits a job about a version.
COMPUTES = {
    "tags": ["models"],
    "parameters": [waiting.PREFER],
    "request": None,
    "responses": {
        **dict.fromkeys((201, 202), EvaluationSerializer),
        **dict.fromkeys((400, 403, 404, 503, 507), ErrorSerializer),
    },
}


class DiagnosticsView(APIView):
    methods_without_body = ("POST",)

    @extend_schema(
        operation_id="get_diagnostics",
        summary="Get the diagnostics of a model version",
        tags=["models"],
        responses={200: DiagnosticsSerializer, 404: ErrorSerializer},
    )
    def get(self, request, dataset, version):
        model = ModelVersion.objects.numbered(dataset, version)
        return Response(DiagnosticsSerializer(diagnostics.computed(model)).data)

    @extend_schema(
        operation_id="compute_diagnostics",
        summary="Compute the diagnostics of a model version",
        description="On the held-out rows of its training, whose split is repeated. A training computes them itself: "
        "this is for versions that have none, and to compute them again. Waits as `POST /train`, and returns 201, or "
        "202 with the queued job.",
        **COMPUTES,
    )
    def post(self, request, dataset, version):
        model = ModelVersion.objects.numbered(dataset, version)
        return waited_for(
            request, evaluating.submit_repeated(model, Evaluation.Kind.DIAGNOSTICS, by=request.user)
        )


class EvaluationListView(ListAPIView):
    serializer_class = EvaluationRowSerializer
    filterset_class = EvaluationFilter

    @extend_schema(
        operation_id="list_evaluations", summary="List the evaluations of a model version", tags=["models"]
    )
    def get(self, request, *args, **kwargs):
        return super().get(request, *args, **kwargs)

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return Evaluation.objects.none()
        model = ModelVersion.objects.numbered(self.kwargs["dataset"], self.kwargs["version"])
        return Evaluation.objects.for_lists().filter(model_version=model, kind=Evaluation.Kind.OTHER_DATA)


class EvaluationView(APIView):
    @extend_schema(
        operation_id="get_evaluation",
        summary="Get an evaluation",
        tags=["models"],
        responses={200: EvaluationSerializer, 404: ErrorSerializer},
    )
    def get(self, request, pk):
        return Response(EvaluationSerializer(Evaluation.objects.for_lists().numbered(pk)).data)


@cancels(
    "an evaluation",
    name="evaluation",
    tag="models",
    description="A queued one never starts; a running one stops within seconds.",
)
class CancelEvaluationView(CancelView):
    serializer_class = EvaluationSerializer

    def cancel(self, pk, *, by):
        return evaluating.cancel(Evaluation.objects.for_lists().numbered(pk), by=by)


class FairnessView(APIView):
    query_parameters = ("by", "class")
    list_parameters = ("by",)

    @extend_schema(
        operation_id="compare_groups",
        summary="Compare how a classifier treats groups of rows",
        description="Of its held-out rows, by the values of input columns; from the slices of its diagnostics.",
        tags=["models"],
        parameters=[
            OpenApiParameter(
                "by",
                {
                    "type": "array",
                    "items": {"type": "string"},
                    "minItems": 1,
                    "maxItems": fairness.MAX_COLUMNS,
                },
                required=True,
                description="The columns: `by=sex&by=region`.",
            ),
            OpenApiParameter("class", str, description="The class that counts; the last one by default."),
        ],
        responses={200: FairnessSerializer, 400: ErrorSerializer, 404: ErrorSerializer},
    )
    def get(self, request, dataset, version):
        sections = diagnostics.computed(ModelVersion.objects.numbered(dataset, version)).sections
        query = request.query_params
        compared = fairness.compare(sections, by=query.getlist("by"), positive=query.get("class"))
        return Response(FairnessSerializer(compared).data)

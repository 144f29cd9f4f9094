"""The API of releases: promote, roll back, retire."""

from django.core.exceptions import ValidationError
from drf_spectacular.utils import (
    OpenApiExample,
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_field,
)
from rest_framework import serializers
from rest_framework.response import Response

from catalog.models import Dataset
from mlplatform.errors import NotReady
from mlplatform.idempotency.replay import idempotent
from mlplatform.openapi import DATASET, ErrorSerializer
from mlplatform.validation.api_views import APIView
from mlplatform.validation.serializers import Serializer, VersionField
from registry.comparison import predictions
from registry.comparison.differences import BETTER, NOT_COMPARABLE, UNCLEAR, WORSE, Replacement
from registry.comparison.schema import ChangedPredictionsSerializer, SpeedSerializer
from registry.fields import NameField
from registry.models import ModelVersion, Release, Stage
from registry.releases import promotion, usage


class PromoteSerializer(Serializer):
    dataset_name = NameField()
    version = VersionField()
    target_stage = serializers.CharField(max_length=20, help_text="`staging` or `production`")
    comment = serializers.CharField(required=False, allow_blank=True, default="", max_length=10_000)
    dry_run = serializers.BooleanField(
        default=False, help_text="Change nothing, and return what the promotion would change."
    )
    allow_signature_change = serializers.BooleanField(
        default=False,
        help_text="Promote although requests of callers can break: another target, other classes or other columns.",
    )


class MetricDifferenceSerializer(serializers.Serializer):
    metric = serializers.CharField(source="metric.name")
    better = serializers.ChoiceField(["higher", "lower"], source="metric.better")
    live = serializers.FloatField(allow_null=True)
    coming = serializers.FloatField(allow_null=True)
    live_interval = serializers.ListField(child=serializers.FloatField(), allow_null=True)
    coming_interval = serializers.ListField(child=serializers.FloatField(), allow_null=True)
    verdict = serializers.ChoiceField(
        [BETTER, WORSE, UNCLEAR, NOT_COMPARABLE],
        help_text="Of the new version; clear if the intervals do not overlap. Versions with another target are not "
        "comparable: each has its own metrics, null for those that it lacks.",
    )


class UsageSerializer(serializers.Serializer):
    """The predictions of a stage in the last 24 hours."""

    requests = serializers.IntegerField(help_text="All of them.")
    rows = serializers.IntegerField(help_text="That were predicted.")
    rejected = serializers.IntegerField(help_text="Invalid requests.")
    failed = serializers.IntegerField(help_text="Requests that the platform could not answer.")
    input_warnings = serializers.IntegerField()


class PromotionPlanSerializer(serializers.Serializer):
    """The response to a dry run of a promotion."""

    dataset = serializers.CharField(source="coming.dataset.name")
    version = serializers.IntegerField(source="coming.number")
    replaces = serializers.IntegerField(
        source="live.number", default=None, allow_null=True, help_text="The live version; null if none is."
    )
    breaking_changes = serializers.ListField(
        child=serializers.CharField(), help_text="What can break the requests of callers."
    )
    same_test_rows = serializers.BooleanField(
        source="has_same_test_rows", help_text="Whether both versions were measured on the same rows."
    )
    metrics = MetricDifferenceSerializer(many=True)
    usage = serializers.SerializerMethodField()
    speed = SpeedSerializer(source="coming.verification", default=None, allow_null=True)
    live_speed = SpeedSerializer(source="live.verification", default=None, allow_null=True)
    predictions = serializers.SerializerMethodField()

    @extend_schema_field(UsageSerializer)
    def get_usage(self, replacement) -> dict:
        return UsageSerializer(usage.of_stage(replacement.coming.dataset, self.context["stage"])).data

    @extend_schema_field(ChangedPredictionsSerializer(allow_null=True))
    def get_predictions(self, replacement) -> dict | None:
        if not replacement.is_comparable:
            return None
        try:
            changed = predictions.compare(replacement.live, replacement.coming)
        except NotReady:
            raise
        except ValidationError:
            return None
        return ChangedPredictionsSerializer(changed).data


class RollbackSerializer(Serializer):
    dataset_name = NameField()
    environment = serializers.CharField(max_length=20, help_text="`dev`, `staging` or `production`")
    to_version = VersionField(required=False, allow_null=True, default=None)
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=10_000)


class ReleaseSerializer(serializers.ModelSerializer):
    """The response to a promotion or rollback."""

    message = serializers.SerializerMethodField()
    model_name = serializers.SerializerMethodField()
    dataset = serializers.CharField(source="dataset.name")
    version = serializers.IntegerField(source="number")
    environment = serializers.ChoiceField(Stage.choices, source="stage")
    artifact_path = serializers.CharField()
    promoted_at = serializers.DateTimeField(source="started_at")

    class Meta:
        model = Release
        fields = [
            "message",
            "model_name",
            "dataset",
            "version",
            "environment",
            "artifact_path",
            "promoted_at",
        ]

    def get_message(self, release) -> str:
        return f"Version {release.number} of `{release.dataset.name}` is live in {release.stage}."

    def get_model_name(self, release) -> str:
        return f"{release.dataset.name}_model_{release.stage}_v{release.number}"


class RetireSerializer(Serializer):
    dataset_name = NameField()
    environment = serializers.CharField(max_length=20, help_text="`dev`, `staging` or `production`")
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=10_000)


class RetiredSerializer(serializers.ModelSerializer):
    """The response to a retirement: the release that was ended."""

    message = serializers.SerializerMethodField()
    dataset = serializers.CharField(source="dataset.name")
    version = serializers.IntegerField(source="number", help_text="The version that was live until then.")
    environment = serializers.ChoiceField(Stage.choices, source="stage")
    retired_at = serializers.DateTimeField(source="ended_at")
    retired_by = serializers.CharField(source="ended_by.username", default=None, allow_null=True)
    reason = serializers.CharField(source="end_reason")

    class Meta:
        model = Release
        fields = ["message", "dataset", "version", "environment", "retired_at", "retired_by", "reason"]

    def get_message(self, release) -> str:
        return f"Version {release.number} of `{release.dataset.name}` was retired from {release.stage}."


class ReleaseView(APIView):
    """An operation that changes what is live, and returns the release."""

    response_serializer = ReleaseSerializer

    def respond(self, request, release: Release) -> Response:
        return Response(self.response_serializer(release).data)


class PromoteView(ReleaseView):
    @extend_schema(
        operation_id="promote",
        summary="Promote a model version to a higher stage",
        description="Also back to a stage in which it was live before. A version that breaks requests of callers of "
        "the live one is refused (409 `signature_change`), unless `allow_signature_change` is true. With `dry_run`, "
        "nothing changes, and the response says what would: metrics of both versions and the held-out rows that they "
        "predict differently.",
        tags=["releases"],
        request=PromoteSerializer,
        responses={
            200: PolymorphicProxySerializer(
                "Promotion", [ReleaseSerializer, PromotionPlanSerializer], resource_type_field_name=None
            ), 400: ErrorSerializer, 403: ErrorSerializer, 404: ErrorSerializer,
            409: ErrorSerializer, 503: ErrorSerializer, 507: ErrorSerializer,
        },
        examples=[
            OpenApiExample(
                "To staging", {"dataset_name": DATASET, "version": 1, "target_stage": "staging"}, request_only=True
            )
        ],
    )  # fmt: skip
    @idempotent
    def post(self, request):
        data = PromoteSerializer.validated(request.data)
        version = ModelVersion.objects.numbered(data["dataset_name"], data["version"])
        if data["dry_run"]:
            live = promotion.plan_promotion(version, stage=data["target_stage"], by=request.user)
            replacement = Replacement(version, live and live.model_version)
            return Response(
                PromotionPlanSerializer(replacement, context={"stage": data["target_stage"]}).data
            )
        release = promotion.promote(
            version,
            stage=data["target_stage"],
            by=request.user,
            comment=data["comment"],
            allow_signature_change=data["allow_signature_change"],
        )
        return self.respond(request, release)


class RollbackView(ReleaseView):
    @extend_schema(
        operation_id="rollback",
        summary="Roll back a stage to an earlier version",
        description="Goes one release further back each time: after promotions of the versions 1 to 8 in this order, "
        "three calls make 7, 6 and 5 live. Skips versions that a rollback has left, and deleted ones. After a "
        "retirement, the retired version goes live again. `to_version` can be any version that was live in the stage.",
        tags=["releases"],
        request=RollbackSerializer,
        responses={
            200: ReleaseSerializer, 400: ErrorSerializer, 403: ErrorSerializer, 404: ErrorSerializer,
            409: ErrorSerializer, 503: ErrorSerializer, 507: ErrorSerializer,
        },
        examples=[
            OpenApiExample("In dev", {"dataset_name": DATASET, "environment": "dev"}, request_only=True)
        ],
    )  # fmt: skip
    @idempotent
    def post(self, request):
        data = RollbackSerializer.validated(request.data)
        release = promotion.rollback(
            Dataset.objects.named(data["dataset_name"]),
            stage=data["environment"],
            by=request.user,
            to_version=data["to_version"],
            reason=data["reason"],
        )
        return self.respond(request, release)


class RetireView(ReleaseView):
    response_serializer = RetiredSerializer

    @extend_schema(
        operation_id="retire",
        summary="Retire a stage",
        description="Ends the live release: the stage serves nothing until the next promotion, rollback or, in dev, "
        "training. The history is kept. Retiring a retired stage returns 409.",
        tags=["releases"],
        request=RetireSerializer,
        responses={
            200: RetiredSerializer, 400: ErrorSerializer, 403: ErrorSerializer, 404: ErrorSerializer,
            409: ErrorSerializer,
        },
        examples=[
            OpenApiExample(
                "In staging",
                {"dataset_name": DATASET, "environment": "staging", "reason": "No longer used"},
                request_only=True,
            )
        ],
    )  # fmt: skip
    @idempotent
    def post(self, request):
        data = RetireSerializer.validated(request.data)
        release = promotion.retire(
            Dataset.objects.named(data["dataset_name"]),
            stage=data["environment"],
            by=request.user,
            reason=data["reason"],
        )
        return self.respond(request, release)

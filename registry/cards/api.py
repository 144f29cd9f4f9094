"""The API of model cards."""

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from mlplatform.lists.list_api import ListAPIView
from mlplatform.openapi import ErrorSerializer
from mlplatform.validation.api_views import APIView
from mlplatform.validation.filters import FilterSet
from mlplatform.validation.serializers import Serializer, VersionField
from registry.cards import markdown, revisions
from registry.cards.facts import Card
from registry.models import CardRevision, ModelVersion

REVISION = OpenApiParameter("revision", int, description="The number of a revision; defaults to the latest.")


class RevisionQuery(Serializer):
    revision = VersionField(required=False, default=None)


class EditCardSerializer(Serializer):
    """A change of what people write in a model card; a text that is not sent stays as it is."""

    revision = serializers.IntegerField(
        min_value=0,
        max_value=2**31 - 1,
        help_text="The revision that the texts are based on, 0 for none; 409 `card_changed` if there is a newer one.",
    )
    purpose = serializers.CharField(required=False, allow_blank=True, max_length=CardRevision.MAX_TEXT)
    owner = serializers.CharField(required=False, allow_blank=True, max_length=CardRevision.MAX_OWNER)
    limits = serializers.CharField(required=False, allow_blank=True, max_length=CardRevision.MAX_TEXT)


class CardRevisionSerializer(serializers.ModelSerializer):
    """What people wrote in a model card, in Markdown."""

    revision = serializers.IntegerField(source="number", help_text="0 if nobody has written any.")
    written_by = serializers.CharField(source="written_by.username", default=None, allow_null=True)
    written_at = serializers.DateTimeField(allow_null=True)

    class Meta:
        model = CardRevision
        fields = ["revision", "purpose", "owner", "limits", "written_by", "written_at"]


class CardSerializer(CardRevisionSerializer):
    """A model card: what people wrote, and the facts as they are now."""

    dataset = serializers.CharField(source="model_version.dataset.name")
    version = serializers.IntegerField(source="model_version.number")
    facts = serializers.SerializerMethodField()

    class Meta(CardRevisionSerializer.Meta):
        fields = ["dataset", "version", *CardRevisionSerializer.Meta.fields, "facts"]

    def get_facts(self, revision) -> dict:
        return Card(revision.model_version, revision).facts()


class CardRevisionFilter(FilterSet):
    """Nothing to filter by."""

    class Meta:
        model = CardRevision
        fields = []


def requested_card(request, dataset: str, version: int) -> tuple[ModelVersion, CardRevision]:
    model = ModelVersion.objects.numbered(dataset, version)
    revision = revisions.numbered(model, RevisionQuery.validated(request.query_params)["revision"])
    revision.model_version = model  # with what numbered() has read
    return model, revision


class CardView(APIView):
    query_parameters = ("revision",)

    @extend_schema(
        operation_id="get_model_card",
        summary="Get the card of a model version",
        tags=["models"],
        parameters=[REVISION],
        responses={200: CardSerializer, 400: ErrorSerializer, 404: ErrorSerializer},
    )
    def get(self, request, dataset, version):
        _, revision = requested_card(request, dataset, version)
        return Response(CardSerializer(revision).data)

    @extend_schema(
        operation_id="edit_model_card",
        summary="Edit the card of a model version",
        description="Each change is a new revision; the earlier ones stay.",
        tags=["models"],
        request=EditCardSerializer,
        responses={
            200: CardSerializer, 400: ErrorSerializer, 403: ErrorSerializer, 404: ErrorSerializer,
            409: ErrorSerializer,
        },
    )  # fmt: skip
    def patch(self, request, dataset, version):
        model = ModelVersion.objects.numbered(dataset, version)
        saved = revisions.save(model, by=request.user, **EditCardSerializer.validated(request.data))
        return Response(CardSerializer(saved).data)


class CardDocumentView(APIView):
    query_parameters = ("revision",)

    @extend_schema(
        operation_id="get_model_card_as_markdown",
        summary="Get the card of a model version as Markdown",
        tags=["models"],
        parameters=[REVISION],
        responses={(200, "text/markdown"): OpenApiTypes.STR, 400: ErrorSerializer, 404: ErrorSerializer},
    )
    def get(self, request, dataset, version):
        model, revision = requested_card(request, dataset, version)
        name = f"{model.dataset.name}_v{model.number}_card.md"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        text = markdown.document(Card(model, revision))
        return HttpResponse(text, content_type="text/markdown; charset=utf-8", headers=headers)


class CardRevisionListView(ListAPIView):
    serializer_class = CardRevisionSerializer
    filterset_class = CardRevisionFilter

    @extend_schema(
        operation_id="list_model_card_revisions",
        summary="List the revisions of a model card",
        tags=["models"],
    )
    def get(self, request, *args, **kwargs):
        return super().get(request, *args, **kwargs)

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return CardRevision.objects.none()
        model = ModelVersion.objects.numbered(self.kwargs["dataset"], self.kwargs["version"])
        return model.card_revisions.select_related("written_by")

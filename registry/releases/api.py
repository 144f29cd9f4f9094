"""The API of the release history."""

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers

from mlplatform.lists.list_api import ListAPIView
from registry.models import Release, Stage
from registry.releases.filters import ReleaseFilter


class ReleaseRowSerializer(serializers.ModelSerializer):
    """A row of the release history."""

    dataset = serializers.CharField(source="dataset.name")
    version = serializers.IntegerField(source="number")
    environment = serializers.ChoiceField(Stage.choices, source="stage")
    algorithm = serializers.CharField(
        source="model_version.algorithm",
        default=None,
        allow_null=True,
        help_text="Null if the version was deleted.",
    )
    released_by = serializers.CharField(source="released_by.username", default=None, allow_null=True)
    ended_by = serializers.CharField(source="ended_by.username", default=None, allow_null=True)

    class Meta:
        model = Release
        fields = [
            "id", "dataset", "environment", "version", "algorithm", "kind", "comment", "started_at", "released_by",
            "is_live", "ended_at", "ending", "ended_by", "end_reason",
        ]  # fmt: skip


@extend_schema_view(
    get=extend_schema(
        operation_id="list_releases",
        summary="List releases",
        description="The newest first. With `at`, those that were live at this time: what answered `/predict` then.",
        tags=["releases"],
    )
)
class ReleaseListView(ListAPIView):
    queryset = Release.objects.for_list()
    serializer_class = ReleaseRowSerializer
    filterset_class = ReleaseFilter

"""The API of training groups."""

from django.urls import reverse
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.response import Response

from mlplatform.jobs.cancel_api import CancelView, cancels
from mlplatform.jobs.models import JobState
from mlplatform.lists.list_api import ListAPIView
from mlplatform.openapi import ErrorSerializer
from mlplatform.validation.api_views import APIView
from registry.jobs import submission
from registry.jobs.filters import GroupFilter
from registry.jobs.serializers import JobResultSerializer
from registry.models import TrainingGroup, Trial
from registry.search import leaderboard


class TrialSerializer(serializers.ModelSerializer):
    version = serializers.IntegerField(
        source="model_version.number", default=None, allow_null=True, help_text="Of the model, if it is kept."
    )

    class Meta:
        model = Trial
        fields = [
            "number", "module", "algorithm", "params", "state", "mean", "fold_scores", "duration_s", "error", "version",
        ]  # fmt: skip


class GroupRowSerializer(serializers.ModelSerializer):
    """A row of the list of training groups."""

    url = serializers.SerializerMethodField()
    job = serializers.IntegerField(source="job_id")
    state = serializers.ChoiceField(JobState.choices, source="job.state")
    progress = serializers.FloatField(source="job.progress")
    dataset = serializers.CharField(source="job.dataset_name")
    dataset_version = serializers.IntegerField(
        source="job.dataset_version.number", default=None, allow_null=True
    )
    result = serializers.SerializerMethodField(help_text="The model version of the best trial.")
    error = serializers.SerializerMethodField()
    requested_by = serializers.CharField(source="job.requested_by.username", default=None, allow_null=True)
    requested_at = serializers.DateTimeField(source="job.requested_at")
    started_at = serializers.DateTimeField(source="job.started_at", allow_null=True)
    finished_at = serializers.DateTimeField(source="job.finished_at", allow_null=True)

    class Meta:
        model = TrainingGroup
        fields = [
            "id", "url", "kind", "state", "progress", "dataset", "dataset_version", "algorithm", "metric", "keep",
            "n_trials", "time_budget_s", "job", "result", "error", "requested_by", "requested_at", "started_at",
            "finished_at",
        ]  # fmt: skip

    def get_url(self, group) -> str:
        return reverse("api-group", args=[group.pk])

    @extend_schema_field(JobResultSerializer(allow_null=True))
    def get_result(self, group):
        version = getattr(group.job, "model_version", None)
        return JobResultSerializer(version).data if version else None

    @extend_schema_field(ErrorSerializer(allow_null=True))
    def get_error(self, group):
        job = group.job
        return {"detail": job.error, "code": job.error_code, "fields": {}} if job.error else None


class GroupSerializer(GroupRowSerializer):
    """A group with its trials, the best first."""

    request = serializers.JSONField(source="job.request")
    warnings = serializers.JSONField(source="job.warnings")
    trials = serializers.SerializerMethodField()

    class Meta(GroupRowSerializer.Meta):
        fields = [*GroupRowSerializer.Meta.fields, "request", "warnings", "trials"]

    @extend_schema_field(TrialSerializer(many=True))
    def get_trials(self, group):
        return TrialSerializer(leaderboard.of_group(group), many=True).data


@extend_schema_view(
    get=extend_schema(operation_id="list_groups", summary="List training groups", tags=["jobs"])
)
class GroupListView(ListAPIView):
    queryset = TrainingGroup.objects.for_list()
    serializer_class = GroupRowSerializer
    filterset_class = GroupFilter


class GroupView(APIView):
    @extend_schema(
        operation_id="get_group",
        summary="Get a training group",
        description="With its trials, the best first. The trials are there as soon as they have ended.",
        tags=["jobs"],
        responses={200: GroupSerializer, 404: ErrorSerializer},
    )
    def get(self, request, pk):
        return Response(GroupSerializer(TrainingGroup.objects.numbered(pk)).data)


@extend_schema_view(
    get=extend_schema(
        operation_id="list_trials",
        summary="List the trials of a training group, the best first",
        tags=["jobs"],
    )
)
class TrialListView(ListAPIView):
    serializer_class = TrialSerializer

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return Trial.objects.none()
        return leaderboard.of_group(TrainingGroup.objects.numbered(self.kwargs["pk"]))


@cancels(
    "a training group",
    name="group",
    tag="jobs",
    description="A running trial is stopped within seconds, and none is started. The finished trials stay, and none "
    "becomes a model version.",
)
class CancelGroupView(CancelView):
    serializer_class = GroupSerializer

    def cancel(self, pk, *, by):
        group = TrainingGroup.objects.numbered(pk)
        submission.cancel(group.job, by=by)
        return group

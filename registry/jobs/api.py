"""The API of training and jobs."""

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from catalog import examples
from catalog.models import Dataset
from mlplatform.errors import NotFound, TrainingFailed
from mlplatform.idempotency.replay import idempotent
from mlplatform.jobs import waiting
from mlplatform.jobs.cancel_api import CancelView, cancels
from mlplatform.jobs.models import JobState
from mlplatform.lists.list_api import ListAPIView
from mlplatform.openapi import ErrorSerializer
from mlplatform.validation.api_views import APIView
from registry.jobs import groups, submission
from registry.jobs.filters import JobFilter
from registry.jobs.serializers import (
    JobDetailSerializer,
    JobLogSerializer,
    JobRowSerializer,
    JobSerializer,
    QueuedSerializer,
    TrainedSerializer,
    TrainSerializer,
)
from registry.models import ModelVersion, TrainingJob
from registry.search.plan import GroupPlan, is_group
from registry.training.request import TrainingRequest

# The schema of the calls that train.


TRAINING_RESPONSES = {
    201: TrainedSerializer, 202: QueuedSerializer, 400: ErrorSerializer, 401: ErrorSerializer,
    403: ErrorSerializer, 404: ErrorSerializer, 409: ErrorSerializer, 422: ErrorSerializer,
    503: ErrorSerializer, 507: ErrorSerializer,
}  # fmt: skip


class TrainView(APIView):
    def respond(self, request, job: TrainingJob) -> Response:
        waiting.wait(request, job)
        if job.state == JobState.SUCCEEDED:
            if not hasattr(job, "model_version"):
                raise NotFound(f"The model version of job {job.pk} was deleted.", code="result_deleted")
            return Response(TrainedSerializer(job.model_version).data, status=201)
        if job.is_finished:
            raise waiting.failure(job, TrainingFailed)
        return queued(job)

    @extend_schema(
        operation_id="train",
        summary="Train a model",
        description="Waits up to 25 seconds for the training to finish. `Prefer: wait=N` waits up to N seconds, at "
        "most 60; `Prefer: respond-async` does not wait. Returns 201 with the model version, or 202 with the job. "
        "`models`, `search` and `auto` start a training group: one job that tries many candidates and registers the "
        "best.",
        tags=["models"],
        parameters=[waiting.PREFER],
        request=TrainSerializer,
        responses=TRAINING_RESPONSES,
    )
    @idempotent
    def post(self, request):
        data = TrainSerializer.validated(request.data)
        name, number = data["dataset_name"], data.get("dataset_version")
        if data["use_example"]:
            source = examples.add_example(name, by=request.user, number=number)
        else:
            source = Dataset.objects.named(name).version(number)
        if is_group(data):
            job = groups.submit(source, plan=GroupPlan.from_dict(data), by=request.user).job
        else:
            job = submission.submit(source, request=TrainingRequest.from_dict(data), by=request.user)
        return self.respond(request, job)


class RetrainView(TrainView):
    methods_without_body = ("POST",)

    @extend_schema(
        operation_id="retrain_model",
        summary="Train a model version again",
        description="Repeats its training on the same dataset version, with the same parameters and options, as a new "
        "version: after an upgrade of scikit-learn, for example. Waits and responds as `POST /train`.",
        tags=["models"],
        parameters=[waiting.PREFER],
        request=None,
        responses=TRAINING_RESPONSES,
    )
    @idempotent
    def post(self, request, dataset, version):
        model = ModelVersion.objects.numbered(dataset, version)
        return self.respond(request, submission.retrain(model, by=request.user))


@extend_schema_view(get=extend_schema(operation_id="list_jobs", summary="List training jobs", tags=["jobs"]))
class JobListView(ListAPIView):
    queryset = TrainingJob.objects.for_list()
    serializer_class = JobRowSerializer
    filterset_class = JobFilter


class JobView(APIView):
    @extend_schema(
        operation_id="get_job",
        summary="Get a training job",
        tags=["jobs"],
        responses={200: JobDetailSerializer, 404: ErrorSerializer},
    )
    def get(self, request, pk):
        job = TrainingJob.objects.with_results().numbered(pk)
        return Response(JobDetailSerializer(job, context={"request": request}).data)


class JobLogView(APIView):
    @extend_schema(
        operation_id="get_job_log",
        summary="Get the output of a training job",
        tags=["jobs"],
        responses={200: JobLogSerializer, 404: ErrorSerializer},
    )
    def get(self, request, pk):
        return Response(JobLogSerializer(TrainingJob.objects.numbered(pk)).data)


@cancels(
    "a training job",
    name="job",
    tag="jobs",
    description="A queued job does not start; a running job is stopped within seconds.",
)
class CancelJobView(CancelView):
    serializer_class = JobSerializer

    def cancel(self, pk, *, by):
        return submission.cancel(TrainingJob.objects.with_results().numbered(pk), by=by)


class RetryJobView(APIView):
    methods_without_body = ("POST",)

    def respond(self, request, job: TrainingJob) -> Response:
        return queued(job)

    @extend_schema(
        operation_id="retry_job",
        summary="Retry a training job",
        tags=["jobs"],
        request=None,
        responses={
            202: QueuedSerializer, 400: ErrorSerializer, 403: ErrorSerializer, 404: ErrorSerializer,
            409: ErrorSerializer,
        },
    )  # fmt: skip
    @idempotent
    def post(self, request, pk):
        job = TrainingJob.objects.with_results().numbered(pk)
        return self.respond(request, groups.retry(job, by=request.user))


def queued(job: TrainingJob) -> Response:
    data = QueuedSerializer(job).data
    return Response(data, status=202, headers={"Location": data["url"]})

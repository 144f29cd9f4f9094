"""Metrics in Prometheus text format: the counts of this machine's processes, and the state of the jobs.

The jobs are in the database, so every machine would report the same: they have an address of their own.
"""

import os
from collections.abc import Iterator

from django.db.models import Count, F, Min, Sum
from django.utils import timezone
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, SummaryMetricFamily

from catalog.models import ImportJob
from mlplatform.jobs.models import Job, JobState
from mlplatform.metrics import METRICS_FOLDER
from mlplatform.resilience import circuit_breaker
from registry.models import Evaluation, TrainingJob
from serving.models import ScoringJob
from serving.monitoring import metrics


def of_machine() -> bytes:
    """What all processes of this machine count together. Needs no database."""
    processes = REGISTRY
    if METRICS_FOLDER in os.environ:
        processes = CollectorRegistry()
        multiprocess.MultiProcessCollector(processes)
    build = CollectorRegistry()
    build.register(_BuildCollector())
    return generate_latest(processes) + generate_latest(build)


def of_jobs() -> bytes:
    """The jobs of the whole platform. Raises database errors."""
    database = CollectorRegistry()
    database.register(_JobCollector())
    with circuit_breaker.short_timeout():
        return generate_latest(database)


class _BuildCollector:
    def collect(self) -> Iterator:
        yield InfoMetricFamily(
            "mlmp_build", "Version of the platform and its libraries", metrics.build_labels()
        )


class _JobCollector:
    def collect(self) -> Iterator:
        yield from _queue(TrainingJob, "mlmp_jobs", "Training jobs by state", "mlmp_job_queue_age_seconds")
        yield _durations()
        yield from _queue(
            ScoringJob, "mlmp_scoring_jobs", "Scoring jobs by state", "mlmp_scoring_queue_age_seconds"
        )
        yield from _queue(
            ImportJob, "mlmp_import_jobs", "Import jobs by state", "mlmp_import_queue_age_seconds"
        )
        yield from _queue(
            Evaluation, "mlmp_evaluations", "Evaluations by state", "mlmp_evaluation_queue_age_seconds"
        )


def _queue(model: type[Job], name: str, documentation: str, age_name: str) -> Iterator:
    states = dict.fromkeys(JobState.values, 0)
    states |= dict(model.objects.order_by().values_list("state").annotate(Count("pk")))
    jobs = GaugeMetricFamily(name, documentation, labels=["state"])
    for state, count in states.items():
        jobs.add_metric([state], count)
    yield jobs
    oldest = model.objects.queued().aggregate(oldest=Min("requested_at"))["oldest"]
    age = (timezone.now() - oldest).total_seconds() if oldest else 0
    yield GaugeMetricFamily(age_name, "Waiting time of the oldest queued job", age)


def _durations() -> SummaryMetricFamily:
    finished = TrainingJob.objects.order_by().exclude(started_at=None).exclude(finished_at=None)
    by_state = finished.values_list("state").annotate(
        count=Count("pk"), total=Sum(F("finished_at") - F("started_at"))
    )
    family = SummaryMetricFamily("mlmp_job_duration_seconds", "Duration of finished jobs", labels=["outcome"])
    for state, count, total in by_state:
        family.add_metric([state], count, total.total_seconds())
    return family

"""/metrics in Prometheus' text format: what this box's web processes and scorer counted, and the jobs' table."""

import os
from collections.abc import Iterator

from django.db import InterfaceError, OperationalError, close_old_connections
from django.db.models import Count, F, Min, Sum
from django.utils import timezone
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, SummaryMetricFamily

from mlplatform.jobs.models import Job
from mlplatform.resilience import circuit_breaker
from registry.models import JobState, TrainingJob
from serving.models import ScoringJob
from serving.monitoring import metrics


def text() -> bytes:
    counted = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        counted = CollectorRegistry()
        multiprocess.MultiProcessCollector(counted)
    now = CollectorRegistry()
    now.register(_Jobs())
    close_old_connections()  # nothing else does on the fast path
    try:
        with circuit_breaker.short_timeout():
            jobs = generate_latest(now)
    except (OperationalError, InterfaceError):  # what the processes counted is told all the same
        jobs = b""
    return generate_latest(counted) + jobs


class _Jobs:
    def collect(self) -> Iterator:
        yield InfoMetricFamily("mlmp_build", "What runs here", metrics.build_labels())
        yield from _queue(TrainingJob, "mlmp_jobs", "Training jobs by state", "mlmp_job_queue_age_seconds")
        yield _durations()
        yield from _queue(
            ScoringJob, "mlmp_scoring_jobs", "Scoring jobs by state", "mlmp_scoring_queue_age_seconds"
        )


def _queue(kind: type[Job], name: str, what: str, age_name: str) -> Iterator:
    states = dict.fromkeys(JobState.values, 0)
    states |= dict(kind.objects.order_by().values_list("state").annotate(Count("pk")))
    jobs = GaugeMetricFamily(name, what, labels=["state"])
    for state, count in states.items():
        jobs.add_metric([state], count)
    yield jobs
    oldest = kind.objects.queued().aggregate(oldest=Min("requested_at"))["oldest"]
    age = (timezone.now() - oldest).total_seconds() if oldest else 0
    yield GaugeMetricFamily(age_name, "How long the oldest queued job waits", age)


def _durations() -> SummaryMetricFamily:
    ended = TrainingJob.objects.order_by().exclude(started_at=None).exclude(finished_at=None)
    taken = ended.values_list("state").annotate(
        count=Count("pk"), total=Sum(F("finished_at") - F("started_at"))
    )
    family = SummaryMetricFamily("mlmp_job_duration_seconds", "Time of ended jobs", labels=["outcome"])
    for state, count, total in taken:
        family.add_metric([state], count, total.total_seconds())
    return family

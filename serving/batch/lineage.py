"""The scoring jobs of the models that were trained on a dataset, for its page."""

from collections import defaultdict

from django.db.models import Count, F
from django.urls import reverse

from catalog.discovery.lineage import NEWEST, Dependents, Link
from catalog.models import Dataset
from serving.models import ScoringJob


def scoring_jobs(dataset: Dataset) -> Dependents:
    # By name, since the database would look up the jobs of each of 10,000 model versions. Those of an earlier
    # dataset of this name have no model version.
    scored = ScoringJob.objects.filter(dataset_name=dataset.name, model_version__isnull=False)
    newest = defaultdict(list)
    for job in scored.for_lists().annotate(source=F("model_version__dataset_version__number"))[:NEWEST]:
        link = Link(
            name=f"job {job.pk}",
            note=f"{job.filename} by version {job.version}, {job.get_state_display()}",
            page=reverse("serving:job", args=[job.pk]),
        )
        newest[job.source].append(link)
    counts = scored.order_by().values_list("model_version__dataset_version__number").annotate(Count("pk"))
    return Dependents("Scoring jobs", "serving:jobs", dict(counts), newest)

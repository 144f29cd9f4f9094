"""What waits for a user: uploads to confirm, failed jobs, better versions to promote, cards to write."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Exists, OuterRef, Q, Subquery
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from catalog.models import Draft
from mlplatform.auth import roles
from mlplatform.jobs.models import UNSUCCESSFUL
from mlplatform.number_formats import metric
from registry.comparison import standing
from registry.comparison.differences import BETTER
from registry.models import CardRevision, Release, Stage
from serving.workbench import live

MAX_ITEMS = 4  # of each kind
MAX_STAGED = 50  # that are compared with production
FAILED_SINCE = timedelta(days=3)


@dataclass(frozen=True)
class Item:
    """A sentence with a link to where the user can act, and the label of that."""

    text: str
    action: str
    url: str


def for_user(user) -> list[Item]:
    """At most four of each kind, those that only need a click first, in a constant number of queries."""
    items = _drafts(user)
    if roles.can(user, "promote_production"):
        items += _better_in_staging()
    items += _failed_jobs(user)
    if roles.can(user, "train"):
        items += _cards_to_write()
    return items


def _drafts(user) -> list[Item]:
    drafts = Draft.objects.uploads().filter(created_by=user).only("filename")[:MAX_ITEMS]
    return [
        Item(
            f"The upload of `{draft.filename}` is not confirmed.",
            "Check the upload",
            reverse("catalog:receipt", args=[draft.pk]),
        )
        for draft in drafts
    ]


def _better_in_staging() -> list[Item]:
    live_releases = Release.objects.for_list().live()
    in_production = live_releases.filter(stage=Stage.PRODUCTION, dataset=OuterRef("dataset"))
    staged = live_releases.filter(Exists(in_production), stage=Stage.STAGING)[:MAX_STAGED]
    versions = [release.model_version for release in staged]
    better = [one for one in standing.against_live(versions, stages=[Stage.PRODUCTION]) if one.is_better]
    return [
        Item(
            f"Version {one.version.number} of `{one.version.dataset.name}` in staging "
            f"{'is better' if one.verdict == BETTER else 'measures better, within noise,'} than version "
            f"{one.live.number} in production: {one.metric.label} {metric(one.own.value)} instead of "
            f"{metric(one.of_live.value)}.",
            "Compare and promote",
            f"{reverse('registry:promote', args=[one.version.dataset.name, one.version.number])}?"
            f"{urlencode({'stage': Stage.PRODUCTION})}",
        )
        for one in better[:MAX_ITEMS]
    ]


def _failed_jobs(user) -> list[Item]:
    recent = {
        "requested_by": user,
        "state__in": UNSUCCESSFUL,
        "finished_at__gt": timezone.now() - FAILED_SINCE,
    }
    failed = [job for kind in live.kinds_of_jobs() for job in kind.filter(**recent)[:MAX_ITEMS]]
    failed.sort(key=lambda job: job.finished_at, reverse=True)
    rows = [live.row(job) for job in failed[:MAX_ITEMS]]
    return [Item(f"{row.name} failed ({row.about}): {row.job.error[:160]}", "Open", row.url) for row in rows]


def _cards_to_write() -> list[Item]:
    """The cards of versions that are live in production and have no purpose."""
    newest = CardRevision.objects.filter(model_version=OuterRef("model_version")).order_by("-number")
    missing = Release.objects.live().filter(stage=Stage.PRODUCTION).select_related("dataset")
    missing = missing.annotate(purpose=Subquery(newest.values("purpose")[:1]))
    missing = missing.filter(Q(purpose=None) | Q(purpose="")).only("number", "dataset__name")
    return [
        Item(
            f"Version {release.number} of `{release.dataset.name}` is live in production; its card has no purpose.",
            "Write the card",
            reverse("registry:edit-card", args=[release.dataset.name, release.number]),
        )
        for release in missing[:MAX_ITEMS]
    ]

"""Queries that run again by themselves when a dataset that they read gets a new version (`on_new_version`).

A worker looks for them: whatever was killed when a version was added, its next look finds what is outdated.
"""

import logging

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Exists, Max, OuterRef

from catalog.derivation.models import Derivation, DerivationInput
from catalog.models import DatasetVersion, ImportJob
from mlplatform.auth import permissions
from mlplatform.errors import NotReady, TooManyJobs

logger = logging.getLogger(__name__)


def outdated():
    """The derivations of newest versions that run again by themselves, and have read what is not the newest."""
    newer = DatasetVersion.objects.filter(
        dataset__name=OuterRef("dataset_name"), number__gt=OuterRef("version_number")
    )
    inputs = DerivationInput.objects.filter(Exists(newer), derivation=OuterRef("pk"), is_pinned=False)
    later = Derivation.objects.filter(dataset_version=OuterRef("dataset_version"), pk__gt=OuterRef("pk"))
    return Derivation.objects.filter(
        ~Exists(later),
        Exists(inputs),
        on_new_version=True,
        dataset_version__in=DatasetVersion.objects.newest(),
    ).select_related("dataset_version__dataset", "created_by")


class Settled:
    """The derivations that stay as they are until there is another dataset version: their run has failed, for example.

    A worker looks once a minute, and would ask for each what it has found out before.
    """

    def __init__(self):
        self._newest, self._derivations = None, set()

    def refresh(self) -> bool:
        """Forget them if there is another dataset version, and return whether there is."""
        newest = DatasetVersion.objects.aggregate(newest=Max("pk"))["newest"]
        is_new = newest != self._newest
        if is_new:
            self._newest, self._derivations = newest, set()
        return is_new

    def __contains__(self, derivation: Derivation) -> bool:
        return derivation.pk in self._derivations

    def add(self, derivation: Derivation) -> None:
        self._derivations.add(derivation.pk)


def run_outdated(settled: Settled | None = None) -> int:
    """Enqueue what is outdated, once for each set of versions. Returns the number of jobs."""
    count, settled = 0, settled or Settled()
    settled.refresh()  # first: a version that is added meanwhile is seen the next time
    for derivation in outdated():
        if derivation in settled:
            continue
        try:
            if _run(derivation):
                count += 1
            else:
                settled.add(derivation)
        except (TooManyJobs, NotReady) as error:
            logger.info("%s waits: %s", derivation, error)
        except (PermissionDenied, ValidationError) as error:
            logger.warning("%s does not run by itself any more: %s", derivation, error)
            Derivation.objects.filter(pk=derivation.pk).update(on_new_version=False)
    return count


def _run(derivation: Derivation) -> bool:
    # They import pandas: an idle worker does without its 70 MB.
    from catalog.derivation import inputs, submission

    name = derivation.dataset_version.dataset.name
    if derivation.created_by is None:
        raise PermissionDenied("The account that requested it was deleted.")
    permissions.check(derivation.created_by, "upload")
    references = [one.reference for one in derivation.inputs.all()]
    versions = inputs.find(references, by=derivation.created_by)
    inputs.check(dict.fromkeys(references), versions)
    digest = submission.digest(derivation.sql, versions)
    tried = ImportJob.objects.filter(name=name, derivation__digest=digest)
    if tried.exists() or submission.circle_of(name, submission.followed(versions)):
        return False
    again = Derivation(
        sql=derivation.sql,
        digest=digest,
        is_volatile=derivation.is_volatile,
        on_new_version=True,
        created_by=derivation.created_by,
    )
    submitted = submission.submit(again, versions, name=name, new_version=True)
    return isinstance(submitted, ImportJob)

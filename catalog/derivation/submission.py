"""Run a query as a job, whose result becomes a dataset version: by a user, or because an input has a new version."""

import hashlib
import json
from collections.abc import Mapping

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet

from catalog.derivation import preview
from catalog.derivation.models import Derivation, DerivationInput
from catalog.imports import registration
from catalog.imports.confirmation import Added
from catalog.models import Dataset, DatasetVersion, ImportJob
from catalog.names import normalize_name
from mlplatform.auth import permissions
from mlplatform.errors import Conflict
from mlplatform.jobs import leases


def derive(
    name: str,
    *,
    sql: str,
    description: str = "",
    new_version: bool = False,
    on_new_version: bool | None = None,
    by,
) -> Added | ImportJob:
    """Run a query over datasets, and add its result as a version of the dataset `name`. Returns the job that does it.

    The same query over the same versions is the version that is already there, unless chance or the clock is part of
    it. Adding to an existing dataset requires `new_version`. With `on_new_version`, it runs again when a dataset that
    it names without a version gets a new one; None leaves this as it is for a result that is there.

    Raises ValidationError for the fields `sql` and `on_new_version`, Conflict if the name is taken, and NotReady.
    """
    permissions.check(by, "upload")
    name, sql = normalize_name(name), sql.replace("\r\n", "\n").strip()
    checked = preview.preview(sql, with_rows=False, by=by)
    if on_new_version:
        _check_repeated(name, followed(checked.inputs))
    return submit(
        Derivation(
            sql=sql,
            digest=digest(sql, checked.inputs),
            is_volatile=checked.query.is_volatile,
            on_new_version=bool(on_new_version),
            created_by=by,
        ),
        checked.inputs,
        name=name,
        description=description,
        new_version=new_version,
        keep_repetition=on_new_version is None,
    )


def run_again(dataset: Dataset, *, on_new_version: bool | None = None, by) -> Added | ImportJob:
    """Run the latest query of a dataset over the newest versions of what it reads, and keep or set `on_new_version`.

    Returns and raises what derive() does, and Conflict for a dataset that no query has made.
    """
    former = latest(dataset)
    if former is None:
        raise _not_derived(dataset)
    on_new_version = former.on_new_version if on_new_version is None else on_new_version
    return derive(dataset.name, sql=former.sql, new_version=True, on_new_version=on_new_version, by=by)


def repeat(dataset: Dataset, *, on_new_version: bool, by) -> Derivation:
    """Set whether the latest query of a dataset runs again when an input gets a new version, and leave the result.

    Raises Conflict for a dataset that no query has made, and ValidationError for the field `on_new_version`.
    """
    permissions.check(by, "upload")
    derivation = latest(dataset)
    if derivation is None:
        raise _not_derived(dataset)
    if on_new_version:
        names = derivation.inputs.filter(is_pinned=False).values_list("dataset_name", flat=True)
        _check_repeated(dataset.name, list(names))
    _set_repeated(Derivation.objects.filter(pk=derivation.pk), on_new_version, by)
    derivation.refresh_from_db()
    return derivation


def _set_repeated(derivations: QuerySet, on_new_version: bool, by) -> None:
    """They run by themselves in the name of the user who has switched it on."""
    requester = {"created_by": by} if on_new_version else {}
    derivations.update(on_new_version=on_new_version, **requester)


def _not_derived(dataset: Dataset) -> Conflict:
    return Conflict(f"`{dataset.name}` is not the result of a query.", code="not_derived")


def latest(dataset: Dataset) -> Derivation | None:
    """The derivation of the latest version of a dataset that has one."""
    made = Derivation.objects.filter(dataset_version__dataset=dataset).select_related("dataset_version")
    return made.order_by("-dataset_version__number", "-pk").first()


def digest(sql: str, versions: Mapping[str, DatasetVersion]) -> str:
    """The SHA-256 of a query and what it reads."""
    read = sorted((reference, version.pk) for reference, version in versions.items())
    return hashlib.sha256(json.dumps([sql, read]).encode()).hexdigest()


def submit(
    derivation: Derivation,
    versions: Mapping[str, DatasetVersion],
    *,
    name: str,
    description: str = "",
    new_version: bool,
    keep_repetition: bool = False,
) -> Added | ImportJob:
    """Enqueue the job of a new derivation, unless its result is there, or a job is about to make it.

    What is there, or about to be made, then runs again as the derivation says, or with `keep_repetition` as before.
    """
    same = Derivation.objects.filter(digest=derivation.digest)
    if not derivation.is_volatile:
        made = same.filter(dataset_version__dataset__name=name)
        if done := made.select_related("dataset_version__dataset", "dataset_version__created_by").first():
            if not keep_repetition:
                _set_repeated(made, derivation.on_new_version, derivation.created_by)
            return done.dataset_version, False
    with transaction.atomic():
        # The inputs too: of a name that is new there is no row that the same request at the same time would wait for.
        read = [version.dataset_id for version in versions.values()]
        locked = Dataset.objects.select_for_update(no_key=True).filter(Q(name=name) | Q(pk__in=read))
        is_taken = name in {dataset.name for dataset in locked.order_by("pk")}
        if is_taken and not new_version:
            raise registration.name_taken(name, what="the result")
        jobs = ImportJob.objects.unfinished().filter(name=name, derivation__in=same)
        if job := jobs.first():
            if not keep_repetition:
                _set_repeated(same.filter(import_job=job), derivation.on_new_version, derivation.created_by)
            return job
        derivation.save()
        rows = inputs_of(versions)
        for row in rows:
            row.derivation = derivation
        DerivationInput.objects.bulk_create(rows)
        return leases.enqueue(_job(derivation, name, description, new_version))


def inputs_of(versions: Mapping[str, DatasetVersion]) -> list[DerivationInput]:
    """The unsaved rows of what a query reads."""
    return [
        DerivationInput(
            dataset_name=version.dataset.name,
            version_number=version.number,
            is_pinned="@" in reference,
            version=version,
        )
        for reference, version in versions.items()
    ]


def _job(derivation: Derivation, name: str, description: str, new_version: bool) -> ImportJob:
    return ImportJob(
        derivation=derivation,
        keeps_draft=False,
        filename=f"{name}.parquet",
        size_bytes=0,
        name=name,
        description=description,
        new_version=new_version,
        requested_by=derivation.created_by,
    )


def _check_repeated(name: str, names: list[str]) -> None:
    """Raise ValidationError if a query that follows these datasets could never run again, or would run forever."""
    if not names:
        raise _not_repeated("Every input is named with its version, so none gets a new one.")
    if circle := circle_of(name, names):
        path = " from ".join(f"`{one}`" for one in circle)
        raise _not_repeated(f"It would run forever: {path}. Name one of them with its version.")


def followed(versions: Mapping[str, DatasetVersion]) -> list[str]:
    """The datasets whose new versions a query reads."""
    return [version.dataset.name for reference, version in versions.items() if "@" not in reference]


def circle_of(name: str, followed: list[str]) -> list[str] | None:
    """The chain of datasets, each made from the next whenever that gets a version, that leads back to `name`."""
    chains, seen = [[name, one] for one in followed], set()
    while chains:
        chain = chains.pop()
        if chain[-1] == name:
            return chain
        if chain[-1] in seen:
            continue
        seen.add(chain[-1])
        dataset = Dataset.objects.filter(name=chain[-1]).first()
        derivation = dataset and latest(dataset)
        if derivation and derivation.on_new_version:
            names = derivation.inputs.filter(is_pinned=False).values_list("dataset_name", flat=True)
            chains += [[*chain, one] for one in names]
    return None


def _not_repeated(sentence: str) -> ValidationError:
    return ValidationError({"on_new_version": ValidationError(sentence, code="cannot_repeat")})

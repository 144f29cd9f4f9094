"""The record of a verified model version, and its migration from older releases."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.crypto import salted_hmac

from registry import artifacts
from registry.artifacts import ArtifactRefused
from registry.models import ModelVersion
from serving.engine import registration
from serving.models import Verification


@pytest.mark.usefixtures("committed")
def test_migrating_keeps_the_records_of_older_releases(make_version):
    version = make_version()
    before = Verification.objects.values().get(pk=version.pk)
    MigrationExecutor(connection).migrate([("serving", "0002_scoring_job")])
    with connection.cursor() as cursor:
        cursor.execute("SELECT plan FROM serving_proof WHERE model_version_id = %s", [version.pk])
        assert cursor.fetchone() == ("trees",)
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())
    unmeasured = dict.fromkeys(["one_row_s", "thousand_rows_s", "memory_bytes"])
    assert Verification.objects.values().get(pk=version.pk) == before | unmeasured


@pytest.mark.parametrize(
    "changed",
    [{"engine": "pipeline"}, {"predictions": []}, {"golden_rows": [], "predictions": []}, {"hmac": ""}],
)
def test_changed_golden_rows_are_rejected(make_version, changed):
    version = make_version()
    assert registration.record_of(version)
    Verification.objects.update(**changed)
    with pytest.raises(ArtifactRefused, match="golden rows of flowers model version 1 were rejected"):
        registration.record_of(version)


def test_the_golden_rows_of_another_version_are_rejected(make_version, make_dataset):
    source = make_dataset()
    version, other = make_version(source), make_version(source)
    record = Verification.objects.filter(pk=other.pk).values(*Verification.LARGE, "engine", "hmac").get()
    Verification.objects.filter(pk=version.pk).update(**record)
    with pytest.raises(ArtifactRefused, match="golden rows"):
        registration.record_of(version)


def sign_artifacts() -> str:
    output = StringIO()
    call_command("sign_artifacts", stdout=output)
    return output.getvalue()


def test_a_key_can_be_dropped_after_everything_is_signed_with_its_successor(make_version, settings):
    make_version()
    make_version(module="cluster", class_name="DBSCAN", target=None)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another key"
    assert sign_artifacts() == "2 model versions are signed with SECRET_KEY.\n"
    settings.SECRET_KEY_FALLBACKS = []
    for version in ModelVersion.objects.all():
        assert artifacts.is_signed(version)
        registration.record_of(version)


def test_what_no_key_has_signed_is_named_and_stays(make_version, settings):
    version = make_version()
    settings.SECRET_KEY = "another key"
    with pytest.raises(CommandError, match="none of the keys, or changed since: flowers model version 1"):
        sign_artifacts()
    assert ModelVersion.objects.get().artifact_hmac == version.artifact_hmac


@pytest.mark.usefixtures("committed")
def test_what_was_migrated_without_its_key_is_signed_once_the_key_is_there(make_version, settings):
    version = make_version()
    message = f"{version.dataset_id}:{version.artifact_sha256}"
    former = salted_hmac("registry.artifacts", message, secret=settings.SECRET_KEY, algorithm="sha256")
    ModelVersion.objects.update(artifact_hmac=former.hexdigest())
    MigrationExecutor(connection).migrate(
        [("registry", "0007_retrained_from"), ("serving", "0006_compatibility_check")]
    )
    right_key, settings.SECRET_KEY = settings.SECRET_KEY, "another key"
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())
    with pytest.raises(CommandError, match="flowers model version 1"):
        sign_artifacts()
    settings.SECRET_KEY_FALLBACKS = [right_key]
    sign_artifacts()
    assert artifacts.is_signed(ModelVersion.objects.get())
    assert registration.record_of(version)

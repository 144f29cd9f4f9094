"""The record of a verified model version, and its migration from older releases."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

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
    assert Verification.objects.values().get(pk=version.pk) == before

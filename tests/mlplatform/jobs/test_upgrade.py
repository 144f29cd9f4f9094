"""A database of the version that queued jobs with django-tasks, and called verifications proofs."""

import os
import subprocess
import sys

import pytest
from django.conf import settings

UPGRADE = """
import django
django.setup()

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection

from mlplatform.jobs import leases

for app in ("auth", "contenttypes"):
    call_command("migrate", app, verbosity=0)
call_command("migrate", "registry", "0002", verbosity=0)
call_command("migrate", "serving", "0002", verbosity=0)
with connection.cursor() as cursor:
    cursor.execute("CREATE TABLE django_tasks_database_dbtaskresult (id text)")
    cursor.execute(
        "INSERT INTO registry_trainingjob (dataset_name, request, state, progress, attempt, worker, task_id, stage, "
        "timings, warnings, error, error_code, traceback, log, requested_at) VALUES ('flowers', '{}', 'queued', 0, 0, "
        "'', 'a-task', '', '[]', '[]', '', '', '', '', '2026-11-01 10:00:00')"
    )
proof = ContentType.objects.get_or_create(app_label="serving", model="proof")[0]
task = ContentType.objects.create(app_label="django_tasks_database", model="dbtaskresult")
for content_type, codename in ((proof, "view_proof"), (task, "view_dbtaskresult")):
    Permission.objects.update_or_create(
        {"name": "before the upgrade"}, content_type=content_type, codename=codename
    )
call_command("migrate", verbosity=0)

from registry.models import TrainingJob

job = leases.claim(TrainingJob, worker="here:1")
print(job.dataset_name, job.state, "django_tasks_database_dbtaskresult" in connection.introspection.table_names())
print(*Permission.objects.filter(name="before the upgrade").values_list("codename", "content_type__model"))
"""


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """What the upgrade prints."""
    folder = tmp_path_factory.mktemp("upgrade")
    environment = {"DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "mlplatform.settings"}
    result = subprocess.run(
        [sys.executable, "-c", UPGRADE],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(settings.BASE_DIR)} | environment,
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout.splitlines()


def test_a_job_that_is_queued_during_the_upgrade_is_claimed(lines):
    assert lines[0].split() == ["flowers", "running", "False"]


def test_permissions_follow_a_renamed_model_and_go_with_a_removed_one(lines):
    assert lines[1] == "('view_verification', 'verification')"

"""A database of the version that queued jobs with django-tasks."""

import os
import subprocess
import sys

from django.conf import settings

UPGRADE = """
import django
django.setup()

from django.core.management import call_command
from django.db import connection

from mlplatform.jobs import leases

call_command("migrate", "registry", "0002", verbosity=0)
call_command("migrate", "serving", "0002", verbosity=0)
with connection.cursor() as cursor:
    cursor.execute("CREATE TABLE django_tasks_database_dbtaskresult (id text)")
    cursor.execute(
        "INSERT INTO registry_trainingjob (dataset_name, request, state, progress, attempt, worker, task_id, stage, "
        "timings, warnings, error, error_code, traceback, log, requested_at) VALUES ('flowers', '{}', 'queued', 0, 0, "
        "'', 'a-task', '', '[]', '[]', '', '', '', '', '2026-11-01 10:00:00')"
    )
call_command("migrate", verbosity=0)

from registry.models import TrainingJob

job = leases.claim(TrainingJob, worker="here:1")
print(job.dataset_name, job.state, "django_tasks_database_dbtaskresult" in connection.introspection.table_names())
"""


def test_a_job_that_is_queued_during_the_upgrade_is_claimed(tmp_path):
    environment = {"DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "mlplatform.settings"}
    result = subprocess.run(
        [sys.executable, "-c", UPGRADE],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(settings.BASE_DIR)} | environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert result.stdout.split() == ["flowers", "running", "False"]

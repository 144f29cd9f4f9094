"""Fixtures: accounts of every role, datasets and trained models, created by the real operations."""

import contextlib
import faulthandler
import io
import json
import os

import pandas
import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import timezone
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from rest_framework.test import APIClient

from catalog.imports.upload import add_dataset
from mlplatform.auth import token_cache
from mlplatform.jobs.children.process import FORK_SERVER
from mlplatform.jobs.models import JobState
from mlplatform.web.fast_path import FastPath
from mlplatform.web.request_body import RequestBody
from mlplatform.web.request_log import RequestLog
from registry.estimators.algorithms import all_algorithms
from registry.jobs import submission
from registry.models import ModelVersion
from registry.training import registration
from registry.training.request import TrainingRequest
from serving.model_cache.cache import shared_cache
from tests.servers.fitted import FITTED_MODELS
from tests.servers.ingested import IngestedFiles
from tests.servers.migrated import copy_database

# Two numbers, a text with gaps, and a class that follows from them: 24 rows that any algorithm can learn.
FLOWERS = "length,width,colour,species\n" + "".join(
    f"{5 + i % 3 + i % 2 * 4},{1.5 + i % 4 * 0.1},{['red', 'blue', ''][i % 3]},{['tulip', 'rose'][i % 2]}\n"
    for i in range(24)
)
# One class has one row: too rare to be in the sample of the dry run for sure, and with more classes than the profile
# lists, so only the training finds it.
LONELY = "x,kind\n" + "".join(f"{i % 7},{i % 12 + 3}\n" for i in range(1200)) + "1,2\n"

pytest_plugins = ["tests.servers.scheduling"]
DATABASE_ACCESS = pytest.StashKey()

# By default an example that takes 200 ms fails, as any does on a busy machine.
hypothesis_settings.register_profile(
    "any speed", hypothesis_settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("any speed")


@pytest.fixture(autouse=True)
def _empty_memory():
    yield
    shared_cache().clear()
    token_cache.shared_cache().clear()


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def committed(transactional_db, django_db_serialized_rollback):
    """Rows are committed, so that other threads see them. The rows of the migrations, such as roles, are there too."""


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix):
    """The database of the run, which is migrated once for all workers."""
    copy_database(connection.settings_dict["TEST"]["NAME"])


@pytest.fixture(scope="session")
def django_db_keepdb():
    return True


@pytest.fixture(scope="session", autouse=True)
def _database_access(request, django_db_blocker):
    request.config.stash[DATABASE_ACCESS] = django_db_blocker


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item):
    """Restore the rows of the migrations, which a test that commits leaves empty for the next file."""
    result = yield
    if "committed" in item.fixturenames:
        with item.config.stash[DATABASE_ACCESS].unblock():
            connection.creation.deserialize_db_from_string(connection._test_serialized_contents)
    return result


@pytest.fixture
def make_user(db):
    def make(role="administrator", **fields):
        username = fields.pop("username", role.replace(" ", "_") if role else "nobody")
        user = get_user_model().objects.create_user(username=username, password="correct horse", **fields)
        if role:
            user.groups.add(Group.objects.get(name=role))
        return user

    return make


@pytest.fixture
def admin(make_user):
    return make_user("administrator", username="ada")


@pytest.fixture
def api(admin):
    client = APIClient()
    client.force_authenticate(admin)
    return client


@pytest.fixture
def sign_in(client, make_user):
    """Signs in a new user of a role."""

    def as_(role):
        client.force_login(make_user(role))
        return client

    return as_


@pytest.fixture
def page(client, admin):
    client.force_login(admin)
    return client


@pytest.fixture
def program():
    """Calls the application as a web server does, by WSGI: Django's test client bypasses the fast path."""
    application = RequestLog(RequestBody(FastPath(get_wsgi_application())))

    def call(method, path, body=b"", *, content_type="application/json", stream=None, **headers):
        content = body if isinstance(body, str | bytes) else json.dumps(body)
        request = RequestFactory().generic(method, path, content, content_type=content_type, headers=headers)
        environ = request.environ | {
            "PATH_INFO": request.path_info.encode().decode("latin-1"),
            "wsgi.input": stream or io.BytesIO(content.encode() if isinstance(content, str) else content),
            "wsgi.input_terminated": True,
        }  # as the web servers have it
        begun = []
        parts = application(environ, lambda status, headers: begun.extend([status, headers]))
        answer = HttpResponse(b"".join(parts), status=int(begun[0][:3]), headers=dict(begun[1]))
        answer.json = lambda: json.loads(answer.content)
        if hasattr(parts, "close"):
            parts.close()
        return answer

    return call


@pytest.fixture(scope="session")
def ingested_files():
    return IngestedFiles()


@pytest.fixture
def make_dataset(admin, ingested_files):
    def make(name="flowers", content=FLOWERS, *, filename=None, by=None, **fields):
        content = content.encode() if isinstance(content, str) else content
        fields = {"filename": filename or f"{name}.csv", "name": name, "by": by or admin} | fields
        version, _ = add_dataset(io.BytesIO(content), **fields, ingest=ingested_files.ingest)
        return version

    return make


@pytest.fixture
def make_job(admin, make_dataset):
    def make(source=None, *, module="tree", class_name="DecisionTreeClassifier", by=None, **fields):
        request = TrainingRequest(module=module, class_name=class_name, **fields)
        job = submission.submit(source or make_dataset(), request=request, by=by or admin)
        job.refresh_from_db()
        return job

    return make


@pytest.fixture
def make_version(admin, make_dataset):
    """Registers a model without the preflight checks, the outcome and the diagnostics of a job: see make_job."""

    def make(source=None, *, module="tree", class_name="DecisionTreeClassifier", by=None, **fields):
        source = source or make_dataset()
        request = TrainingRequest(module=module, class_name=class_name, **fields)
        request = submission.resolve(source, request=request)
        job = submission.new_job(source, request=request, by=by or admin, warnings=[])
        job.state, job.attempt, job.started_at = JobState.RUNNING, 1, timezone.now()
        job.save()
        fit = FITTED_MODELS.fit
        model = fit(source, request=request, progress=lambda *args: None, with_diagnostics=False)
        version = registration.register(job, model)
        return ModelVersion.objects.get(pk=version.pk)  # it shares nothing with the fitted model

    return make


@pytest.fixture(scope="session", autouse=True)
def _fork_server():
    """Child processes are forks of this process as it is before the first test, with the slow imports done."""
    all_algorithms()
    os.register_at_fork(after_in_child=faulthandler.disable)  # pytest has enabled it
    FORK_SERVER.fork()


@pytest.fixture
def broken_storage():
    """A local object store that fails within a `with` block: a file replaces its folder."""

    @contextlib.contextmanager
    def broken(bucket):
        folder = settings.DATA_DIR / bucket
        folder.mkdir(exist_ok=True)
        aside = folder.with_name(f"{bucket}-aside")
        folder.rename(aside)
        folder.touch()
        try:
            yield
        finally:
            folder.unlink()
            aside.rename(folder)

    return broken


@pytest.fixture
def full_disk(settings):
    """Call it with the name of a storage: its disk then is full."""

    def fill(name):
        storage = settings.STORAGES[name] | {"BACKEND": "tests.servers.full_disk.FullDisk"}
        settings.STORAGES = settings.STORAGES | {name: storage}

    return fill


@pytest.fixture
def flowers_frame():
    return pandas.read_csv(io.StringIO(FLOWERS))

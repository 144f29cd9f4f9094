"""The platform's settings for tests: a data folder of the run's own, jobs that run at once in the test's process."""

import atexit
import os
import shutil
import tempfile

# A process that the tests of this worker start without other settings, such as a fork server in the place of a killed
# one, has the same data.
OWNER = os.environ.get("PYTEST_XDIST_WORKER", "main")
if os.environ.get("TEST_DATA_OWNER") == OWNER:
    DATA = os.environ["DATA_DIR"]
else:
    DATA = tempfile.mkdtemp(prefix="mlmp-test-")
    atexit.register(shutil.rmtree, DATA, ignore_errors=True)
    os.environ |= {"DATA_DIR": DATA, "TEST_DATA_OWNER": OWNER}
os.environ.setdefault("TEST_RUN_FOLDER", DATA)  # of the first process; see tests/servers/migrated.py
os.environ.setdefault("OMP_NUM_THREADS", "1")  # on small tables, OpenMP threads of several workers only wait
for name in ("datasets", "trained-models"):
    os.makedirs(os.path.join(DATA, name), exist_ok=True)
for name in ("DEBUG", "SECRET_KEY", "DATABASE_URL", "OBJECT_STORAGE", "MAX_UPLOAD_MB"):
    os.environ.pop(name, None)

from mlplatform.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DATABASES["default"] |= {"ENGINE": "tests.servers.sqlite", "TEST": {"NAME": f"{DATA}/test.db"}}  # noqa: F405
DATABASES["default"]["OPTIONS"]["init_command"] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"  # noqa: F405
# WhiteNoise lists this folder for every test client, which takes 35 ms if `manage.py run` has collected files there.
STATIC_ROOT = os.path.join(DATA, "static")
os.makedirs(STATIC_ROOT, exist_ok=True)
STORAGES["staticfiles"] = {"BACKEND": "tests.servers.static_files.StaticFilesWithoutManifest"}  # noqa: F405
JOB_QUEUED_HOOK = "tests.jobs_at_once.run"
JOB_POLL_S = 0.01
# Here, so that child processes have it too: see tests/catalog/reference/conftest.py.
LAKE = f"{os.path.realpath(DATA)}-lake"
atexit.register(shutil.rmtree, LAKE, ignore_errors=True)
REGISTER_PREFIXES = [f"file://{LAKE}/"]
PRELOAD = []  # the child processes of the tests need no scikit-learn

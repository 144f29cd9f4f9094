"""The platform as it runs: the web server and training workers as processes, called by HTTP."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psutil
import requests

from mlplatform.jobs.children.fork_server import SERVER_NAME
from tests.servers.migrated import ROOT, copy_database
from tests.servers.object_store import ObjectStore
from tests.servers.postgres import Postgres
from tests.servers.processes import Processes, free_ports, group_leaders, until
from tests.servers.rows import DatabaseRows
from tests.servers.stored import Stored, UnavailableStore

PASSWORD = "correct horse battery"
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH")

# Eleven small rows a class: a decision tree learns them in a millisecond.
TABLE = "length,width,colour,species\n" + "".join(
    f"{5 + i % 3 + i % 2 * 4},{1.5 + i % 4 * 0.1},{['red', 'blue', ''][i % 3]},{['tulip', 'rose'][i % 2]}\n"
    for i in range(22)
)
ROWS = [[5, 1.5, "red"], [9, 1.6, "blue"], [None, 1.7, "green"], [11, None, None]]
TREE = {"module": "tree", "class": "DecisionTreeClassifier"}
MAX_ATTEMPTS = 3
TRAIN_MEMORY_MB = 600
STEPS = ["loading", "checking", "fitting", "evaluating", "saving"]
# About two seconds from the first import to the last byte.
SHORT = {"module": "ensemble", "class": "ExtraTreesClassifier", "params": {"n_estimators": 400}}
# Boosting, which fits its first tree at once: a forest first makes its 50,000 trees, for 20 seconds on a busy machine.
ENDLESS = {
    "module": "ensemble",
    "class": "GradientBoostingClassifier",
    "params": {"n_estimators": 100_000, "learning_rate": 0.0001},
}


class Platform(DatabaseRows):
    def __init__(
        self,
        processes: Processes,
        *,
        server: str = "gunicorn",
        postgres: Postgres | None = None,
        store: ObjectStore | None = None,
        **env,
    ):
        self.processes, self.store = processes, store
        self.folder = processes.folder("platform")
        self.data = self.folder / "data"
        (self.port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = {name: os.environ[name] for name in KEPT if name in os.environ} | {
            "DJANGO_SETTINGS_MODULE": "mlplatform.settings",
            "PYTHONPATH": str(ROOT),
            "DATA_DIR": str(self.data),
            "SECRET_KEY": "the key of the stack tests, which is as long as Django wants a key to be",
            "PORT": str(self.port),
            "TMPDIR": str(self.folder),  # killed processes leave files
            "WEB_SERVER": server,
            "WEB_WORKERS": "2",
            "WEB_THREADS": "8",
            "DRAIN_S": "0",
            "PLATFORM_ADMIN_PASSWORD": PASSWORD,
            # Short, so that no test waits for a dead worker's lease of half a minute.
            "TRAIN_LEASE_S": "5",
            "TRAIN_MAX_ATTEMPTS": str(MAX_ATTEMPTS),
            "TRAIN_MEMORY_MB": str(TRAIN_MEMORY_MB),
            "JOB_POLL_MS": "100",
        }
        if postgres:
            self.env["DATABASE_URL"] = postgres.create(self.folder.name)
        if store:
            self.env |= {
                "OBJECT_STORAGE": "s3",
                "OBJECT_STORAGE_ENDPOINT": store.endpoint,
                "OBJECT_STORAGE_ACCESS_KEY": store.key,
                "OBJECT_STORAGE_SECRET_KEY": store.secret,
                "DATASETS_BUCKET": self.folder.name.replace("_", "") + "-datasets",
                "TRAINED_MODELS_BUCKET": self.folder.name.replace("_", "") + "-models",
                "REGISTER_PREFIXES": "s3://lake/",
            }
        self.env |= env
        self.workers: list[subprocess.Popen] = []
        self.prepare()
        self.start_web()
        credentials = {"username": "admin", "password": PASSWORD}
        self.token = self.post("/auth/token", credentials, token=None).json()["token"]

    # Processes

    def prepare(self) -> None:
        """Create the tables, the buckets and the administrator."""
        self.copy_migrated()
        self.manage("bootstrap")

    def copy_migrated(self) -> None:
        """Create the tables of SQLite. The tests of `bootstrap` and `run` start without any."""
        if "DATABASE_URL" not in self.env:
            self.data.mkdir(mode=0o700)
            copy_database(self.data / "ml_registry.db")

    def manage(self, *args: str, **env: str) -> str:
        command = [sys.executable, "manage.py", *args]
        done = subprocess.run(command, env=self.env | env, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start_web(self, *, probe: str = "/readyz") -> None:
        self.web = self.processes.start(
            [sys.executable, "-m", "mlplatform.web"],
            env=self.env,
            log=self.folder / "web.log",
        )
        until(lambda: self.get(probe, token=None).status_code == 200, what=f"200 from {probe}")

    def restart_web(self, *, probe: str = "/readyz") -> None:
        """New web processes, which hold no model in memory."""
        self.processes.stop(self.web)
        self.start_web(probe=probe)

    def web_processes(self) -> list[psutil.Process]:
        """The processes that answer requests, without the parent that forks them."""
        return [
            process for process in psutil.Process(self.web.pid).children() if process.name() != SERVER_NAME
        ]

    def run_workers(self, count: int, *, env: dict[str, str] | None = None) -> list[subprocess.Popen]:
        """Start or stop training workers until this many run; `env` is the environment of those that it starts."""
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) > count:
            self.processes.stop(self.workers.pop())
        while len(self.workers) < count:
            self.workers.append(
                self.processes.start(
                    [sys.executable, ROOT / "manage.py", "worker"],
                    env=env or self.env,
                    log=self.folder / "worker.log",
                )
            )
        return self.workers

    def trainings(self) -> list[psutil.Process]:
        """The processes that train for this platform's workers, each in its own process group."""
        running = [worker for worker in self.workers if worker.poll() is None]
        return [child for worker in running for child in group_leaders(worker)]

    def logs(self) -> str:
        return "\n".join(
            f"--- {path.name}\n{path.read_text(errors='replace')[-4000:]}"
            for path in sorted(self.folder.glob("*.log"))
        )

    # HTTP

    def call(self, method: str, path: str, *, token: str | None = "", headers=None, **fields):
        token = self.token if token == "" else token
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        with requests.Session() as session:
            session.trust_env = False
            try:
                return session.request(
                    method,
                    self.url + path,
                    headers=authorization | (headers or {}),
                    **{"timeout": 120, **fields},
                )
            except requests.ConnectionError:
                if path not in {"/readyz", "/livez"}:
                    raise
                response = requests.Response()
                response.status_code = 0
                return response

    def get(self, path: str, **fields):
        return self.call("GET", path, **fields)

    def post(self, path: str, json=None, **fields):
        return self.call("POST", path, json=json, **fields)

    def upload(self, name: str, content: str | bytes = TABLE, **fields):
        return self.post("/datasets/upload", files={"file": (f"{name}.csv", content)}, data=fields)

    def train(self, dataset: str, model: dict = TREE, *, prefer: str = "wait=60", **fields):
        return self.post(
            "/train", {"dataset_name": dataset, "model": model} | fields, headers={"Prefer": prefer}
        )

    def promote(self, dataset: str, version: int, stage: str):
        return self.post("/promote", {"dataset_name": dataset, "version": version, "target_stage": stage})

    def predict(self, dataset: str, stage: str, rows=ROWS, **fields):
        body = {"dataset_name": dataset, "environment": stage, "input_data": {"features": rows}}
        return self.post("/predict", body | fields)

    def train_versions(self, dataset: str, *, versions: int = 1) -> None:
        """Create a dataset with this many model versions, and have a worker for what follows."""
        self.run_workers(max(1, len(self.workers)))
        response = self.upload(dataset)
        assert response.status_code == 201, response.text
        for number in range(1, versions + 1):
            response = self.train(dataset)
            assert (response.status_code, response.json().get("version")) == (201, number), response.text

    def finished(self, job: int) -> dict:
        """Wait until a job has finished, and return it."""

        def poll():
            result = self.get(f"/jobs/{job}").json()
            return result if result["state"] not in {"queued", "running"} else None

        return until(poll, what=f"The end of job {job}", pause=0.2)

    def wait_for_stage(self, job: int, stage: str) -> None:
        """Wait until a running job has reached a stage. Raises AssertionError if it finishes first."""

        def poll():
            result = self.get(f"/jobs/{job}").json()
            assert result["state"] in {"queued", "running"}, result
            return result["stage"] == stage

        until(poll, what=f"Job {job} at {stage}", pause=0.05)

    def begin(self, dataset: str, model: dict = ENDLESS, **fields) -> int:
        """Start a training of a new dataset, and return its job once the only worker is fitting it."""
        assert self.upload(dataset).status_code == 201
        self.run_workers(1)
        job = self.train(dataset, model, prefer="respond-async", **fields).json()["job"]
        self.wait_for_stage(job, "fitting")
        return job

    def cancel(self, job: int) -> None:
        """Cancel a job and wait until it has finished, so that the worker is free for the next test."""
        assert self.post(f"/jobs/{job}/cancel").status_code == 200
        self.finished(job)

    # Storage

    def stored(self, path: str) -> Stored:
        """The object behind a path such as `trained-models/iris/.../iris_model_dev_v1.pkl`."""
        bucket, _, key = path.partition("/")
        return Stored(self, bucket, key)

    def store_unavailable(self):
        return UnavailableStore(self)


class Supervised(Platform):
    """The platform as `make run` starts it: one command, which prepares it, and starts and watches all others."""

    def prepare(self) -> None:
        """The command does the rest."""
        self.copy_migrated()

    def start_web(self, *, probe: str = "/readyz") -> None:
        self.web = self.processes.start(
            [sys.executable, ROOT / "manage.py", "run"],
            env=self.env | {"TRAIN_WORKERS": "1"},
            log=self.folder / "run.log",
            last=signal.SIGTERM,
        )
        until(lambda: self.get(probe, token=None).status_code == 200, what=f"200 from {probe}")

    def run_workers(self, count: int, **options) -> list[subprocess.Popen]:
        """Does nothing: the command starts its own worker."""
        return []

    def web_processes(self) -> list[psutil.Process]:
        """The processes that answer requests, without the parent that forks them."""
        of_run = psutil.Process(self.web.pid).children(recursive=True)
        servers = [process for process in of_run if "mlplatform.web" in process.cmdline()]
        return [
            process for process in servers if process.parent() in servers and process.name() != SERVER_NAME
        ]


def at_once(*calls: Callable) -> list:
    """The results of simultaneous calls, in the order of the calls."""
    gate = threading.Barrier(len(calls))

    def wait_and_call(call: Callable):
        gate.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(wait_and_call, calls))


def statuses(responses: list) -> list[int]:
    return sorted(response.status_code for response in responses)

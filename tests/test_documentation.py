"""The documentation names only what exists: files, functions, commands, metrics, error codes and links."""

import importlib
import re
import tomllib
from pathlib import Path

import pytest
from django.core.management import get_commands

from registry.evaluation import definitions
from serving.monitoring import prometheus

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
APPS = "mlplatform|catalog|registry|serving"
FOLDERS = f"{APPS}|templates|static|tests|benchmarks|docs|deploy"
SOURCE = [path for app in APPS.split("|") for path in (ROOT / app).rglob("*.py")]
OPERATIONS = ROOT / "docs" / "operations.md"


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(path: Path) -> str:
    """The page without the code blocks, whose examples can name the reader's files; diagrams stay."""
    return re.sub(r"^```(?!mermaid).*?^```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)


def anchors(path: Path) -> set[str]:
    """The ids that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def imports(dotted: str) -> bool:
    """Whether a dotted name is a module, or an attribute of one."""
    module, attributes = dotted, []
    while module:
        try:
            found = importlib.import_module(module)
        except ModuleNotFoundError:
            module, _, attribute = module.rpartition(".")
            attributes.insert(0, attribute)
            continue
        for attribute in attributes:
            if not hasattr(found, attribute):
                return False
            found = getattr(found, attribute)
        return True
    return False


def rows(section: str) -> list[list[str]]:
    """The cells of the table rows in a section of the operations page."""
    text = OPERATIONS.read_text().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines() if line.startswith("| ")]


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_links_between_pages_resolve(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        file, _, anchor = target.partition("#")
        if not file.startswith(("http:", "https:")):
            linked = (path.parent / file).resolve() if file else path
            assert linked.exists(), target
            assert not anchor or anchor in anchors(linked), target


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_files_and_functions_that_a_page_names_exist(path):
    text = prose(path)
    files = re.findall(rf"`((?:{FOLDERS})/[\w./-]*)`", text)
    assert [file for file in files if not (ROOT / file).exists()] == []
    dotted = re.findall(rf"\b((?:{APPS})(?:\.[a-zA-Z_]\w+)+)\b(?![/.]\w)", text)
    missing = [
        found for found in dotted if not found.endswith((".py", ".md", ".example")) and not imports(found)
    ]
    assert missing == []


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_commands_that_a_page_names_exist(path):
    text = path.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"^make ([a-z][a-z-]+)|`make ([a-z][a-z-]+)", text, re.MULTILINE)) <= {
        pair for target in targets for pair in ((target, ""), ("", target))
    }
    assert set(re.findall(r"manage\.py ([a-z][a-z_]+)", text)) <= set(get_commands())


def test_the_operations_page_explains_every_metric(db):
    exposed = re.findall(
        r"^# TYPE (mlmp_\w+)", (prometheus.of_machine() + prometheus.of_jobs()).decode(), re.MULTILINE
    )
    exposed = {metric for metric in exposed if not metric.endswith("_created")}
    explained = re.findall(r"`(mlmp_\w+)`", " ".join(cells[0] for cells in rows("Metrics")))
    assert sorted(explained) == sorted(exposed)


def test_the_error_codes_of_the_troubleshooting_table_exist():
    source = "\n".join(path.read_text() for path in SOURCE)
    codes = re.findall(r"503 `(\w+)`", " ".join(cells[0] for cells in rows("Troubleshooting")))
    assert codes
    assert [code for code in codes if f'"{code}"' not in source] == []


def test_the_decisions_explain_every_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.match(r"[a-z0-9-]+", dependency)[0] for dependency in project["dependencies"]}
    page = (ROOT / "docs" / "decisions" / "dependencies.md").read_text()
    first_cells = " ".join(line.split("|")[1] for line in page.splitlines() if line.startswith("| "))
    assert names <= set(re.findall(r"[a-z0-9-]+", first_cells))


def test_git_ignores_the_folder_of_the_backup_commands():
    assert "mkdir -p backup\n" in (ROOT / "docs/operations.md").read_text()
    assert "/backup/" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_index_of_decisions_lists_every_page():
    folder = ROOT / "docs" / "decisions"
    pages = {path.name for path in folder.glob("*.md")} - {"README.md"}
    assert pages == set(
        re.findall(r"^\| \[.+\]\(([\w-]+\.md)\)", (folder / "README.md").read_text(), re.MULTILINE)
    )


def test_the_table_of_metrics_is_that_of_the_code():
    text = (ROOT / "docs" / "api.md").read_text()
    table = [f"| `{m.name}` | {m.better or ''} | {m.explanation} |" for m in definitions.METRICS]
    assert "\n".join(table) in text

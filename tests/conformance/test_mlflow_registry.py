"""MLflow's registry client and its model loaders, against the platform as their tracking server."""

import json
import subprocess
import sys

import pytest

from tests.conformance import table
from tests.conformance.conftest import CLIENTS, PYTHON
from tests.servers.platform import PASSWORD


@pytest.fixture(scope="module")
def results(platform, client):
    platform.train_versions("registered", versions=2)
    return client("mlflow_registry.py", password=PASSWORD)


def test_models_and_versions_are_found(results):
    assert results["model"] == ["registered", {"dev": "2"}, ["2"]]
    assert results["models"] == [["flowers", "numbers", "registered"], *[["registered"]] * 3, []]
    assert results["versions"] == [["2", "1"], ["2"], ["1"], []]
    assert results["pages"] == [["2"], ["1"], False]


def test_a_version_has_its_status_and_source(results):
    assert results["status"] == ["READY", "mlflow-artifacts:/registered/1", "admin"]


def test_descriptions_and_tags_are_written(results):
    assert results["descriptions"] == ["A model.", "A version."]
    assert results["tags"] == [{"team": "risk"}, {"checked by": "ada"}, ["registered"], ["1"]]
    assert results["no tags"] == [{}, {}]


def test_stages_and_aliases_are_releases(platform, results):
    assert results["stages"] == ["Staging", "Production"]
    assert results["latest"] == ["2"]
    ones = dict.fromkeys(["staging", "production", "champion"], "1")
    assert results["aliases"] == {"dev": "2", "challenger": "2"} | ones
    version = platform.get("/models/registered/1").json()
    assert version["live_in"] == ["staging", "production"]


def test_files_are_downloaded(results):
    assert results["uri"] == "mlflow-artifacts:/registered/2"
    assert {"MLmodel", "model.pkl", "requirements.txt"} < set(results["files"])


def test_errors_have_mlflows_codes(results):
    assert results["errors"] == [
        *("RESOURCE_DOES_NOT_EXIST", "RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"),
        *("RESOURCE_ALREADY_EXISTS", "NOT_IMPLEMENTED", "NOT_IMPLEMENTED", "INVALID_PARAMETER_VALUE"),
        *("INVALID_PARAMETER_VALUE", "NOT_IMPLEMENTED", "NOT_IMPLEMENTED"),
    ]
    assert results["unauthenticated"] == "UNAUTHENTICATED"
    assert results["by password"] == "registered"


@pytest.fixture(scope="module")
def loaded(platform, tmp_path_factory):
    """The results of models loaded with the libraries of their artifacts: the clients have an older pandas."""
    folders = subprocess.run(
        [PYTHON, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], capture_output=True, text=True
    )  # fmt: skip
    case = {
        "url": platform.url, "token": platform.token, "clients": folders.stdout.strip(), "names": table.NAMES,
        "rows": table.ROWS, "numbers": table.NUMBER_ROWS,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-I", "-W", "ignore", CLIENTS / "mlflow_load.py"],
        input=json.dumps(case), capture_output=True, text=True, cwd=tmp_path_factory.mktemp("elsewhere"), timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("form", ["function", "with times", "pipeline", "by stage", "latest"])
def test_a_loaded_model_predicts_what_the_platform_predicts(loaded, expected, form):
    assert loaded["platform"] == []
    assert loaded[form] == expected["predictions"]


def test_probabilities_and_numbers_are_those_of_the_platform(loaded, expected, expected_numbers):
    assert loaded["probabilities"] == expected["probabilities"]
    assert loaded["numbers"] == expected_numbers


def test_the_signature_and_the_example_are_read(loaded):
    assert loaded["inputs"] == [[name, True] for name in table.NAMES]
    assert loaded["example"] == 1
    assert "width" in loaded["missing"]

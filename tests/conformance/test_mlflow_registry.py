"""MLflow's registry client and its model loaders, against the platform as their tracking server."""

import sys
import sysconfig

import pytest

from tests.conformance import table
from tests.conformance.conftest import OLDER, PACKAGES, PYTHON, environment, run_file
from tests.servers.mlflow_server import call, is_up
from tests.servers.platform import PASSWORD
from tests.servers.processes import free_ports, until

DATASETS = {"3.17.": "registered", "3.15.": "promoted"}  # of each version of the client


@pytest.fixture(scope="module", params=DATASETS)
def results(request, platform, client):
    name = DATASETS[request.param]
    platform.train_versions(name, versions=2)
    results = client("mlflow_registry.py", older=name == "promoted", dataset=name, password=PASSWORD)
    assert results["version"].startswith(request.param)
    return results | {"name": name}


def test_models_and_versions_are_found(results):
    name = results["name"]
    assert results["model"] == [name, {"dev": "2"}, ["2"]]
    assert {"flowers", "numbers", name} <= set(results["models"][0])
    assert results["models"][1:] == [[name], [name], [name], []]
    assert results["versions"] == [["2", "1"], ["2"], ["1"], []]
    assert results["pages"] == [["2"], ["1"], False]


def test_a_version_has_its_status_and_source(results):
    assert results["status"] == ["READY", f"mlflow-artifacts:/{results['name']}/1", "admin"]


def test_descriptions_and_tags_are_written(results):
    assert results["descriptions"] == ["A model.", "A version."]
    assert results["tags"] == [{"team": "risk"}, {"checked by": "ada"}, [results["name"]], ["1"]]
    assert results["no tags"] == [{}, {}]


def test_stages_and_aliases_are_releases(platform, results):
    assert results["stages"] == ["Staging", "Production"]
    assert results["latest"] == ["2"]
    ones = dict.fromkeys(["staging", "production", "champion"], "1")
    assert results["aliases"] == {"dev": "2", "challenger": "2"} | ones
    version = platform.get(f"/models/{results['name']}/1").json()
    assert version["live_in"] == ["staging", "production"]


def test_files_are_downloaded(results):
    assert results["uri"] == f"mlflow-artifacts:/{results['name']}/2"
    assert {"MLmodel", "model.pkl", "requirements.txt"} < set(results["files"])


def test_errors_have_mlflows_codes(results):
    assert results["errors"] == [
        *("RESOURCE_DOES_NOT_EXIST", "RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"),
        *("RESOURCE_ALREADY_EXISTS", "NOT_IMPLEMENTED", "NOT_IMPLEMENTED", "INVALID_PARAMETER_VALUE"),
        *("INVALID_PARAMETER_VALUE", "NOT_IMPLEMENTED", "NOT_IMPLEMENTED"),
    ]
    assert results["unauthenticated"] == "UNAUTHENTICATED"
    assert results["by password"] == results["name"]


@pytest.fixture(scope="module", params=DATASETS)
def loaded(request, platform):
    """The results of models loaded with the libraries of their artifacts: the clients have an older pandas."""
    is_older = DATASETS[request.param] == "promoted"
    case = {
        "url": platform.url, "token": platform.token, "clients": [str(OLDER)] * is_older + [PACKAGES],
        "names": table.NAMES, "rows": table.ROWS, "numbers": table.NUMBER_ROWS,
    }  # fmt: skip
    results = run_file(sys.executable, "mlflow_load.py", case)
    assert results["version"].startswith(request.param)
    return results


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


@pytest.fixture(scope="module")
def served(platform):
    """The address of `mlflow models serve`, in an environment with the libraries of the artifacts."""
    (port,) = free_ports(1)
    paths = {"PYTHONPATH": sysconfig.get_path("purelib"), "PATH": f"{PYTHON.parent}:{platform.env['PATH']}"}
    tracking = {"MLFLOW_TRACKING_URI": platform.url, "MLFLOW_TRACKING_TOKEN": platform.token}
    server = platform.processes.start(
        [
            *(PYTHON, "-m", "mlflow", "models", "serve", "-m", "models:/flowers@production"),
            *("--env-manager", "local", "--port", port),
        ],
        log=platform.folder / "mlflow-models-serve.log",
        env=environment(**paths, **tracking),
    )
    url = f"http://127.0.0.1:{port}"
    until(lambda: is_up(f"{url}/ping"), what="mlflow models serve")
    yield lambda **body: call("POST", f"{url}/invocations", json=body)
    platform.processes.stop(server)


def test_a_model_that_mlflow_serves_predicts_what_the_platform_predicts(served, expected):
    rows = {"columns": table.NAMES, "data": table.ROWS}
    response = served(dataframe_split=rows)
    assert response.json() == {"predictions": expected["predictions"]}, response.text

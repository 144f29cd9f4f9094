"""The files of a version as MLflow stores a model."""

import io
import json
import pickle

import joblib
import pandas
import pytest
import yaml

FILES = "/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture
def download(api):
    def download(path):
        response = api.get(f"{FILES}/{path}")
        assert response.status_code == 200, response.content
        content = b"".join(response.streaming_content)
        assert len(content) == int(response["Content-Length"])
        return content

    return download


def test_the_files_of_a_version_are_listed_with_their_sizes(api, versions, download):
    files = api.get(FILES, {"path": "flowers/1"}).json()["files"]
    assert [file["path"] for file in files] == [
        *("MLmodel", "conda.yaml", "input_example.json", "model.pkl", "python_env.yaml", "requirements.txt"),
        "serving_input_example.json",
    ]
    for file in files:
        assert not file["is_dir"]
        assert len(download(f"flowers/1/{file['path']}")) == file["file_size"]
    assert api.get(FILES, {"path": "flowers/1/MLmodel"}).json() == {"files": []}


def test_the_pickle_is_the_pipeline_of_the_artifact(api, versions, download):
    pipeline = pickle.loads(download("flowers/1/model.pkl"))
    response = api.get("/models/flowers/1/artifact")
    own = joblib.load(io.BytesIO(b"".join(response.streaming_content)))
    rows = pandas.DataFrame([[5, 1.5, "red"], [None, 1.6, None]], columns=["length", "width", "colour"])
    assert pipeline.predict(rows).tolist() == own.predict(rows).tolist()
    assert pipeline.predict_proba(rows).tolist() == own.predict_proba(rows).tolist()


def test_the_mlmodel_has_both_flavors_and_a_signature(versions, download):
    model = yaml.safe_load(download("flowers/1/MLmodel"))
    assert model["flavors"]["python_function"]["loader_module"] == "mlflow.sklearn"
    assert model["flavors"]["sklearn"]["pickled_model"] == "model.pkl"
    inputs = json.loads(model["signature"]["inputs"])
    assert [(one["name"], one["type"]) for one in inputs] == [
        *(("length", "long"), ("width", "double"), ("colour", "string")),
    ]
    [output] = json.loads(model["signature"]["outputs"])
    assert output["tensor-spec"] == {"dtype": "object", "shape": [-1]}


def test_the_requirements_pin_the_libraries_of_the_artifact(versions, download):
    lines = download("flowers/1/requirements.txt").decode().splitlines()
    libraries = versions[0].libraries
    assert lines[0] == "mlflow"
    assert f"scikit-learn=={libraries['scikit-learn']}" in lines
    conda = yaml.safe_load(download("flowers/1/conda.yaml"))
    assert f"python={libraries['python']}" in conda["dependencies"]


def test_the_example_has_one_row_of_the_columns(versions, download):
    example = json.loads(download("flowers/1/input_example.json"))
    assert example["columns"] == ["length", "width", "colour"]
    assert len(example["data"]) == 1
    assert json.loads(download("flowers/1/serving_input_example.json")) == {"dataframe_split": example}


def test_names_of_any_script_survive_the_yaml(make_dataset, make_version, download):
    content = "größe 'x',\U0001f337: {a},y\n" + "1,x,a\n2,z,b\n" * 12
    make_version(make_dataset("odd", content), random_state=0)
    model = yaml.safe_load(download("odd/1/MLmodel"))
    names = [one["name"] for one in json.loads(model["signature"]["inputs"])]
    assert names == ["größe 'x'", "\U0001f337: {a}"]


@pytest.mark.parametrize(
    "path",
    [
        "flowers/1/../2/MLmodel", "../flowers/1/MLmodel", "flowers/1/./MLmodel", "flowers//1/MLmodel",
        "flowers/1/%2e%2e/MLmodel", "flowers/1/..\\MLmodel", "/etc/passwd", "flowers/1/%252e%252e/x",
        "//flowers/1", "flowers/1/MLmodel/..", "flowers/1/\0", "flowers/1/MLmodel\0.txt", "\0/1", "flowers\\1", "~/1",
        "file:///etc/passwd", "flowers/1/..;/2", "flowers/١/MLmodel", "flowers/-1", "flowers/1.0", "x" * 5_000,
        "flowers/99999999999999999999/x",
    ],
    ids=lambda path: ascii(path)[:40],
)  # fmt: skip
def test_paths_that_leave_their_folder_are_refused(api, versions, path):
    for response in (api.get(FILES, {"path": path}), api.get(f"{FILES}/{path}")):
        assert response.status_code in {400, 404}
        assert response.json()["error_code"] in {
            *("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "ENDPOINT_NOT_FOUND"),
        }


@pytest.mark.parametrize(
    "path",
    [
        "flowers",
        "flowers/1/nothing",
        "flowers/9",
        "flowers/x/MLmodel",
        "none/1",
        "flowers/1/MLmodel/x",
        "flowers/1/ MLmodel",
    ],
)
def test_a_path_without_a_file_does_not_exist(api, versions, path):
    response = api.get(f"{FILES}/{path}")
    assert (response.status_code, response.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_files_cannot_be_written(api, versions):
    for method in (api.put, api.delete):
        response = method(f"{FILES}/flowers/1/MLmodel", b"x", content_type="application/octet-stream")
        assert (response.status_code, response.json()["error_code"]) == (501, "NOT_IMPLEMENTED")


def test_a_changed_artifact_is_refused_and_not_retried(api, versions, settings):
    key = versions[0].release.key
    path = settings.DATA_DIR / settings.TRAINED_MODELS_BUCKET / key
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    response = api.get(f"{FILES}/flowers/1/model.pkl")
    assert (response.status_code, response.json()["error_code"]) == (409, "RESOURCE_CONFLICT")
    assert "was rejected" in response.json()["message"]


def test_an_object_store_that_is_down_can_be_tried_again(api, versions, broken_storage):
    with broken_storage("trained-models"):
        response = api.get(f"{FILES}/flowers/1/model.pkl")
    assert (response.status_code, response.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")


def test_a_clusterer_that_cannot_predict_has_no_python_function(make_dataset, make_version, download):
    make_version(make_dataset(), module="cluster", class_name="DBSCAN")
    assert list(yaml.safe_load(download("flowers/1/MLmodel"))["flavors"]) == ["sklearn"]

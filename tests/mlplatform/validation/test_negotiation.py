"""The Accept header of API calls."""

import pytest


@pytest.mark.parametrize("accept", ["application/octet-stream", "text/csv", "text/html", ";;;"])
def test_a_file_and_an_error_are_sent_whatever_the_client_accepts(api, make_dataset, accept):
    dataset = make_dataset()
    response = api.get(f"/datasets/{dataset.dataset.name}/file", headers={"accept": accept})
    assert (response.status_code, response["Content-Type"]) == (200, "text/csv")
    missing = api.get("/datasets/nosuch/file", headers={"accept": accept})
    assert (missing.status_code, missing["Content-Type"]) == (404, "application/json")
    assert missing.json()["code"] == "dataset_not_found"


def test_a_description_is_sent_in_the_type_that_the_client_accepts(api):
    assert api.get("/schema", headers={"accept": "application/json"})["Content-Type"] == "application/json"
    assert api.get("/schema?format=json")["Content-Type"] == "application/vnd.oai.openapi+json"
    assert api.get("/schema", headers={"accept": "text/html"})["Content-Type"].startswith(
        "application/vnd.oai.openapi"
    )


def test_the_format_of_datasets_is_a_filter(api, make_dataset):
    make_dataset()
    assert api.get("/datasets?format=csv").json()["count"] == 1
    assert api.get("/datasets?format=parquet").json()["count"] == 0
    assert api.get("/models?format=csv").json()["code"] == "unknown_parameter"

"""/metrics in Prometheus format: what is counted, and with which labels."""

import pytest
from django.db import OperationalError, connection
from prometheus_client.parser import text_string_to_metric_families

from mlplatform import storage
from mlplatform.auth import tokens
from mlplatform.errors import NotReady
from serving.prediction import predict


@pytest.fixture
def scrape(client, admin):
    headers = {"Authorization": f"Bearer {tokens.create(admin).token}"}

    def samples(path="/metrics") -> dict:
        response = client.get(path, headers=headers)
        assert response.status_code == 200
        families = text_string_to_metric_families(response.content.decode())
        return {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }

    return samples


def labels(**fields) -> tuple:
    return tuple(
        sorted(
            {"model": "flowers", "version": "1", "environment": "dev", "protocol": "native", **fields}.items()
        )
    )


def test_predictions_rows_and_input_warnings_are_counted(scrape, make_version, admin):
    make_version()
    before = scrape()
    predict("flowers", stage="dev", rows=[[9, 1.6, "blue"], [None, 1.6, "violet"]], by=admin)
    after = scrape()

    def increase(name, *labels):
        return after[name, *labels] - before.get((name, *labels), 0)

    assert increase("mlmp_predict_requests_total", *labels(outcome="ok")) == 1
    assert increase("mlmp_predict_rows_total", *labels()) == 2
    assert increase("mlmp_predict_duration_seconds_count", *labels()) == 1
    warning = (("environment", "dev"), ("kind", "unseen_category"), ("model", "flowers"))
    assert increase("mlmp_predict_input_warnings_total", *warning) == 1
    assert after["mlmp_models_resident",] >= 1
    assert after["mlmp_model_loads_total", ("result", "ok")] >= 1


def test_an_unknown_dataset_name_does_not_become_a_label(scrape, admin):
    with pytest.raises(Exception, match="No dataset"):
        predict("unknown", stage="dev", rows=[[1]], by=admin)
    unnamed = labels(model="", version="", environment="", outcome="invalid")
    assert scrape()["mlmp_predict_requests_total", *unnamed] >= 1


@pytest.mark.parametrize(
    ("path", "protocol"),
    [
        ("/predict", "native"), ("/v2/models/flowers/infer", "v2"), ("/v1/models/flowers:predict", "v1"),
        ("/invocations", "invocations"), ("/predict/file", "file"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("body", [b"{", b'{"dataset_name": "flowers", "inputs": 1}'])
def test_an_invalid_body_is_counted_once(scrape, program, admin, path, protocol, body):
    unnamed = labels(model="", version="", environment="", protocol=protocol, outcome="invalid")
    metric = ("mlmp_predict_requests_total", *unnamed)
    before = scrape().get(metric, 0)
    response = program("POST", path, body, Authorization=f"Bearer {tokens.create(admin).token}")
    assert 400 <= response.status_code < 500
    assert scrape()[metric] == before + 1


@pytest.mark.parametrize("path", ["/predict", "/v2/models/flowers/infer", "/invocations", "/predict/file"])
def test_requests_without_a_valid_token_are_not_counted(scrape, program, path):
    def request_count() -> float:
        return sum(value for name, value in scrape().items() if name[0] == "mlmp_predict_requests_total")

    before = request_count()
    for headers in ({}, {"Authorization": "Bearer invalid"}):
        assert program("POST", path, b"{}", **headers).status_code == 401
    assert request_count() == before


def test_requests_of_a_session_are_counted_too(scrape, page):
    unnamed = labels(model="", version="", environment="", outcome="invalid")
    before = scrape().get(("mlmp_predict_requests_total", *unnamed), 0)
    assert page.post("/predict", b"{", content_type="application/json").status_code == 400
    assert scrape()["mlmp_predict_requests_total", *unnamed] == before + 1


def test_the_metrics_of_a_machine_do_not_need_the_database(scrape, make_version, admin, page):
    make_version()
    predict("flowers", stage="dev", rows=[[9, 1.6, "blue"]], by=admin)

    def refuse(execute, sql, params, many, context):
        if "job" in sql:
            raise OperationalError("gone")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        samples = scrape()
        unavailable = page.get("/metrics/jobs")
    assert samples["mlmp_predict_requests_total", *labels(outcome="ok")] >= 1
    assert any(name == "mlmp_build_info" for name, *_ in samples)
    assert (unavailable.status_code, unavailable.json()["code"]) == (503, "database_unavailable")


def test_the_metrics_of_jobs_come_from_the_database_and_only_from_their_own_address(scrape, make_version):
    make_version()
    after = scrape("/metrics/jobs")
    assert after["mlmp_jobs", ("state", "succeeded")] == 1
    assert after["mlmp_jobs", ("state", "queued")] == 0
    assert after["mlmp_job_duration_seconds_count", ("outcome", "succeeded")] == 1
    assert after["mlmp_job_queue_age_seconds",] == 0
    assert not {name for name, *_ in after} & {name for name, *_ in scrape()}


@pytest.mark.parametrize("path", ["/metrics", "/metrics/jobs"])
def test_metrics_require_authentication(client, page, path):
    assert page.get(path).status_code == 200
    client.logout()
    assert client.get(path).status_code == 401


@pytest.mark.parametrize("header", ["Bearer a b", "Bearer ", "Bearer a"])
def test_metrics_reject_a_header_that_is_not_a_token(program, db, header):
    assert program("GET", "/metrics", Authorization=header).status_code == 401


def test_requests_to_the_object_store_are_counted_by_result(scrape, make_dataset, broken_storage):
    def count(operation, result) -> float:
        samples = scrape()
        return samples.get(("mlmp_storage_requests_total", ("operation", operation), ("result", result)), 0)

    saved, failed, missing = count("save", "ok"), count("save", "failed"), count("open", "missing")
    version = make_dataset()
    assert count("save", "ok") > saved
    with broken_storage("datasets"), pytest.raises(NotReady):
        make_dataset("others", "x,y\n1,2\n3,4\n")
    assert count("save", "failed") == failed + 1
    storage.datasets().delete(version.key)
    with pytest.raises(NotReady):
        storage.open_file(storage.datasets(), version.key)
    assert count("open", "missing") == missing + 1

"""/metrics: what Prometheus reads."""

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

    def samples() -> dict:
        answer = client.get("/metrics", headers=headers)
        assert answer.status_code == 200
        families = text_string_to_metric_families(answer.content.decode())
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


def test_predictions_rows_and_notices_are_counted(scrape, make_version, admin):
    make_version()
    before = scrape()
    predict("flowers", stage="dev", rows=[[9, 1.6, "blue"], [None, 1.6, "violet"]], by=admin)
    after = scrape()

    def more(name, *labels):
        return after[name, *labels] - before.get((name, *labels), 0)

    assert more("mlmp_predict_requests_total", *labels(outcome="ok")) == 1
    assert more("mlmp_predict_rows_total", *labels()) == 2
    assert more("mlmp_predict_duration_seconds_count", *labels()) == 1
    place = (("environment", "dev"), ("kind", "unseen_category"), ("model", "flowers"))
    assert more("mlmp_predict_input_warnings_total", *place) == 1
    assert after["mlmp_models_resident",] >= 1
    assert after["mlmp_model_loads_total", ("result", "ok")] >= 1


def test_a_refused_prediction_is_counted_without_a_name_that_the_caller_made_up(scrape, admin):
    with pytest.raises(Exception, match="no dataset"):
        predict("made up", stage="dev", rows=[[1]], by=admin)
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
def test_a_body_that_asks_for_nothing_is_counted_once(scrape, program, admin, path, protocol, body):
    unnamed = labels(model="", version="", environment="", protocol=protocol, outcome="invalid")
    place = ("mlmp_predict_requests_total", *unnamed)
    before = scrape().get(place, 0)
    answer = program("POST", path, body, Authorization=f"Bearer {tokens.create(admin).token}")
    assert 400 <= answer.status_code < 500
    assert scrape()[place] == before + 1


@pytest.mark.parametrize("path", ["/predict", "/v2/models/flowers/infer", "/invocations", "/predict/file"])
def test_who_has_no_token_is_not_counted(scrape, program, path):
    def refused() -> float:
        return sum(value for name, value in scrape().items() if name[0] == "mlmp_predict_requests_total")

    before = refused()
    for headers in ({}, {"Authorization": "Bearer made up"}):
        assert program("POST", path, b"{}", **headers).status_code == 401
    assert refused() == before


def test_a_person_s_call_is_counted_like_a_program_s(scrape, page):
    unnamed = labels(model="", version="", environment="", outcome="invalid")
    before = scrape().get(("mlmp_predict_requests_total", *unnamed), 0)
    assert page.post("/predict", b"{", content_type="application/json").status_code == 400
    assert scrape()["mlmp_predict_requests_total", *unnamed] == before + 1


def test_what_the_processes_counted_is_told_without_the_database(scrape, make_version, admin):
    make_version()
    predict("flowers", stage="dev", rows=[[9, 1.6, "blue"]], by=admin)

    def refuse(execute, sql, params, many, context):
        if "job" in sql:
            raise OperationalError("gone")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        told = scrape()
    assert told["mlmp_predict_requests_total", *labels(outcome="ok")] >= 1
    assert not any(name == "mlmp_jobs" for name, *_ in told)


def test_jobs_come_from_the_database(scrape, make_version):
    make_version()
    after = scrape()
    assert after["mlmp_jobs", ("state", "succeeded")] == 1
    assert after["mlmp_jobs", ("state", "queued")] == 0
    assert after["mlmp_job_duration_seconds_count", ("outcome", "succeeded")] == 1
    assert after["mlmp_job_queue_age_seconds",] == 0
    assert any(name == "mlmp_build_info" for name, *_ in after)


def test_it_asks_for_a_credential(client, page):
    assert page.get("/metrics").status_code == 200
    client.logout()
    assert client.get("/metrics").status_code == 401


def test_every_request_to_the_object_store_is_counted_by_what_came_of_it(
    scrape, make_dataset, broken_storage
):
    def counted(operation, result) -> float:
        samples = scrape()
        return samples.get(("mlmp_storage_requests_total", ("operation", operation), ("result", result)), 0)

    saved, failed, missing = counted("save", "ok"), counted("save", "failed"), counted("open", "missing")
    version = make_dataset()
    assert counted("save", "ok") > saved
    with broken_storage("datasets"), pytest.raises(NotReady):
        make_dataset("others", "x,y\n1,2\n3,4\n")
    assert counted("save", "failed") == failed + 1
    storage.datasets().delete(version.key)
    with pytest.raises(NotReady):
        storage.open_file(storage.datasets(), version.key)
    assert counted("open", "missing") == missing + 1

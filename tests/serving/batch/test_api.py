"""Scoring jobs by the API."""

import io
from datetime import timedelta

import pandas
from django.utils import timezone

from serving.models import ScoringJob
from tests.serving.batch.conftest import ROWS, TABLE, content_of

ASYNC = {"Prefer": "respond-async"}


def test_a_submitted_job_is_answered_with_its_url(api, send):
    response = send(headers=ASYNC)
    assert response.status_code == 202
    assert response["Location"] == response.json()["url"]
    assert (response.json()["rows"], response.json()["version"]) == (50, 1)
    job = api.get(response["Location"]).json()
    assert (job["state"], job["rows_done"], job["warnings"]) == (
        "succeeded", 50, {"imputed": 12, "unseen_category": 12},
    )  # fmt: skip
    result = api.get(job["result"]["url"])
    assert 'filename="New Rows_predictions.csv"' in result["Content-Disposition"]
    assert result["Content-Type"] == "text/csv; charset=utf-8"
    content = content_of(result)
    assert content == content_of(send())
    assert len(content) == job["result"]["size_bytes"]


def test_the_result_of_a_parquet_job_is_parquet(api, send):
    buffer = io.BytesIO()
    pandas.DataFrame(ROWS, columns=["length", "width", "colour"]).to_parquet(buffer)
    job = api.get(send(buffer.getvalue(), "x.parquet", headers=ASYNC)["Location"]).json()
    assert len(pandas.read_parquet(io.BytesIO(content_of(api.get(job["result"]["url"]))))) == 50


def test_jobs_are_filtered_by_dataset_and_state(api, send):
    send(headers=ASYNC)
    assert api.get("/predict/jobs").json()["count"] == 1
    assert api.get("/predict/jobs?dataset=flowers&state=succeeded").json()["count"] == 1
    assert api.get("/predict/jobs?state=failed").json()["count"] == 0
    assert api.get("/predict/jobs?state=unknown").status_code == 400


def test_the_number_of_queries_does_not_grow_with_the_list(api, ask, django_assert_max_num_queries):
    ask()
    with django_assert_max_num_queries(10) as few:
        api.get("/predict/jobs")
    for _ in range(4):
        ask()
    with django_assert_max_num_queries(len(few)):
        api.get("/predict/jobs")


def test_a_queued_job_has_no_result_and_is_cancelled_before_it_is_deleted(api, queued):
    url = f"/predict/jobs/{queued().pk}"
    early = api.get(f"{url}/result")
    assert (early.status_code, early.json()["code"]) == (409, "job_not_ended")
    assert api.delete(url).status_code == 409
    assert api.post(f"{url}/cancel").json()["error"]["detail"] == "Cancelled by ada."
    assert api.post(f"{url}/cancel").status_code == 409
    assert api.delete(url).status_code == 204
    assert api.get(url).status_code == 404


def test_an_unknown_job_is_404(api, admin):
    for call, path in ((api.get, ""), (api.delete, ""), (api.get, "/result"), (api.post, "/cancel")):
        response = call(f"/predict/jobs/99{path}")
        assert (response.status_code, response.json()["detail"]) == (404, "There is no scoring job 99.")


def test_metrics_count_jobs_and_the_age_of_the_queue(page, queued):
    job = queued()
    ScoringJob.objects.filter(pk=job.pk).update(requested_at=timezone.now() - timedelta(seconds=90))
    text = page.get("/metrics/jobs").text
    assert 'mlmp_scoring_jobs{state="queued"} 1.0' in text
    age = next(line for line in text.splitlines() if line.startswith("mlmp_scoring_queue_age_seconds"))
    assert 89 < float(age.split()[-1]) < 100


def test_a_result_can_be_downloaded_without_formulas(api, send, page):
    table = TABLE.replace("\n", ",=1+1\n").replace("=1+1", "note", 1)
    job = api.get(send(table, headers={"Prefer": "respond-async"}).json()["url"]).json()
    exact = content_of(api.get(job["result"]["url"])).decode()
    assert ",=1+1," in exact
    on_the_page = f"/serving/jobs/{job['id']}/result/?spreadsheet=true"
    assert on_the_page in page.get(f"/serving/jobs/{job['id']}/").text
    for response in (api.get(job["result"]["url"] + "?spreadsheet=true"), page.get(on_the_page)):
        assert content_of(response).decode() == "\ufeff" + exact.replace("=1+1", "'=1+1").replace(
            "\n", "\r\n"
        )
    wrong = api.get(job["result"]["url"] + "?spreadsheet=maybe")
    assert (wrong.status_code, wrong.json()["detail"]) == (400, "`spreadsheet` must be true or false.")

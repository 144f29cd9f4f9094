"""Predicting files and following scoring jobs on pages, with the same rules as the API."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from serving.batch import service
from serving.models import ScoringJob, Verification
from tests.serving.batch.conftest import TABLE, content_of
from tests.test_parity import text_of

URL = "/serving/flowers/dev/file/"


def upload(page, content=TABLE, **fields):
    return page.post(URL, {"file": SimpleUploadedFile("rows.csv", content.encode())} | fields)


def test_a_large_file_redirects_to_the_page_of_its_job(page, version, settings):
    settings.INLINE_SCORING_ROWS = 49
    response = upload(page, probabilities="on")
    job = ScoringJob.objects.get()
    assert response["Location"] == f"/serving/jobs/{job.pk}/"
    text = page.get(response["Location"]).text
    for words in ("rows.csv", "Rows predicted", "Unseen categories", "Download result"):
        assert words in text
    assert content_of(page.get(f"/serving/jobs/{job.pk}/result/")) == service.result_file(job).open().read()
    assert f"/serving/jobs/{job.pk}/" in page.get("/serving/flowers/dev/").text


def test_a_file_for_an_unknown_stage_is_404(page, version):
    file = SimpleUploadedFile("rows.csv", TABLE.encode())
    assert page.post(URL.replace("dev", "nowhere"), {"file": file}).status_code == 404


def test_the_page_of_an_unfinished_job_refreshes_its_progress(page, running):
    job = running()
    ScoringJob.objects.update(rows_done=20, progress=0.4)
    whole, part = (page.get(f"/serving/jobs/{job.pk}/", headers=headers).text
                   for headers in ({}, {"HX-Request": "true"}))  # fmt: skip
    for text in (whole, part):
        assert 'hx-trigger="every 1s"' in text
        assert 'value="40"' in text
        assert "20 of 50 rows" in text
    assert "<html" not in part


def test_without_scripts_the_page_of_an_unfinished_job_reloads_itself(page, queued):
    job = queued()
    again = f'content="1; url=/serving/jobs/{job.pk}/"'
    assert again in page.get(f"/serving/jobs/{job.pk}/").text
    page.post(f"/serving/jobs/{job.pk}/cancel/")
    assert 'http-equiv="refresh"' not in page.get(f"/serving/jobs/{job.pk}/").text


def test_a_job_can_be_cancelled_and_deleted_on_its_page(page, queued):
    job = queued()
    assert "Starts automatically when a worker is free." in page.get(f"/serving/jobs/{job.pk}/").text
    page.post(f"/serving/jobs/{job.pk}/cancel/")
    text = page.get(f"/serving/jobs/{job.pk}/").text
    assert "No result" in text
    assert "Cancelled by ada." in text
    assert page.post(f"/serving/jobs/{job.pk}/delete/")["Location"] == "/serving/jobs/"
    assert not ScoringJob.objects.exists()


def test_other_users_see_a_job_without_its_buttons(client, ask, make_user):
    job = ask()
    client.force_login(make_user("viewer"))
    text = client.get(f"/serving/jobs/{job.pk}/").text
    assert "Download result" in text
    assert "Delete job" not in text
    assert client.post(f"/serving/jobs/{job.pk}/delete/").status_code == 403


def test_jobs_are_listed_and_filtered(page, version, ask):
    assert "No scoring jobs yet" in page.get("/serving/jobs/").text
    job = ask()
    assert f"/serving/jobs/{job.pk}/" in page.get("/serving/jobs/?dataset=flowers").text
    assert "No matching scoring jobs" in page.get("/serving/jobs/?state=failed").text


def test_the_admin_shows_jobs(page, ask):
    job = ask()
    for path in ("?q=flowers", f"{job.pk}/change/"):
        assert "New Rows.csv" in page.get(f"/admin/serving/scoringjob/{path}").text


def test_a_dataset_can_be_named_jobs(page, make_version, make_dataset):
    make_version(make_dataset("jobs"))
    assert page.get("/serving/jobs/dev/").status_code == 200


def test_a_small_file_is_answered_with_its_result(page, frame, version):
    assert 'action="/serving/flowers/dev/file/#file"' in page.get("/serving/flowers/dev/").text
    file = SimpleUploadedFile("rows.csv", frame.to_csv(index=False).encode())
    response = page.post(URL, {"file": file, "probabilities": "on"})
    assert 'filename="rows_predictions.csv"' in response["Content-Disposition"]
    assert (
        content_of(response)
        .decode()
        .splitlines()[0]
        .endswith("prediction,probability_rose,probability_tulip")
    )


def test_an_invalid_file_is_rejected_on_the_page(page, version):
    response = page.post(URL, {"file": SimpleUploadedFile("x.csv", b"length,width\n1,2\n")})
    assert response.status_code == 422
    assert "Column <code>colour</code> is missing" in response.text


def test_the_page_says_why_a_model_uses_the_full_pipeline(page, version):
    assert "full pipeline" not in page.get("/serving/flowers/dev/").text
    Verification.objects.update(engine="pipeline", reason="its numbers are scaled by RobustScaler")
    text = page.get("/serving/flowers/dev/").text
    assert "uses the full pipeline, because its numbers are scaled by RobustScaler." in text


@pytest.mark.parametrize(
    "content",
    ["length,width\n1,2\n", TABLE + "long,1.5,red\n", TABLE + "1,2\n", "length,width\n", ""],
)
def test_page_and_api_reject_an_invalid_file_with_the_same_sentence(page, send, content):
    by_api = send(content, headers={"Prefer": "respond-async"})
    by_page = page.post(URL, {"file": SimpleUploadedFile("New Rows.csv", content.encode())})
    assert (by_api.status_code, by_page.status_code) == (400, 422)
    assert by_api.json()["detail"].removeprefix("file: ") in text_of(by_page)


def test_page_and_api_refuse_to_cancel_or_delete_with_the_same_sentence(page, api, ask, running):
    for job, method, action in ((ask(), "post", "cancel"), (running(), "delete", "delete")):
        url = f"/predict/jobs/{job.pk}" + ("/cancel" if action == "cancel" else "")
        by_api = getattr(api, method)(url)
        by_page = page.post(f"/serving/jobs/{job.pk}/{action}/", follow=True)
        assert by_api.status_code == 409
        assert by_api.json()["detail"] in text_of(by_page)


def test_a_rejected_file_leaves_the_form_to_try_the_model_usable(page, version):
    text = upload(page, content="other\n1\n").text
    assert 'hx-post="/serving/flowers/dev/"' in text
    assert 'action="/serving/flowers/dev/#answer"' in text

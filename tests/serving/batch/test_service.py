"""Scoring jobs: large tables, asked for by page and by API, run by the scorer, kept for a while."""

import html
import io
import resource
from datetime import timedelta

import pandas
import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from prometheus_client import REGISTRY

from mlplatform import storage
from mlplatform.errors import Conflict
from mlplatform.jobs import leases
from mlplatform.jobs.attempt import Aborted, Attempt, Superseded
from registry.models import JobState
from registry.promotion import delete_version
from serving.batch import attempt, cleanup, scorer, service
from serving.models import ScoringJob, result_name
from serving.prediction import predict

ROWS = [[5 + i % 5, 1.5, ["red", "blue", None, "violet"][i % 4]] for i in range(50)]
TABLE = pandas.DataFrame(ROWS, columns=["length", "width", "colour"]).to_csv(index=False)


@pytest.fixture
def version(make_version):
    return make_version()


@pytest.fixture
def ask(version, admin):
    def make(content=TABLE, *, filename="New Rows.csv", by=None, **fields):
        file = io.BytesIO(content.encode() if isinstance(content, str) else content)
        wanted = {"stage": "dev", "by": by or admin, "as_job": True} | fields
        job = service.score("flowers", file=file, filename=filename, **wanted)
        job.refresh_from_db()
        return job

    return make


@pytest.fixture
def queued(ask, settings):
    """A job that no scorer has claimed yet."""

    def make(*args, **fields):
        settings.JOB_QUEUED_HOOK = ""
        return ask(*args, **fields)

    return make


@pytest.fixture
def running(queued):
    def make(*, expired=False, **fields):
        job = queued()
        claimed = leases.claim(ScoringJob, worker="here:1")
        expiry = {"lease_expires_at": timezone.now() - timedelta(seconds=1)} if expired else {}
        ScoringJob.objects.filter(pk=job.pk).update(**expiry, **fields)
        return claimed

    return make


@pytest.fixture
def send(api, version):
    def post(content=TABLE, name="New Rows.csv", headers=None, **fields):
        file = SimpleUploadedFile(name, content.encode() if isinstance(content, str) else content)
        body = {"dataset_name": "flowers", "environment": "dev", "file": file} | fields
        return api.post("/predict/file", body, format="multipart", headers=headers or {})

    return post


def attempt_of(job: ScoringJob, **options) -> None:
    """Run the queued job in this process."""
    claimed = leases.claim(ScoringJob, worker="here:1")
    assert claimed.pk == job.pk
    attempt.run(Attempt(claimed, **options), retry_s=0)


def now_of(job: ScoringJob) -> ScoringJob:
    return ScoringJob.objects.get(pk=job.pk)


def content_of(answer) -> bytes:
    assert answer.status_code == 200, answer
    return b"".join(answer.streaming_content)


def stored() -> list[str]:
    folder = settings.DATA_DIR / settings.DATASETS_BUCKET / cleanup.FOLDER
    return [path.name for path in folder.rglob("*.*") if path.is_file()]


@pytest.fixture(autouse=True)
def _nothing_stored():
    yield
    folder = settings.DATA_DIR / settings.DATASETS_BUCKET / cleanup.FOLDER
    for path in sorted(folder.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()


def failing(work):
    with pytest.raises(ValidationError) as refusal:
        work()
    return refusal.value


class TestAsking:
    def test_a_job_makes_the_table_that_a_prediction_makes(self, ask, admin):
        job = ask(probabilities=True)
        assert (job.state, job.rows, job.rows_done, job.progress) == ("succeeded", 50, 50, 1)
        read = pandas.read_csv(service.open_result(job))
        wanted = predict("flowers", stage="dev", rows=ROWS, by=admin, probabilities=True)
        assert read["prediction"].tolist() == wanted.predictions
        assert read[["probability_rose", "probability_tulip"]].to_numpy().tolist() == wanted.probabilities
        assert job.result_name == "New Rows_predictions.csv"

    @pytest.mark.parametrize("sent", ["rows.csv", "rows.CSV.gz", "rows"])
    def test_its_result_is_called_after_the_file(self, sent):
        assert result_name(sent, "csv") == "rows_predictions.csv"

    def test_input_warnings_are_counted(self, ask):
        assert ask().input_warnings == {"imputed": 12, "unseen_category": 12}

    def test_the_file_goes_when_its_result_is_there(self, ask):
        job = ask()
        assert (job.input_key, stored()) == ("", ["result.csv"])
        assert job.result_size == len(service.open_result(job).read())

    def test_the_version_is_the_one_that_was_live_when_the_job_was_submitted(
        self, queued, make_version, version, settings
    ):
        job = queued()
        settings.JOB_QUEUED_HOOK = "tests.jobs_at_once.run"
        make_version(version.dataset_version)
        attempt_of(job)
        assert (now_of(job).state, now_of(job).version) == ("succeeded", 1)

    def test_small_tables_are_answered_at_once_and_large_ones_are_jobs(self, version, admin, monkeypatch):
        def made():
            file = io.BytesIO(TABLE.encode())
            return service.score("flowers", stage="dev", file=file, filename="x.csv", by=admin)

        assert isinstance(made(), service.Scored)
        for name, limit in (("INLINE_BYTES", len(TABLE) - 1), ("INLINE_ROWS", 49)):
            with monkeypatch.context() as patched:
                patched.setattr(service, name, limit)
                assert isinstance(made(), ScoringJob)

    def test_what_takes_long_or_grows_large_becomes_a_job(self, version, admin, monkeypatch):
        table = "length,width,colour\n" + "5,1.5,red\n" * 2000
        for name in ("INLINE_S", "INLINE_RESULT_BYTES"):
            with monkeypatch.context() as patched:
                patched.setattr(service, name, 0)
                file = io.BytesIO(table.encode())
                job = service.score("flowers", stage="dev", file=file, filename="x.csv", by=admin)
            job.refresh_from_db()
            assert (job.state, job.rows_done) == ("succeeded", 2000)

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            ("length,width\n1,2\n", "Column `colour` is missing"),
            (TABLE + "long,1.5,red\n", "Row 51, column `length` must be a number."),
            (TABLE + "1,2\n", "Line 52"),
            ("length,width,colour\n", "no data rows"),
            ('{"length": 1}\n', "CSV or a Parquet"),
        ],
    )
    def test_a_file_that_cannot_be_scored_is_refused_before_it_is_queued(self, ask, content, words):
        assert words in failing(lambda: ask(content)).messages[0]
        assert not ScoringJob.objects.exists()
        assert stored() == []

    def test_a_fault_behind_the_first_part_ends_the_job_with_its_row_and_nothing_stored(
        self, ask, monkeypatch
    ):
        monkeypatch.setattr(scorer, "ROWS", 7)
        job = ask(TABLE + "long,1.5,red\n")
        assert (job.state, job.error) == ("failed", "Row 51, column `length` must be a number.")
        assert job.error_code == "invalid_input"
        assert stored() == []

    def test_a_model_that_gives_no_probabilities_is_not_queued(self, make_version, admin):
        make_version(module="linear_model", class_name="Perceptron")
        file = io.BytesIO(TABLE.encode())
        wanted = {"stage": "dev", "file": file, "filename": "x.csv", "by": admin, "probabilities": True}
        assert failing(lambda: service.score("flowers", **wanted)).code == "no_probabilities"

    def test_a_store_that_is_away_queues_nothing(self, ask, broken_storage):
        with broken_storage("datasets"):
            assert failing(ask).code == "storage_unavailable"
        assert not ScoringJob.objects.exists()


class TestAttempt:
    def test_a_stopping_scorer_hands_its_job_back_without_counting_the_attempt(self, queued, monkeypatch):
        monkeypatch.setattr(scorer, "ROWS", 7)
        job = queued()
        checks = iter([False, True])
        attempt_of(job, is_stopping=lambda: next(checks))
        back = now_of(job)
        assert (back.state, back.attempt, back.rows_done) == ("queued", 0, 0)
        assert stored() == ["input.csv"]

    def test_a_running_job_shows_its_progress(self, running):
        job = running()
        attempt.Progress(Attempt(job))(scorer.Counted(20, {"imputed": 3}))
        current = now_of(job)
        assert (current.rows_done, current.progress, current.input_warnings) == (20, 0.4, {"imputed": 3})

    def test_cancelling_a_running_job_interrupts_it(self, running, admin):
        job = running()
        assert service.cancel(job, by=admin).state == "running"
        with pytest.raises(Aborted, match="Cancelled by ada"):
            attempt.Progress(Attempt(job))(scorer.Counted(20, {}))

    def test_a_superseded_attempt_stops_and_changes_nothing(self, running):
        job = running()
        ScoringJob.objects.update(attempt=2)
        with pytest.raises(Superseded):
            attempt.Progress(Attempt(job))(scorer.Counted(20, {}))
        with pytest.raises(Superseded):
            attempt._succeed(Attempt(job), scorer.Counted(50, {}), key="a/b", size=1)
        assert (now_of(job).state, now_of(job).result_key) == ("running", "")

    def test_a_superseded_attempt_that_fails_leaves_the_file_to_the_next(self, queued, monkeypatch):
        monkeypatch.setattr(scorer, "ROWS", 7)
        job = queued(TABLE + "long,1.5,red\n")
        score = scorer.score

        def superseded_meanwhile(*args, **fields):
            ScoringJob.objects.update(state=JobState.QUEUED)
            return score(*args, **fields | {"tell": lambda counted: None})

        monkeypatch.setattr(scorer, "score", superseded_meanwhile)
        attempt_of(job)
        assert (now_of(job).state, now_of(job).input_key) == ("queued", job.input_key)
        assert stored() == ["input.csv"]

    def test_a_job_that_is_cancelled_while_its_result_is_stored_has_none(self, queued, admin, monkeypatch):
        job = queued()
        save = storage.save

        def cancelled_meanwhile(*args):
            save(*args)
            service.cancel(now_of(job), by=admin)

        monkeypatch.setattr(storage, "save", cancelled_meanwhile)
        attempt_of(job)
        assert (now_of(job).state, now_of(job).error) == ("cancelled", "Cancelled by ada.")
        assert stored() == []

    def test_an_end_that_was_written_twice_is_one(self, running):
        job = running()
        for _ in range(2):
            attempt._succeed(Attempt(job), scorer.Counted(50, {}), key="a/b", size=1)
        assert now_of(job).result_key == "a/b"

    def test_a_version_that_is_deleted_meanwhile_is_the_reason(self, queued, make_version, version, admin):
        job = queued()
        ScoringJob.objects.update(model_version=None)
        attempt_of(job)
        assert (now_of(job).state, now_of(job).error_code) == ("failed", "version_deleted")

    def test_a_store_that_loses_the_file_fails_the_job_with_its_sentence(self, queued, monkeypatch):
        job = queued()
        ScoringJob.objects.update(input_key="scoring-jobs/nothing/input.csv")
        attempt_of(job)
        assert (now_of(job).state, now_of(job).error_code) == ("failed", "storage_missing")

    def test_a_disk_without_room_for_the_result_keeps_no_half_of_it(self, queued, monkeypatch):
        job = queued()
        save, limits = storage.save, resource.getrlimit(resource.RLIMIT_FSIZE)

        def save_without_room(*args):
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
            try:
                save(*args)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)

        monkeypatch.setattr(storage, "save", save_without_room)
        attempt_of(job)
        assert (now_of(job).state, now_of(job).error_code) == ("failed", "storage_unavailable")
        assert stored() == []

    def test_a_crash_is_recorded_without_the_words_that_may_hold_data(self, queued):
        job = queued()
        ScoringJob.objects.update(recipe={"columns": []})
        attempt_of(job)
        ended = now_of(job)
        assert (ended.state, ended.error) == ("failed", "The prediction crashed: TypeError.")
        assert "Traceback" in ended.traceback
        assert stored() == []

    def test_rows_and_input_warnings_are_counted(self, ask):
        def rows():
            labels = {"model": "flowers", "version": "1", "environment": "dev", "protocol": "file"}
            return REGISTRY.get_sample_value("mlmp_predict_rows_total", labels) or 0

        before = rows()
        ask()
        assert rows() == before + 50


class TestCare:
    def test_a_job_whose_scorer_died_is_retried(self, running):
        job = running(expired=True)
        assert cleanup.tidy() == 1
        attempt_of(job)
        assert (now_of(job).state, now_of(job).attempt) == ("succeeded", 2)

    def test_a_job_that_killed_its_last_scorer_is_lost_and_its_file_goes(self, running, settings):
        job = running(expired=True, worker="here:1")
        settings.TRAIN_MAX_ATTEMPTS = 1
        assert cleanup.tidy() == 1
        lost = now_of(job)
        assert (lost.state, lost.input_key) == ("lost", "")
        assert lost.error.endswith(
            "(here:1) died or lost its machine, and no attempt is left. Send the file again."
        )
        assert stored() == []

    def test_a_running_job_and_a_job_that_waits_are_left_alone(self, running):
        running()
        assert cleanup.tidy() == 0
        assert stored() == ["input.csv"]

    def test_old_jobs_go_with_their_results(self, ask, settings):
        old, new = ask(), ask()
        days = timedelta(days=settings.SCORING_KEEP_DAYS)
        ScoringJob.objects.filter(pk=old.pk).update(finished_at=timezone.now() - days)
        cleanup.tidy()
        assert list(ScoringJob.objects.all()) == [new]
        assert stored() == ["result.csv"]


class TestEnding:
    def test_cancelling_a_queued_job_ends_it_and_its_file_goes(self, queued, admin):
        job = service.cancel(queued(), by=admin)
        assert (job.state, job.error) == ("cancelled", "Cancelled by ada.")
        assert stored() == []
        assert leases.claim(ScoringJob, worker="here:1") is None
        assert now_of(job).state == "cancelled"

    def test_an_ended_job_is_not_cancelled_and_one_that_runs_is_not_deleted(self, ask, running, admin):
        with pytest.raises(Conflict, match="has already finished"):
            service.cancel(ask(), by=admin)
        with pytest.raises(Conflict, match="Cancel it first"):
            service.delete(running(), by=admin)

    def test_deleting_takes_the_result_along(self, ask, admin):
        service.delete(ask(), by=admin)
        assert not ScoringJob.objects.exists()
        assert stored() == []

    def test_deleting_a_model_version_leaves_the_results_that_it_made(self, ask, version, admin):
        job = ask()
        delete_version(version, by=admin)
        assert now_of(job).model_version is None
        assert service.open_result(now_of(job)).read()

    def test_there_is_no_result_before_it_has_succeeded(self, queued, admin):
        job = queued()
        with pytest.raises(Conflict, match="is still queued"):
            service.open_result(job)
        with pytest.raises(Conflict, match=r"has no result \(cancelled\)\. Cancelled by ada"):
            service.open_result(service.cancel(job, by=admin))

    def test_a_job_is_its_requester_s_and_release_managers_may_end_it_too(self, queued, make_user):
        own, other, manager = (make_user("viewer", username=name) for name in ("own", "other", "manager"))
        manager.groups.set(make_user("release manager", username="another").groups.all())
        job = queued(by=own)
        with pytest.raises(PermissionDenied, match="Only its requester"):
            service.cancel(job, by=other)
        service.cancel(job, by=own)
        with pytest.raises(PermissionDenied):
            service.delete(job, by=other)
        service.delete(job, by=manager)

    def test_whoever_has_no_role_asks_for_nothing(self, ask, make_user):
        with pytest.raises(PermissionDenied):
            ask(by=make_user(None))


class TestApi:
    ASYNC = {"Prefer": "respond-async"}

    def test_a_job_is_answered_with_its_address(self, api, send):
        answer = send(headers=self.ASYNC)
        assert answer.status_code == 202
        assert answer["Location"] == answer.json()["url"]
        assert (answer.json()["rows"], answer.json()["version"]) == (50, 1)
        job = api.get(answer["Location"]).json()
        assert (job["state"], job["rows_done"], job["warnings"]) == (
            "succeeded", 50, {"imputed": 12, "unseen_category": 12},
        )  # fmt: skip
        result = api.get(job["result"]["url"])
        assert 'filename="New Rows_predictions.csv"' in result["Content-Disposition"]
        assert result["Content-Type"] == "text/csv; charset=utf-8"
        content = content_of(result)
        assert content == content_of(send())
        assert len(content) == job["result"]["size_bytes"]

    def test_parquet_comes_back_as_parquet(self, api, send):
        buffer = io.BytesIO()
        pandas.DataFrame(ROWS, columns=["length", "width", "colour"]).to_parquet(buffer)
        job = api.get(send(buffer.getvalue(), "x.parquet", headers=self.ASYNC)["Location"]).json()
        assert len(pandas.read_parquet(io.BytesIO(content_of(api.get(job["result"]["url"]))))) == 50

    def test_they_are_listed_by_dataset_and_state(self, api, send):
        send(headers=self.ASYNC)
        assert api.get("/predict/jobs").json()["count"] == 1
        assert api.get("/predict/jobs?dataset=flowers&state=succeeded").json()["count"] == 1
        assert api.get("/predict/jobs?state=failed").json()["count"] == 0
        assert api.get("/predict/jobs?state=odd").status_code == 400

    def test_a_list_of_many_costs_as_many_queries_as_a_list_of_few(
        self, api, ask, django_assert_max_num_queries
    ):
        ask()
        with django_assert_max_num_queries(10) as few:
            api.get("/predict/jobs")
        for _ in range(4):
            ask()
        with django_assert_max_num_queries(len(few)):
            api.get("/predict/jobs")

    def test_cancel_result_and_delete_of_one_that_waits(self, api, queued):
        url = f"/predict/jobs/{queued().pk}"
        early = api.get(f"{url}/result")
        assert (early.status_code, early.json()["code"]) == (409, "job_not_ended")
        assert api.delete(url).status_code == 409
        assert api.post(f"{url}/cancel").json()["error"]["detail"] == "Cancelled by ada."
        assert api.post(f"{url}/cancel").status_code == 409
        assert api.delete(url).status_code == 204
        assert api.get(url).status_code == 404

    def test_a_job_that_is_not_there_is_a_sentence(self, api, admin):
        for call, path in ((api.get, ""), (api.delete, ""), (api.get, "/result"), (api.post, "/cancel")):
            answer = call(f"/predict/jobs/99{path}")
            assert (answer.status_code, answer.json()["detail"]) == (404, "There is no scoring job 99.")

    def test_metrics_tell_the_jobs_and_how_long_they_wait(self, page, queued):
        job = queued()
        ScoringJob.objects.filter(pk=job.pk).update(requested_at=timezone.now() - timedelta(seconds=90))
        text = page.get("/metrics").text
        assert 'mlmp_scoring_jobs{state="queued"} 1.0' in text
        age = next(line for line in text.splitlines() if line.startswith("mlmp_scoring_queue_age_seconds"))
        assert 89 < float(age.split()[-1]) < 100


class TestPages:
    URL = "/serving/flowers/dev/file/"

    def upload(self, page, content=TABLE, **fields):
        return page.post(self.URL, {"file": SimpleUploadedFile("rows.csv", content.encode())} | fields)

    def test_a_large_table_leads_to_the_page_of_its_job(self, page, version, monkeypatch):
        monkeypatch.setattr(service, "INLINE_ROWS", 49)
        answer = self.upload(page, probabilities="on")
        job = ScoringJob.objects.get()
        assert answer["Location"] == f"/serving/jobs/{job.pk}/"
        text = page.get(answer["Location"]).text
        for words in ("rows.csv", "Rows predicted", "Unseen categories", "Download result"):
            assert words in text
        assert content_of(page.get(f"/serving/jobs/{job.pk}/result/")) == service.open_result(job).read()
        assert f"/serving/jobs/{job.pk}/" in page.get("/serving/flowers/dev/").text

    def test_a_table_for_a_stage_that_does_not_exist_is_404(self, page, version):
        file = SimpleUploadedFile("rows.csv", TABLE.encode())
        assert page.post(self.URL.replace("dev", "nowhere"), {"file": file}).status_code == 404

    def test_a_job_that_has_not_ended_asks_for_itself(self, page, running):
        job = running()
        ScoringJob.objects.update(rows_done=20, progress=0.4)
        whole, part = (page.get(f"/serving/jobs/{job.pk}/", headers=headers).text
                       for headers in ({}, {"HX-Request": "true"}))  # fmt: skip
        for text in (whole, part):
            assert 'hx-trigger="every 1s"' in text
            assert 'value="40"' in text
            assert "20 of 50 rows" in text
        assert "<html" not in part

    def test_without_scripts_it_asks_again_for_its_own_address_not_that_of_a_cancelling(self, page, queued):
        job = queued()
        again = f'content="3; url=/serving/jobs/{job.pk}/"'
        assert again in page.get(f"/serving/jobs/{job.pk}/").text
        page.post(f"/serving/jobs/{job.pk}/cancel/")
        assert 'http-equiv="refresh"' not in page.get(f"/serving/jobs/{job.pk}/").text

    def test_it_is_cancelled_and_deleted_from_its_page(self, page, queued):
        job = queued()
        assert "Starts automatically when a worker is free." in page.get(f"/serving/jobs/{job.pk}/").text
        page.post(f"/serving/jobs/{job.pk}/cancel/")
        text = page.get(f"/serving/jobs/{job.pk}/").text
        assert "No result" in text
        assert "Cancelled by ada." in text
        assert page.post(f"/serving/jobs/{job.pk}/delete/")["Location"] == "/serving/jobs/"
        assert not ScoringJob.objects.exists()

    def test_others_see_a_job_without_its_buttons(self, client, ask, make_user):
        job = ask()
        client.force_login(make_user("viewer"))
        text = client.get(f"/serving/jobs/{job.pk}/").text
        assert "Download result" in text
        assert "Delete job" not in text
        assert client.post(f"/serving/jobs/{job.pk}/delete/").status_code == 403

    def test_the_list_shows_and_filters(self, page, version, ask):
        assert "No scoring jobs yet" in page.get("/serving/jobs/").text
        job = ask()
        assert f"/serving/jobs/{job.pk}/" in page.get("/serving/jobs/?dataset=flowers").text
        assert "No scoring jobs match" in page.get("/serving/jobs/?state=failed").text

    def test_the_admin_shows_them(self, page, ask):
        job = ask()
        for path in ("?q=flowers", f"{job.pk}/change/"):
            assert "New Rows.csv" in page.get(f"/admin/serving/scoringjob/{path}").text

    def test_a_dataset_may_be_called_jobs(self, page, make_version, make_dataset):
        make_version(make_dataset("jobs"))
        assert page.get("/serving/jobs/dev/").status_code == 200


class TestParity:
    @pytest.mark.parametrize(
        "content",
        ["length,width\n1,2\n", TABLE + "long,1.5,red\n", TABLE + "1,2\n", "length,width,colour\n", ""],
    )
    def test_a_file_that_cannot_be_scored_gets_one_sentence(self, page, send, content):
        by_api = send(content, headers=TestApi.ASYNC)
        by_page = page.post(TestPages.URL, {"file": SimpleUploadedFile("New Rows.csv", content.encode())})
        assert (by_api.status_code, by_page.status_code) == (400, 422)
        said = html.unescape(by_page.text)
        assert by_api.json()["detail"].removeprefix("file: ") in said

    def test_a_job_that_cannot_be_cancelled_or_deleted_gets_one_sentence(self, page, api, ask, running):
        for job, call, act in ((ask(), "post", "cancel"), (running(), "delete", "delete")):
            url = f"/predict/jobs/{job.pk}" + ("/cancel" if act == "cancel" else "")
            by_api = getattr(api, call)(url)
            by_page = page.post(f"/serving/jobs/{job.pk}/{act}/", follow=True)
            assert by_api.status_code == 409
            assert by_api.json()["detail"] in html.unescape(by_page.text)

"""Large files: import jobs, by the operation, the API and the pages."""

import html
import io
import os
import shutil
import signal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from catalog.imports import attempt as importing
from catalog.imports import cleanup
from catalog.imports.confirmation import confirm
from catalog.imports.drafts import store_draft
from catalog.models import DatasetVersion, Draft, ImportJob
from mlplatform import storage
from mlplatform.errors import Conflict, DiskFull
from mlplatform.jobs import leases
from mlplatform.jobs.attempt import Attempt
from mlplatform.jobs.children import supervision
from mlplatform.jobs.models import JobState
from mlplatform.resilience import inventory
from tests.conftest import FLOWERS


@pytest.fixture(autouse=True)
def _only_jobs(settings):
    settings.IMPORT_INLINE_MB = 0


@pytest.fixture
def queue(settings):
    settings.JOB_QUEUED_HOOK = ""


@pytest.fixture
def submit(admin):
    def confirmed(content=FLOWERS, **fields) -> ImportJob:
        draft = store_draft(io.BytesIO(content.encode()), filename="flowers.csv", by=admin)
        job = confirm(draft, by=admin, **fields)
        job.refresh_from_db()
        return job

    return confirmed


def upload(client, content=FLOWERS, *, recipe="{}", **options):
    file = SimpleUploadedFile("flowers.csv", content.encode())
    return client.post("/datasets/upload", {"file": file, "recipe": recipe}, format="multipart", **options)


def test_a_job_adds_its_draft_to_the_catalog(submit):
    job = submit(name="spring", description="Of May.")
    version = DatasetVersion.objects.get()
    assert (job.state, job.dataset_version, job.is_new, job.progress) == ("succeeded", version, True, 1)
    assert (version.dataset.name, version.dataset.description, version.row_count) == ("spring", "Of May.", 24)
    assert not Draft.objects.exists()


def test_a_job_that_fails_says_why_and_leaves_the_draft_to_be_corrected(submit):
    job = submit("a,b\n1\n2,3\n")
    assert (job.state, job.error_code) == ("failed", "ragged_line")
    assert storage.datasets().exists(job.draft.key)


def test_a_draft_whose_job_is_unfinished_is_confirmed_once_and_cannot_be_discarded(submit, queue, admin):
    job = submit()
    assert confirm(job.draft, by=admin) == job
    with pytest.raises(Conflict, match="Cancel import job"):
        importing.drafts.discard(job.draft)


def test_a_name_that_is_taken_meanwhile_fails_the_job(submit, queue, make_dataset, settings):
    job = submit()
    settings.IMPORT_INLINE_MB = 16
    make_dataset(content=FLOWERS + "9,9,red,rose\n")
    importing.run(leases.claim(ImportJob, worker="here:1"))
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "dataset_exists")


def test_bytes_that_are_added_meanwhile_are_the_version_of_the_job(submit, queue, make_dataset, settings):
    job = submit()
    settings.IMPORT_INLINE_MB = 16
    version = make_dataset()
    importing.run(leases.claim(ImportJob, worker="here:1"))
    job.refresh_from_db()
    assert (job.state, job.dataset_version, job.is_new) == ("succeeded", version, False)
    assert not Draft.objects.exists()


def test_a_job_that_is_cancelled_while_it_reads_adds_nothing(submit, queue, admin):
    submit()
    job = leases.claim(ImportJob, worker="here:1")
    leases.cancel(ImportJob.objects.get(), by=admin)
    importing.run(job)
    assert ImportJob.objects.get().state == "cancelled"
    assert not DatasetVersion.objects.exists()


def be_killed(**claimed):
    os.kill(os.getpid(), signal.SIGKILL)


def leave_output(job) -> str:
    """As an attempt does that is killed before it has written its rows."""
    key = f"{job.draft.folder}/0.sample.parquet"
    storage.save(storage.datasets(), key, io.BytesIO(b"part"))
    return key


def test_a_job_whose_process_is_killed_leaves_only_what_its_draft_owns(submit, queue):
    key = leave_output(submit(keeps_draft=False))
    job = leases.claim(ImportJob, worker="here:1")
    supervision.run(Attempt(job), work=f"{__name__}.be_killed")
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "process_died")
    assert "The import process was killed by SIGKILL" in job.error
    cleanup.Tidy()()
    assert not Draft.objects.exists()
    assert list(inventory.files(storage.datasets(), key.rpartition("/")[0])) == []


def test_the_next_attempt_removes_what_a_killed_one_has_left(submit, queue):
    job = submit()
    leave_output(job)
    importing.run(leases.claim(ImportJob, worker="here:1"))
    version = DatasetVersion.objects.get()
    assert {found.key for found in inventory.files(storage.datasets(), job.draft.folder)} == {*version.keys}


def test_a_large_upload_waits_for_its_job(api):
    response = upload(api)
    assert (response.status_code, response.json()["rows"]) == (201, 24)
    assert upload(api).status_code == 200


@pytest.mark.parametrize(
    ("content", "status", "code"), [("a,b\n1\n2,3\n", 400, "ragged_line"), ("", 400, "empty_file")]
)
def test_an_upload_whose_job_fails_is_refused_as_a_small_one_and_leaves_nothing(api, content, status, code):
    response = upload(api, content)
    assert (response.status_code, response.json()["code"]) == (status, code)
    cleanup.Tidy()()
    assert not Draft.objects.exists()


def test_an_upload_that_takes_long_returns_its_job(api, queue):
    response = upload(api, headers={"Prefer": "respond-async"})
    job = ImportJob.objects.get()
    assert (response.status_code, response["Location"]) == (202, f"/imports/{job.pk}")
    assert response.json() == {"job": job.pk, "state": "queued", "url": f"/imports/{job.pk}"}
    assert api.get(response["Location"]).json()["dataset"] == "flowers"
    assert api.post(f"/imports/{job.pk}/cancel").json()["state"] == "cancelled"


def test_a_repeat_of_an_upload_gets_the_job_of_the_first(api, queue):
    headers = {"Prefer": "respond-async", "Idempotency-Key": "once"}
    first, again = upload(api, headers=headers), upload(api, headers=headers)
    assert (again.json(), again["Idempotency-Replayed"]) == (first.json(), "true")
    assert ImportJob.objects.count() == 1


def test_the_page_of_an_upload_leads_to_its_job_which_can_be_cancelled(page, queue):
    file = SimpleUploadedFile("flowers.csv", FLOWERS.encode())
    receipt = page.post("/catalog/upload/", {"file": file}, follow=True)
    response = page.post(receipt.context["draft_url"], {"add": "1"})
    job = ImportJob.objects.get()
    assert response.url == f"/catalog/upload/imports/{job.pk}/"
    assert b"Queued" in page.get(response.url).content
    page.post(response.url)
    assert b"Cancelled by ada" in page.get(response.url).content


def test_the_page_of_a_job_shows_its_progress(page, submit, queue):
    job = submit()
    ImportJob.objects.update(state=JobState.RUNNING, progress=0.42)
    assert b"42 %" in page.get(f"/catalog/upload/imports/{job.pk}/").content


def test_the_list_of_datasets_shows_the_imports_in_progress(page, submit, queue):
    submit()
    ImportJob.objects.update(state=JobState.RUNNING, progress=0.42)
    for address in ("/catalog/", "/catalog/upload/imports/"):
        assert b"flowers.csv" in page.get(address).content
        assert b"42 %" in page.get(address).content
    ImportJob.objects.update(state=JobState.FAILED)
    assert b"flowers.csv" not in page.get("/catalog/").content


def test_a_table_that_will_not_fit_into_memory_is_refused_with_the_estimate_before_it_is_read(
    submit, settings
):
    settings.IMPORT_MEMORY_MB = 100
    job = submit()
    assert (job.state, job.error_code) == ("failed", "out_of_memory")
    assert "The import of 4 columns needs about 600 MB of memory; the limit is 100 MB." in job.error


def test_a_file_for_whose_typed_copy_the_disk_has_no_space_is_refused_with_the_sizes(submit, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10**9, 10**9, 100))
    with pytest.raises(DiskFull, match="MB are needed, 0 MB are free"):
        submit()


COLOUR_IS_A_NUMBER = '{"columns": [{"name": "colour", "type": "number", "on_error": "refuse"}]}'


def test_the_errors_of_a_recipe_are_by_field_for_large_and_small_files(api, settings):
    large = upload(api, recipe=COLOUR_IS_A_NUMBER).json()
    assert api.get(f"/imports/{ImportJob.objects.get().pk}").json()["error"] == large
    settings.IMPORT_INLINE_MB = 16
    assert upload(api, recipe=COLOUR_IS_A_NUMBER).json() == large
    assert list(large["fields"]) == ["recipe.columns"]


def test_the_receipt_of_a_draft_whose_import_failed_says_why(page, submit, settings):
    settings.IMPORT_MEMORY_MB = 100
    job = submit()
    assert job.error in html.unescape(page.get(f"/catalog/upload/{job.draft_id}/").text)


def test_the_search_finds_import_jobs_by_number_file_and_dataset(api, submit, queue):
    job = submit(name="spring")
    for q in (f"import {job.pk}", "flowers.csv", "spring"):
        [group] = api.get("/search", {"q": q}).json()["groups"]
        assert (group["kind"], group["results"][0]["url"]) == ("import", f"/imports/{job.pk}")

"""The pages of training jobs."""

from registry.models import TrainingJob
from tests.conftest import LONELY


def test_the_page_of_a_finished_job_does_not_refresh(page, make_job):
    job = make_job()
    text = page.get(f"/registry/jobs/{job.pk}/", headers={"HX-Request": "true"}).text
    assert "hx-trigger" not in text
    assert "<html" not in text
    assert "Succeeded" in text
    assert "Open version 1" in text


def test_the_page_of_a_running_job_refreshes_and_has_a_reload_link(page, make_job):
    job = make_job()
    TrainingJob.objects.filter(pk=job.pk).update(state="running", stage="fitting", finished_at=None)
    text = page.get(f"/registry/jobs/{job.pk}/").text
    assert 'hx-trigger="every 1s"' in text
    assert "Fitting the model" in text
    assert "Reload" in text


def test_the_page_of_a_failed_job_shows_the_error_and_a_link_to_run_again(page, make_job, make_dataset):
    job = make_job(make_dataset("lonely", LONELY))
    text = page.get(f"/registry/jobs/{job.pk}/").text
    assert "No model was created" in text
    assert "needs at least 2" in text
    assert f'href="/registry/train/?job={job.pk}"' in text


def test_only_administrators_see_the_traceback_of_a_job(page, client, make_job, make_user):
    job = make_job()
    TrainingJob.objects.filter(pk=job.pk).update(state="failed", traceback="Traceback: line 7")
    assert "Traceback: line 7" in page.get(f"/registry/jobs/{job.pk}/").text
    client.force_login(make_user("release manager"))
    assert "Traceback" not in client.get(f"/registry/jobs/{job.pk}/").text


def test_a_job_can_be_cancelled_with_the_train_permission(page, client, make_job, make_user):
    job = make_job()
    TrainingJob.objects.filter(pk=job.pk).update(state="queued", finished_at=None)
    assert "Cancel" in page.get(f"/registry/jobs/{job.pk}/").text
    client.force_login(make_user("viewer"))
    assert "Cancel" not in client.get(f"/registry/jobs/{job.pk}/").text
    assert client.post(f"/registry/jobs/{job.pk}/").status_code == 403
    client.force_login(make_user("data scientist", username="dan"))
    assert "Cancelled by dan." in client.post(f"/registry/jobs/{job.pk}/", follow=True).text


def test_cancelling_a_finished_job_shows_an_error(page, make_job):
    assert "has already finished" in page.post(f"/registry/jobs/{make_job().pk}/", follow=True).text


def test_the_page_of_a_job_shows_the_duration_of_each_stage(page, make_job):
    text = page.get(f"/registry/jobs/{make_job().pk}/").text
    for step in ("Reading the dataset", "Fitting the model", "Saving the model"):
        assert step in text


def test_the_job_list_refreshes_only_while_a_job_is_not_finished(page, make_job):
    job = make_job()
    assert "every 1s" not in page.get("/registry/jobs/").text
    TrainingJob.objects.filter(pk=job.pk).update(state="queued")
    assert "every 1s" in page.get("/registry/jobs/").text


def test_the_job_list_filters_by_state(page, make_job):
    make_job()
    assert len(page.get("/registry/jobs/?state=succeeded").context["page"]) == 1
    assert "No matching jobs" in page.get("/registry/jobs/?state=failed").text


def test_the_page_of_a_job_of_a_deleted_dataset_is_shown(page, make_job):
    job = make_job()
    TrainingJob.objects.filter(pk=job.pk).update(dataset_version=None)
    assert "(deleted)" in page.get(f"/registry/jobs/{job.pk}/").text


def test_the_page_of_a_clustering_job_names_the_column_that_it_leaves_out(page, make_job):
    job = make_job(module="cluster", class_name="KMeans", params={"n_clusters": 2}, target="species")
    text = page.get(f"/registry/jobs/{job.pk}/").text
    assert '<dt>Target</dt><dd>none; <span class="mono">species</span> is left out</dd>' in text
    assert "Test size" not in text  # it uses all rows

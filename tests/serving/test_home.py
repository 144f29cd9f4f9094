"""Home: what is live and how it does, what runs, the latest trainings against what is live, and what waits for me."""

import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.imports.drafts import store_draft
from mlplatform.jobs.models import JobState
from registry.cards import revisions
from registry.comparison import standing
from registry.models import MetricValue, Release, TrainingJob
from registry.releases import usage
from registry.releases.promotion import promote
from serving.workbench import waiting
from tests.test_parity import text_of


@pytest.fixture
def two(make_version):
    first = make_version()
    return first, make_version(first.dataset_version)


def set_metric(version, value, *, low=None, high=None):
    MetricValue.objects.filter(model_version=version, name="accuracy").update(value=value, low=low, high=high)


def sentences(user) -> list[str]:
    return [item.text for item in waiting.for_user(user)]


def test_a_new_platform_leads_from_the_upload_over_the_training_to_the_promotion(
    page, make_dataset, make_version
):
    assert "Upload a dataset" in page.get("/").text
    source = make_dataset()
    text = page.get("/").text
    assert text.count('class="done"') == 1
    assert "It is live in dev as soon as it is trained." in text
    make_version(source)
    text = page.get("/").text
    assert text.count('class="done"') == 2
    assert "Choose a version to promote" in text


def test_the_steps_end_once_a_version_is_live_in_production(page, two, admin):
    promote(two[0], stage="production", by=admin)
    assert "in four steps" not in page.get("/").text


def test_what_is_live_has_the_calls_errors_and_input_warnings_of_the_last_day(page, two, admin):
    release = promote(two[0], stage="production", by=admin)
    counts = {"requests": 1500, "rows": 3000, "rejected": 7, "failed": 2, "input_warnings": 600}
    usage.add({release.pk: counts})
    text = page.get("/").text
    for part in (">1,500<", ">3,000<", "2 failed", "7 invalid", ">600<", "0.2000 a row"):
        assert part in text


def test_the_latest_trainings_stand_beside_what_is_live(two, admin, page):
    first, second = two
    promote(first, stage="production", by=admin)
    set_metric(first, 0.80, low=0.75, high=0.85)
    set_metric(second, 0.95, low=0.90, high=1.0)
    newest, live = standing.against_live([second, first])
    assert (newest.verdict, round(newest.difference, 6), newest.live.number) == ("better", 0.15, 1)
    assert (live.live, live.verdict) == (None, "")  # it is what is live
    text = page.get("/").text
    assert "+0.1500" in text
    assert "version 1 in production" in text
    set_metric(second, 0.84, low=0.70, high=0.9)
    assert standing.against_live([second])[0].verdict == "no clear difference"
    assert "better, not clearly, than version 1" in " ".join(page.get("/").text.split())
    set_metric(second, 0.5, low=0.4, high=0.6)
    assert standing.against_live([second])[0].verdict == "worse"


def test_a_version_of_another_target_is_not_compared(two, make_version, admin):
    promote(two[0], stage="production", by=admin)
    other = make_version(
        two[0].dataset_version, module="linear_model", class_name="LinearRegression", target="length"
    )
    assert standing.against_live([other])[0].verdict == ""


def test_a_better_version_in_staging_waits_for_who_may_promote_it(two, admin, make_user):
    first, second = two
    promote(first, stage="production", by=admin)
    promote(second, stage="staging", by=admin)
    set_metric(first, 0.8)
    set_metric(second, 0.9)
    expected = "Version 2 of `flowers` in staging measures better, within noise, than version 1 in production: Accuracy"
    assert any(text.startswith(expected) for text in sentences(admin))
    assert not any("in staging" in text for text in sentences(make_user("data scientist")))
    set_metric(second, 0.7)
    assert not any("in staging" in text for text in sentences(admin))


def test_my_uploads_and_failed_jobs_wait_for_me_and_not_for_others(page, two, admin, make_user):
    store_draft(io.BytesIO(b"a,b\n1,2\n"), filename="left.csv", by=admin)
    job = two[0].job
    TrainingJob.objects.filter(pk=job.pk).update(
        state=JobState.FAILED, error="Column `a` is empty.", finished_at=timezone.now()
    )
    text = text_of(page.get("/"))
    assert "The upload of `left.csv` is not confirmed." in text
    assert f"Job {job.pk} failed (DecisionTreeClassifier on flowers): Column `a` is empty." in text
    assert sentences(make_user("release manager")) == []


def test_a_card_without_a_purpose_waits_while_its_version_is_live_in_production(two, admin):
    promote(two[0], stage="production", by=admin)
    assert ["its card has no purpose" in text for text in sentences(admin)] == [True]
    revisions.save(two[0], revision=0, by=admin, purpose="Sorts bulbs.")
    assert sentences(admin) == []
    revisions.save(two[0], revision=1, by=admin, purpose="")
    assert len(sentences(admin)) == 1


def test_home_takes_the_same_queries_for_more_of_everything_and_stays_small(page, two, admin, make_version):
    promote(two[0], stage="production", by=admin)
    promote(two[1], stage="staging", by=admin)
    store_draft(io.BytesIO(b"a,b\n1,2\n"), filename="a.csv", by=admin)
    TrainingJob.objects.filter(pk=two[0].job_id).update(state=JobState.FAILED, finished_at=timezone.now())
    with CaptureQueriesContext(connection) as few:
        page.get("/")
    for number in range(12):
        store_draft(io.BytesIO(b"a,b\n1,%d\n" % number), filename=f"{number}.csv", by=admin)
        make_version(two[0].dataset_version)
    TrainingJob.objects.update(state=JobState.FAILED, finished_at=timezone.now(), error="x" * 5000)
    usage.add({release.pk: {"requests": 1} for release in Release.objects.all()})
    with CaptureQueriesContext(connection) as many:
        response = page.get("/")
    assert len(many) == len(few)
    assert len(response.content) < 100_000

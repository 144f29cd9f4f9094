"""Retraining: the training of a version is repeated on the same data and parameters, as a new version."""

import pytest

from registry.jobs import submission
from registry.models import ModelVersion, TrainingJob
from tests.conftest import FLOWERS

API, PAGE = "/models/flowers/1/retrain", "/registry/models/flowers/1/retrain/"
REQUEST = {
    "params": {"max_depth": 2},
    "random_state": 7,
    "test_size": 0.3,
    "description": "first",
    "timeout_s": 100,
}


@pytest.fixture
def source(make_dataset):
    return make_dataset()


@pytest.fixture
def job(make_job, source):
    return make_job(source, features=["length", "width"], **REQUEST)


@pytest.fixture
def without_worker(job, settings):
    settings.JOB_QUEUED_HOOK = ""


def test_a_version_is_retrained_with_the_same_request(job, make_dataset, api):
    make_dataset(content=FLOWERS + "5,1.5,red,tulip\n", new_version=True)
    response = api.post(API)
    assert response.status_code == 201
    assert (
        response.json()["message"]
        == "Version 2 of `flowers` was retrained from version 1 and is live in dev."
    )
    first, second = ModelVersion.objects.order_by("number")
    for name in ("dataset_version", "parameters", "features", "metrics", "description", "random_state"):
        assert getattr(second, name) == getattr(first, name)
    assert (second.job.request, second.job.timeout_s) == (job.request, 100)
    assert [row["retrained_from"] for row in api.get("/models").json()["results"]] == [1, None]


def test_a_retraining_can_be_queued_and_repeated_with_a_key(without_worker, api):
    headers = {"Prefer": "respond-async", "Idempotency-Key": "once"}
    responses = [api.post(API, headers=headers) for _ in range(2)]
    assert [response.status_code for response in responses] == [202, 202]
    assert responses[0].json() == responses[1].json()
    assert TrainingJob.objects.unfinished().get().retrained_from == 1


def test_the_page_of_a_version_retrains_it(job, page):
    assert f'action="{PAGE}"' in page.get("/registry/models/flowers/1/").text
    response = page.post(PAGE)
    retrained = TrainingJob.objects.latest("pk")
    assert response["Location"] == f"/registry/jobs/{retrained.pk}/"
    assert "version 1" in page.get(response["Location"]).text
    assert "retrained from version 1" in page.get("/registry/models/flowers/2/").text


def test_only_users_who_train_can_retrain(job, client, api, make_user):
    viewer = make_user("viewer")
    client.force_login(viewer)
    api.force_authenticate(viewer)
    assert "/retrain/" not in client.get("/registry/models/flowers/1/").text
    assert (client.post(PAGE).status_code, api.post(API).status_code) == (403, 403)
    assert TrainingJob.objects.count() == 1


def changed(job, **fields):
    TrainingJob.objects.filter(pk=job.pk).update(**fields)


@pytest.mark.parametrize(
    ("change", "status", "sentence"),
    [
        (lambda job: changed(job, dataset_version=None), 409, "The dataset version of job"),
        (lambda job: job.delete(), 409, "The job that trained version 1 was deleted with its parameters."),
        (
            lambda job: changed(job, request=job.request | {"features": ["gone"]}),
            400,
            "gone",
        ),
        (
            lambda job: changed(
                job, request=job.request | {"model": job.request["model"] | {"params": {"max_deep": 2}}}
            ),
            400,
            "max_deep",
        ),
    ],
    ids=["dataset version", "job", "feature", "parameter"],
)
def test_what_cannot_be_repeated_has_the_same_sentence_by_page_and_by_api(
    job, api, page, change, status, sentence
):
    change(job)
    response = api.post(API)
    assert response.status_code == status
    (message,) = page.post(PAGE, follow=True).context["messages"]
    assert sentence in str(message)
    assert str(message) in response.json()["detail"]


def test_a_retry_of_a_retraining_is_one_of_the_same_version(job, admin):
    retrained = submission.retrain(ModelVersion.objects.get(), by=admin)
    retrained.refresh_from_db()
    assert submission.retry(retrained, by=admin).retrained_from == 1


def test_an_unknown_version_is_not_found(api):
    assert api.post("/models/none/1/retrain").status_code == 404

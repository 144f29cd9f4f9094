"""Operations with an Idempotency-Key: a repeat gets the same response and changes nothing."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator

from mlplatform import storage
from mlplatform.idempotency import keys
from mlplatform.idempotency.models import IdempotentRequest
from registry.models import ModelVersion, Release, TrainingJob
from registry.releases.deletion import delete_version
from registry.releases.promotion import promote
from serving.models import ScoringJob
from tests.conftest import FLOWERS, LONELY

TREE = {"module": "tree", "class": "DecisionTreeClassifier"}
TRAIN = {"dataset_name": "flowers", "model": TREE, "target_column": "species"}
PROMOTE = {"dataset_name": "flowers", "version": 1, "target_stage": "staging"}
ROLLBACK = {"dataset_name": "flowers", "environment": "staging"}


@pytest.fixture
def post(api):
    def send(path, body, *, key="k1", **headers):
        return api.post(path, body, headers={"Idempotency-Key": key, **headers})

    return send


@pytest.fixture
def predict_file(api):
    def send(content=FLOWERS, *, key="k1", **headers):
        file = SimpleUploadedFile("flowers.csv", content.encode())
        body = {"file": file, "dataset_name": "flowers", "environment": "dev"}
        headers = {"Idempotency-Key": key, **headers}
        return api.post("/predict/file", body, format="multipart", headers=headers)

    return send


@pytest.fixture
def three_in_staging(make_version, make_dataset, admin):
    source = make_dataset()
    for _ in range(3):
        promote(make_version(source), stage="staging", by=admin)


@pytest.fixture
def others_waiting():
    """So many other requests wait for the outcome of theirs that this one must not."""
    count = 0
    while keys.waiting_requests.acquire(blocking=False):
        count += 1
    yield
    keys.waiting_requests.release(count)


def content_of(response) -> bytes:
    return response.getvalue() if response.streaming else response.content


def is_replay(response, of) -> bool:
    assert "Idempotency-Replayed" not in of
    assert response["Idempotency-Replayed"] == "true"
    assert response.status_code == of.status_code
    names = ("Content-Type", "Location", "Content-Disposition")
    assert {name: response.get(name) for name in names} == {name: of.get(name) for name in names}
    return content_of(response) == content_of(of)


def die_before_the_response() -> None:
    """Leave what a process leaves that was killed after its work, more than a minute ago."""
    lease_expires_at = timezone.now() - timedelta(seconds=1)
    IdempotentRequest.objects.update(status=None, headers={}, body="", lease_expires_at=lease_expires_at)


def test_a_repeated_training_trains_once(post, make_dataset):
    make_dataset()
    first = post("/train", TRAIN)
    assert first.status_code == 201
    assert is_replay(post("/train", TRAIN), of=first)
    assert TrainingJob.objects.count() == 1


def test_a_repeated_retry_is_one_job(post, make_job):
    path = f"/jobs/{make_job().pk}/retry"
    first = post(path, {})
    assert (first.status_code, first["Location"]) == (202, f"/jobs/{TrainingJob.objects.first().pk}")
    assert is_replay(post(path, {}), of=first)
    assert TrainingJob.objects.count() == 2


def test_a_repeated_promotion_promotes_once(post, make_version):
    make_version()
    first = post("/promote", PROMOTE)
    assert first.status_code == 200
    assert is_replay(post("/promote", dict(reversed(PROMOTE.items()))), of=first)
    assert Release.objects.filter(stage="staging").count() == 1


def test_a_repeated_rollback_changes_nothing(post, three_in_staging):
    first = post("/rollback", ROLLBACK)
    assert (first.status_code, first.json()["version"]) == (200, 2)
    releases = list(Release.objects.values())
    for _ in range(2):
        assert is_replay(post("/rollback", ROLLBACK), of=first)
    assert list(Release.objects.values()) == releases


def test_a_repeated_retirement_retires_once(post, three_in_staging):
    first = post("/retire", ROLLBACK)
    assert first.status_code == 200
    assert is_replay(post("/retire", ROLLBACK), of=first)
    assert post("/retire", ROLLBACK, key="k2").status_code == 409


def test_a_repeated_file_gets_the_same_predictions(predict_file, make_version, admin):
    make_version()
    first = predict_file()
    assert first.status_code == 200
    first_content = content_of(first)
    delete_version(ModelVersion.objects.get(), by=admin)  # the response is stored, not computed again
    repeat = predict_file()
    assert repeat["Idempotency-Replayed"] == "true"
    assert repeat["Content-Disposition"] == first["Content-Disposition"]
    assert (repeat["Content-Type"], content_of(repeat)) == (first["Content-Type"], first_content)


def test_a_repeated_file_is_one_scoring_job(predict_file, make_version):
    make_version()
    first = predict_file(Prefer="respond-async")
    assert (first.status_code, first["Location"]) == (202, f"/predict/jobs/{ScoringJob.objects.get().pk}")
    assert is_replay(predict_file(), of=first)
    assert ScoringJob.objects.count() == 1


def test_another_file_with_the_same_key_is_a_conflict(predict_file, make_version):
    make_version()
    predict_file()
    response = predict_file(FLOWERS + "5,1.5,red,rose\n")
    assert (response.status_code, response.json()["code"]) == (409, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("path", "body"), [("/promote", PROMOTE | {"target_stage": "production"}), ("/rollback", ROLLBACK)]
)
def test_another_request_with_the_same_key_is_a_conflict(post, make_version, path, body):
    make_version()
    post("/promote", PROMOTE)
    response = post(path, body)
    assert (response.status_code, response.json()["code"]) == (409, "idempotency_key_reused")
    assert "POST /promote" in response.json()["detail"]


def test_a_repeat_of_a_request_that_still_runs_is_a_conflict(post, make_version, others_waiting):
    make_version()
    post("/promote", PROMOTE)
    lease_expires_at = timezone.now() + timedelta(minutes=1)
    IdempotentRequest.objects.update(status=None, result_id=None, lease_expires_at=lease_expires_at)
    response = post("/promote", PROMOTE)
    assert (response.status_code, response.json()["code"]) == (409, "idempotency_key_in_use")
    assert int(response["Retry-After"]) > 0


def test_another_key_is_another_request(post, three_in_staging):
    versions = [post("/rollback", ROLLBACK, key=key).json()["version"] for key in ("k1", "k2", "k1")]
    assert versions == [2, 1, 2]


def test_a_request_that_was_refused_can_be_repeated(post, make_version):
    assert post("/promote", PROMOTE).status_code == 404
    make_version()
    response = post("/promote", PROMOTE)
    assert response.status_code == 200
    assert "Idempotency-Replayed" not in response


def test_a_request_that_was_refused_can_be_corrected(post, make_version):
    make_version()
    assert post("/promote", PROMOTE | {"version": "one"}).status_code == 400
    assert post("/promote", PROMOTE).status_code == 200


def test_a_training_that_failed_is_not_repeated(post, make_dataset):
    make_dataset("lonely", LONELY)
    body = {"dataset_name": "lonely", "model": TREE, "target_column": "kind"}
    first = post("/train", body)
    assert first.status_code == 422
    assert is_replay(post("/train", body), of=first)
    assert TrainingJob.objects.count() == 1


def test_a_request_without_an_object_store_can_be_repeated(post, make_version, broken_storage):
    make_version()
    with broken_storage("trained-models"):
        assert post("/promote", PROMOTE).status_code == 503
    assert post("/promote", PROMOTE).status_code == 200


def test_a_promotion_whose_process_died_before_it_responded_is_answered_from_its_release(post, make_version):
    make_version()
    first = post("/promote", PROMOTE)
    die_before_the_response()
    assert is_replay(post("/promote", PROMOTE), of=first)
    assert is_replay(post("/promote", PROMOTE), of=first)
    assert Release.objects.filter(stage="staging").count() == 1


def test_a_training_whose_request_died_before_it_responded_is_answered_from_its_job(post, make_dataset):
    make_dataset()
    first = post("/train", TRAIN)
    die_before_the_response()
    assert is_replay(post("/train", TRAIN), of=first)
    assert TrainingJob.objects.count() == 1


def test_a_result_that_was_deleted_before_the_response_is_not_found(post, make_version):
    make_version()
    post("/promote", PROMOTE)
    die_before_the_response()
    Release.objects.filter(stage="staging").delete()
    response = post("/promote", PROMOTE)
    assert (response.status_code, response.json()["code"]) == (404, "result_deleted")


def test_a_training_whose_version_was_deleted_before_the_response_is_not_found(post, make_dataset, admin):
    make_dataset()
    post("/train", TRAIN)
    die_before_the_response()
    delete_version(ModelVersion.objects.get(), by=admin)
    response = post("/train", TRAIN)
    assert (response.status_code, response.json()["code"]) == (404, "result_deleted")


def test_predictions_are_returned_even_if_they_cannot_be_stored_for_a_repeat(
    predict_file, make_version, broken_storage
):
    make_version()
    first_content = content_of(predict_file())
    with broken_storage("datasets"):
        response = predict_file(key="k2")
        assert (response.status_code, content_of(response)) == (200, first_content)
    assert "Idempotency-Replayed" not in predict_file(key="k2")


@pytest.mark.parametrize("key", ["", "a b", "a" * 256, "schlüssel", "a\tb"])
def test_a_malformed_key_is_refused(post, make_version, key):
    make_version()
    response = post("/promote", PROMOTE, key=key)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_idempotency_key")
    assert not IdempotentRequest.objects.exists()


@pytest.mark.parametrize("key", ["!", '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "~" * 255])
def test_a_key_has_up_to_255_visible_ascii_characters(post, make_version, key):
    make_version()
    assert post("/promote", PROMOTE, key=key).status_code == 200


def test_a_deeply_nested_body_is_refused(api):
    body = '{"a": ' + "[" * 900 + "]" * 900 + "}"
    headers = {"Idempotency-Key": "k1"}
    response = api.generic("POST", "/promote", body, content_type="application/json", headers=headers)
    assert (response.status_code, response.json()["code"]) == (400, "parse_error")


def test_the_files_of_stored_predictions_are_in_a_folder_that_no_dataset_can_have(predict_file, make_version):
    make_version()
    predict_file()
    row = IdempotentRequest.objects.get()
    assert row.body_key.startswith("idempotent-responses/")
    assert storage.datasets().exists(row.body_key)


def test_exactly_the_operations_that_accept_a_key_document_it():
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    documented = {
        path
        for path, calls in paths.items()
        for call in calls.values()
        if "Idempotency-Key" in {parameter["name"] for parameter in call.get("parameters", [])}
    }
    assert documented == {
        "/train", "/models/{dataset}/{version}/retrain", "/models/{dataset}/{version}/evaluate", "/jobs/{id}/retry",
        "/promote", "/rollback", "/retire", "/predict/file", "/datasets/upload", "/datasets/{name}/versions/{version}",
        "/datasets/derive", "/datasets/{name}/derive", "/datasets/register", "/models/import",
    }  # fmt: skip
    replayed = paths["/rollback"]["post"]["responses"]["200"]["headers"]
    assert "Idempotency-Replayed" in replayed


def test_a_training_on_a_new_example_is_the_result_of_its_request(post):
    example = TRAIN | {"dataset_name": "iris", "target_column": "target", "use_example": True}
    first, repeat = post("/train", example), post("/train", example)
    assert (first.status_code, repeat.json()) == (201, first.json())
    assert TrainingJob.objects.count() == 1

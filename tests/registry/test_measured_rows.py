"""A training by a split: the request by API, its errors, and where the measured rows are named."""

import pytest

from registry.evaluation import charts
from registry.jobs import submission
from tests.conftest import FLOWERS

TREE = {"module": "tree", "class": "DecisionTreeClassifier"}
VISITS = "day,customer,part,amount,bought\n" + "".join(
    f"2026-01-{row + 1:02},c{row % 6},{'test' if row % 4 == 3 else 'train'},{row * 7 % 10},{'yn'[row % 3 % 2]}\n"
    for row in range(30)
)
BY_TIME = {"method": "time", "column": "day"}


@pytest.fixture
def visits(make_dataset):
    return make_dataset("visits", VISITS)


def test_a_split_by_time_is_stored_with_the_version_and_said_by_the_api_and_the_pages(
    visits, make_version, api, page
):
    version = make_version(visits, target="bought", split=BY_TIME)
    sentence = "Measured on 6 rows from 2026-01-25, the newest 20 %."
    body = api.get("/models/visits/1").json()
    assert (body["split"], body["measured"]) == (BY_TIME, sentence)
    assert sentence in page.get("/registry/models/visits/1/").text
    job = page.get(f"/registry/jobs/{version.job_id}/").text
    assert sentence in job
    assert "the newest 20 % of the rows by <code>day</code>" in job


def test_folds_weights_and_a_refit_are_on_the_pages_of_the_version_and_of_its_job(
    visits, make_version, api, page
):
    options = {"cv": 3, "cv_repeats": 2, "sample_weight": "amount", "refit": True}
    version = make_version(visits, target="bought", features=["day"], **options)
    body = api.get("/models/visits/1").json()
    assert (body["sample_weight"], body["refit"], len(body["metrics"]["folds"])) == ("amount", True, 6)
    text = page.get("/registry/models/visits/1/").text
    assert "6 folds of the 24 training rows" in text
    assert text.count("<title>fold 6: ") == len(charts.folds(version))
    for row in charts.folds(version):
        assert all(0 <= x <= 100 for x in [row["dots"]["mean"], *(dot["x"] for dot in row["dots"]["dots"])])
    assert "The model was then fitted again on all 30 rows." in text
    assert "3, drawn 2 times" in page.get(f"/registry/jobs/{version.job_id}/").text


def test_a_retraining_repeats_the_split(visits, make_version, admin):
    version = make_version(visits, target="bought", split=BY_TIME)
    assert submission.retrain(version, by=admin).request["split"] == BY_TIME


def test_a_version_is_measured_on_another_version_of_its_dataset(visits, make_version, make_dataset):
    make_dataset("visits", VISITS + "2026-03-01,c9,test,3,y\n", new_version=True)
    version = make_version(visits, target="bought", split={"method": "dataset_version", "dataset_version": 2})
    assert (version.rows_train, version.rows_test, version.test_size) == (30, 31, None)
    assert version.measured == "Measured on 31 rows of dataset version 2."


def test_the_columns_of_a_split_are_neither_the_default_target_nor_features(make_dataset, make_version):
    rows = [f"{row % 7},{row % 5},{'ab'[row % 2]},{('test', 'train', 'train')[row % 3]}" for row in range(30)]
    source = make_dataset("parts", "\n".join(["x,z,kind,part", *rows]))
    version = make_version(source, split={"method": "column", "column": "part"})
    assert (version.target, version.features) == ("kind", ["x", "z"])


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"cv": 1}, "cv"),
        ({"cv_repeats": 3}, "cv_repeats"),
        ({"sample_weight": "customer"}, "sample_weight"),
        ({"refit": True, "split": {"method": "dataset_version", "dataset_version": 2}}, "refit"),
    ],
)
def test_folds_weights_and_a_refit_that_are_not_possible_are_errors_of_their_fields(
    visits, make_dataset, api, options, field
):
    make_dataset("visits", VISITS + "2026-03-01,c9,test,3,y\n", new_version=True)
    body = {"dataset_name": "visits", "dataset_version": 1, "model": TREE, "target_column": "bought"}
    response = api.post("/train", body | options)
    assert (response.status_code, list(response.json()["fields"])) == (400, [field])


@pytest.mark.parametrize(
    ("split", "field", "sentence"),
    [
        ({"method": "shuffle"}, "split", "method: "),
        ({"method": "time"}, "split", "needs a `column`"),
        ({"method": "time", "column": "x"}, "split", "is not a column of the dataset"),
        ({"method": "time", "column": "amount"}, "split", "has the type integer"),
        ({"method": "dataset_version", "dataset_version": 1}, "split", "is the one to train on"),
        ({"method": "dataset_version", "dataset_version": 9}, "split", "has no version 9"),
        ({"method": "dataset_version", "dataset_version": 2}, "split", "has no column `day`"),
        ({"method": "group", "column": "customer", "folds": 3}, "split.folds", "Unknown field"),
    ],
)
def test_a_split_that_is_not_possible_is_an_error_of_its_field(
    visits, make_dataset, api, split, field, sentence
):
    make_dataset("visits", FLOWERS, new_version=True)
    body = {"dataset_name": "visits", "dataset_version": 1, "model": TREE, "target_column": "bought"}
    response = api.post("/train", body | {"split": split})
    assert response.status_code == 400
    assert sentence in response.json()["fields"][field][0]

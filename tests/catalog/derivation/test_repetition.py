"""Queries that run again over new versions of what they read: by hand, and by themselves."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.derivation import cleanup, repetition, submission
from catalog.derivation.models import Derivation
from catalog.models import Dataset, DatasetVersion, ImportJob
from tests.catalog.derivation.conftest import MASSES


@pytest.fixture
def derive(admin):
    def run(name="masses", sql=MASSES, **fields):
        submission.derive(name, sql=sql, **({"by": admin} | fields))
        return Dataset.objects.get(name=name)

    return run


def numbers(name="masses"):
    return list(DatasetVersion.objects.filter(dataset__name=name).values_list("number", flat=True))


def test_running_again_reads_the_newest_versions(api, derive, penguins, more_penguins):
    derive()
    assert api.post("/datasets/masses/derive", {}).status_code == 200
    more_penguins()
    body = api.post("/datasets/masses/derive", {}).json()
    assert (body["version"], body["derivation"]["inputs"][0]["version"]) == (2, 2)


def test_a_version_that_is_named_stays(api, derive, penguins, more_penguins):
    derive(sql='SELECT * FROM "penguins@1"')
    more_penguins()
    assert api.post("/datasets/masses/derive", {}).json()["version"] == 1


def test_a_new_version_of_an_input_runs_the_query_once(derive, penguins, more_penguins):
    derive(on_new_version=True)
    assert repetition.run_outdated() == 0
    more_penguins()
    assert [repetition.run_outdated(), repetition.run_outdated()] == [1, 0]
    assert numbers() == [2, 1]
    assert Derivation.objects.first().on_new_version


def test_without_on_new_version_nothing_runs(derive, penguins, more_penguins):
    derive()
    more_penguins()
    assert repetition.run_outdated() == 0


def test_the_worker_runs_it_when_it_tidies(derive, penguins, more_penguins):
    derive(on_new_version=True)
    more_penguins()
    cleanup.Tidy()()
    assert numbers() == [2, 1]


def test_the_worker_looks_if_there_is_a_new_version_and_once_a_minute(derive, penguins, more_penguins, clock):
    derive()
    tidy = cleanup.Tidy(clock=clock)
    tidy()
    more_penguins()
    tidy()
    Derivation.objects.update(on_new_version=True)
    tidy()
    assert numbers() == [1]
    clock.advance(cleanup.LOOK_S)
    tidy()
    assert numbers() == [2, 1]
    with CaptureQueriesContext(connection) as queries:
        tidy()
        tidy()
    assert len([query for query in queries if "catalog_derivation" in query["sql"]]) == 1


def test_it_can_be_switched_on_and_off_without_another_version(api, derive, penguins, more_penguins):
    derive()
    for value in (True, False):
        body = api.post("/datasets/masses/derive", {"on_new_version": value}).json()
        assert (body["version"], body["derivation"]["on_new_version"]) == (1, value)
    more_penguins()
    assert repetition.run_outdated() == 0


def test_a_repeat_of_the_query_switches_it_only_if_it_says_so(api, derive, penguins):
    derive(on_new_version=True)
    for fields, value in (({}, True), ({"on_new_version": False}, False), ({}, False)):
        body = api.post("/datasets/derive", {"name": "masses", "sql": MASSES} | fields).json()
        assert (body["version"], body["derivation"]["on_new_version"]) == (1, value)


def test_a_result_with_the_same_rows_is_no_version_and_is_not_made_again(derive, penguins, more_penguins):
    derive(sql="SELECT DISTINCT species FROM penguins ORDER BY 1", on_new_version=True)
    more_penguins()
    assert [repetition.run_outdated(), repetition.run_outdated()] == [1, 0]
    assert numbers() == [1]


def test_a_run_that_fails_is_not_repeated_over_the_same_versions(derive, make_dataset):
    make_dataset("codes", "code\n1\n2\n")
    derive(sql="SELECT code + 1 AS c FROM codes", on_new_version=True)
    make_dataset("codes", "code\nx\n", new_version=True)
    assert [repetition.run_outdated(), repetition.run_outdated()] == [1, 0]
    job = ImportJob.objects.first()
    assert (job.state, job.error_code) == ("failed", "sql_error")
    assert "no function matches" in job.error.lower()
    make_dataset("codes", "code\n5\n", new_version=True)
    assert repetition.run_outdated() == 1


def test_a_worker_asks_once_about_a_run_that_has_failed(derive, make_dataset, django_assert_num_queries):
    make_dataset("codes", "code\n1\n2\n")
    derive(sql="SELECT code + 1 AS c FROM codes", on_new_version=True)
    make_dataset("codes", "code\nx\n", new_version=True)
    settled = repetition.Settled()
    assert [repetition.run_outdated(settled), repetition.run_outdated(settled)] == [1, 0]
    with django_assert_num_queries(2):
        assert repetition.run_outdated(settled) == 0
    make_dataset("codes", "code\n5\n", new_version=True)
    assert repetition.run_outdated(settled) == 1


def test_chains_run_one_after_the_other(derive, penguins, more_penguins):
    derive(on_new_version=True)
    derive("heaviest", "SELECT * FROM masses ORDER BY mass DESC LIMIT 1", on_new_version=True)
    more_penguins()
    assert [repetition.run_outdated(), repetition.run_outdated(), repetition.run_outdated()] == [1, 1, 0]
    assert numbers("heaviest") == [2, 1]


def test_a_circle_is_refused(api, derive, penguins):
    derive(on_new_version=True)
    for name, sql in (("masses", "SELECT * FROM masses"), ("penguins", "SELECT species FROM masses")):
        body = {"name": name, "sql": sql, "new_version": True, "on_new_version": True}
        response = api.post("/datasets/derive", body)
        assert (response.status_code, response.json()["code"]) == (400, "cannot_repeat")
        assert response.json()["fields"]["on_new_version"][0].startswith("It would run forever: ")
    assert api.post("/datasets/derive", body | {"on_new_version": False}).status_code == 201


def test_a_query_whose_inputs_are_all_named_with_their_versions_cannot_run_by_itself(api, penguins):
    body = {"name": "masses", "sql": 'SELECT * FROM "penguins@1"', "on_new_version": True}
    assert "none gets a new one" in api.post("/datasets/derive", body).json()["detail"]


def test_it_ends_with_the_permission_of_who_has_requested_it(derive, penguins, more_penguins, make_user):
    scientist = make_user("data scientist")
    derive(on_new_version=True, by=scientist)
    scientist.groups.clear()
    more_penguins()
    assert repetition.run_outdated() == 0
    assert not Derivation.objects.get().on_new_version


def test_a_file_that_is_uploaded_over_a_result_ends_it(derive, penguins, more_penguins, make_dataset):
    derive(on_new_version=True)
    make_dataset("masses", "a\n1\n", new_version=True)
    more_penguins()
    assert repetition.run_outdated() == 0

"""The usage of releases: counted by each process, summed by the hour in the database."""

import threading
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, OperationalError, connection
from django.utils import timezone

from registry.models import Release, Usage
from registry.releases import usage
from registry.releases.usage import Totals
from serving.monitoring.usage import UsageCounter, shared_usage, start
from serving.prediction import predict


@pytest.fixture(autouse=True)
def _empty_counter():
    shared_usage.cache_clear()


@pytest.fixture
def version(make_version):
    return make_version()


def predict_row(admin, row=(9, 1.6, "blue")):
    return predict("flowers", stage="dev", rows=[list(row)], by=admin)


def test_requests_rows_invalid_requests_and_input_warnings_are_summed(version, admin):
    predict_row(admin)
    predict_row(admin, (9, 1.6, "violet"))
    with pytest.raises(ValidationError):
        predict_row(admin, ("long", 1.6, "blue"))
    shared_usage().write()
    assert usage.of_stage(version.dataset, "dev") == Totals(3, 2, 1, 0, 1)
    assert usage.of_stage(version.dataset, "production") == Totals()


def test_two_processes_add_to_the_same_hour(version):
    release = version.releases.get().pk
    for rows in (2, 5):
        counter = UsageCounter()
        counter.add(release, rows=rows)
        counter.write()
    assert [(row.requests, row.rows) for row in Usage.objects.all()] == [(2, 7)]


def test_what_has_been_written_is_not_written_again(version):
    counter = UsageCounter()
    counter.add(version.releases.get().pk, rows=1)
    counter.write()
    counter.write()
    assert Usage.objects.get().requests == 1


@pytest.mark.parametrize("kind", [OperationalError, IntegrityError])
def test_counts_are_kept_while_they_cannot_be_written(version, kind):
    def fail(*args):
        raise kind("the database is down, or the release of a row was deleted just now")

    counter, release = UsageCounter(), version.releases.get().pk
    counter.add(release, rows=1)
    with connection.execute_wrapper(fail):
        counter.write()
    counter.add(release, rows=2)
    counter.write()
    assert [(row.requests, row.rows) for row in Usage.objects.all()] == [(2, 3)]


def test_counts_of_a_release_that_is_gone_are_dropped(version):
    usage.add({10**9: {"requests": 1}, version.releases.get().pk: {"requests": 2}})
    assert Usage.objects.get().requests == 2


def test_only_the_last_day_counts_and_a_month_is_kept(version):
    release = version.releases.get()
    for age in (timedelta(hours=25), timedelta(days=32)):
        Usage.objects.create(release=release, hour=timezone.now() - age, requests=7)
    usage.add({release.pk: {"requests": 1}})
    assert usage.of_stage(version.dataset, "dev").requests == 1
    assert sorted(Usage.objects.values_list("requests", flat=True)) == [1, 7]


def test_the_thread_of_a_web_process_ends_with_it():
    start(lambda: False)
    for thread in threading.enumerate():
        if thread.name == "usage":
            thread.join(5)
            assert not thread.is_alive()


def test_the_confirmation_of_a_release_and_a_dry_run_say_whom_it_affects(
    version, make_version, admin, page, api
):
    release = version.releases.get()
    Release.objects.filter(pk=release.pk).update(stage="staging")
    usage.add({release.pk: {"requests": 1200, "rows": 3400, "rejected": 12}})
    make_version(version.dataset_version)
    text = page.get("/registry/models/flowers/2/promote/?stage=staging").text
    assert "1,200 calls with 3,400 rows in the last 24 hours, 12 of them invalid" in text
    body = {"dataset_name": "flowers", "version": 2, "target_stage": "staging", "dry_run": True}
    plan = api.post("/promote", body).json()
    assert plan["usage"]["requests"] == 1200
    assert plan["speed"]["one_row_s"] > 0
    assert plan["live_speed"]["engine"] == plan["speed"]["engine"]
    assert "1,000 rows" in text

"""After a pause nobody is answered by what was true before it: neither release nor token."""

import threading
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from knox.models import get_token_model
from rest_framework.exceptions import AuthenticationFailed

from mlplatform.auth import tokens
from registry.models import Release
from serving.model_cache import cache
from serving.prediction import predict

HALF_AN_HOUR = 1800


@pytest.fixture(scope="module", autouse=True)
def _roles_come_back(django_db_setup, django_db_blocker):
    """The test that commits ends with a flush, which takes the roles of the migration too."""
    yield
    with django_db_blocker.unblock():
        import_module("mlplatform.migrations.0001_roles").make_groups(apps, None)


def at_once(call, count=6) -> list:
    barrier, answers = threading.Barrier(count), []

    def run():
        barrier.wait()
        answers.append(call())
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.django_db(transaction=True)
def test_many_who_ask_at_once_after_a_pause_all_learn_what_another_machine_has_changed(
    make_version, make_dataset, admin
):
    source = make_dataset()
    make_version(source)
    make_version(source)
    token = tokens.create(admin).token

    def number() -> int:
        made = predict("flowers", stage="dev", rows=[[9, 1.6, "blue"]], by=admin)
        return made.release.model_version.number

    def is_let_in() -> bool:
        try:
            return bool(tokens.user_of(token))
        except AuthenticationFailed:
            return False

    assert (number(), is_let_in()) == (2, True)
    older = Release.objects.get(model_version__number=1)
    Release.objects.live().update(ended_at=older.started_at)
    Release.objects.filter(pk=older.pk).update(ended_at=None)
    get_token_model().objects.all().delete()
    for entry in cache._entries.values():
        entry.looked_up_at -= HALF_AN_HOUR
        entry.confirmed_at -= HALF_AN_HOUR
    for verified in tokens._remembered.values():
        verified.verified_at -= HALF_AN_HOUR
    assert at_once(number) == [1] * 6
    assert at_once(is_let_in) == [False] * 6

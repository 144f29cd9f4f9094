import pytest
from django.db import OperationalError

from mlplatform.errors import DiskFull, NotReady, StorageForbidden
from mlplatform.jobs.retries import database_may_be_unavailable, with_retries


class Service:
    """Fails the first calls, then answers."""

    def __init__(self, *errors):
        self.errors, self.calls = list(errors), 0

    def __call__(self):
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "an answer"


def test_a_call_is_repeated_until_its_service_answers(db):
    service = Service(NotReady("away"))
    assert with_retries(service, for_s=30) == "an answer"
    assert service.calls == 2


def test_without_time_left_the_error_itself_is_raised():
    with pytest.raises(NotReady, match="away"):
        with_retries(Service(NotReady("away")), for_s=0)


@pytest.mark.parametrize("error", [ValueError("wrong"), DiskFull("wrong"), StorageForbidden("wrong")])
def test_an_error_that_does_not_pass_is_not_retried(error):
    service = Service(error)
    with pytest.raises(type(error), match="wrong"):
        with_retries(service, for_s=30)
    assert service.calls == 1


def test_an_unavailable_database_is_logged(db, caplog):
    with database_may_be_unavailable():
        raise OperationalError("the server is restarting")
    assert "the database is unavailable: the server is restarting" in caplog.text

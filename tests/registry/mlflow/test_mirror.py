"""Trainings as runs on an MLflow server: what is sent, and that an outage neither loses nor repeats anything."""

import pickle
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from registry.mlflow import mirror
from registry.models import MirroredModel, MirroredVersion
from registry.releases.promotion import promote, retire
from tests.registry.mlflow.tracking_server import TrackingServer


@pytest.fixture
def server(settings):
    server = TrackingServer()
    settings.MLFLOW_MIRROR_URI = server.url
    yield server
    server.stop()


def work() -> list[bool]:
    """Mirror all that is due, and return what came of it."""
    worker, results = mirror.Mirror(mirror.client()), []
    while (result := worker.run_next()) is not None:
        results.append(result)
    return results


def make_due() -> None:
    for rows in (MirroredVersion.objects.filter(finished_at=None), MirroredModel.objects):
        rows.update(due_at=timezone.now() - timedelta(seconds=1))


def test_a_training_becomes_a_run_with_its_model(server, make_dataset, make_version, page):
    version = make_version(make_dataset(), random_state=0, cv=3, description="A tree.")
    assert work() == [True, True]
    [run] = server.runs.values()
    assert server.experiments == {"flowers": "1"}
    assert (run["info"]["status"], run["info"]["user_id"]) == ("FINISHED", "ada")
    assert run["params"]["criterion"] == "gini"
    assert ("accuracy", 0, version.metrics["accuracy"]) in run["metrics"]
    assert [step for key, step, _ in run["metrics"] if key == "fold.accuracy"] == [0, 1, 2]
    assert run["inputs"] == ["flowers version 1"]
    [there] = server.models["flowers"]
    assert (there["source"], there["description"]) == ("mlflow-artifacts:/1/run1/artifacts/model", "A tree.")
    assert pickle.loads(server.files["1/run1/artifacts/model/model.pkl"]).steps
    assert f'href="{server.url}/#/experiments/1/runs/run1"' in page.get("/registry/models/flowers/1/").text


def test_aliases_follow_the_stages(server, make_dataset, make_version, admin):
    source = make_dataset()
    one, _ = [make_version(source, random_state=0) for _ in range(2)]
    work()
    assert server.aliases == {"dev": "2"}
    promote(one, stage="production", by=admin)
    assert work() == [True]
    assert server.aliases == {"dev": "2", "production": "1", "champion": "1"}
    retire(source.dataset, stage="production", by=admin)
    assert work() == [True]
    assert server.aliases == {"dev": "2"}
    assert work() == []


def test_an_idle_worker_asks_for_rows_that_are_due_and_for_nothing_else(
    server, make_version, django_assert_num_queries
):
    make_version(random_state=0)
    work()
    worker = mirror.Mirror(mirror.client())
    with django_assert_num_queries(2):
        assert worker.run_next() is None


def test_a_release_while_aliases_are_set_is_mirrored_next(server, make_dataset, make_version, admin):
    source = make_dataset()
    one, _ = [make_version(source, random_state=0) for _ in range(2)]
    work()
    promote(one, stage="staging", by=admin)
    row = mirror._claim(MirroredModel.objects.due())
    assert mirror._try(row, lambda: promote(one, stage="production", by=admin))
    assert work() == [True]
    assert server.aliases == {"dev": "2", "staging": "1", "production": "1", "champion": "1"}


def test_what_two_workers_did_at_once_is_done_once_more(server, make_version):
    make_version()
    work()
    MirroredModel.objects.make_due()
    row = mirror._claim(MirroredModel.objects.due())

    def overtaken():
        MirroredModel.objects.make_due()
        assert work() == [True]

    assert mirror._try(row, overtaken)
    assert work() == [True]
    assert work() == []


def test_an_alias_stays_until_the_version_that_replaces_it_is_mirrored(server, make_dataset, make_version):
    source = make_dataset()
    make_version(source, random_state=0)
    work()
    make_version(source, random_state=0)
    MirroredVersion.objects.filter(finished_at=None).update(due_at=timezone.now() + timedelta(minutes=1))
    assert (work(), server.aliases) == ([True], {"dev": "1"})
    make_due()
    assert (work(), server.aliases) == ([True, True], {"dev": "2"})


def test_an_outage_delays_and_loses_nothing(server, versions):
    server.stop()
    assert work() == [False] * 3
    row = MirroredVersion.objects.first()
    assert "is not responding" in row.error
    assert (row.tries, row.due_at > timezone.now()) == (1, True)
    server.start(server.port)
    assert work() == []
    make_due()
    assert work() == [True] * 4
    assert [version["version"] for version in server.models["flowers"]] == ["1", "2", "3"]
    assert not MirroredVersion.objects.exclude(error="").exists()


@pytest.mark.parametrize(
    "call",
    [
        *("experiments/create", "runs/create", "runs/log-batch", "runs/log-inputs", "runs/get"),
        *("registered-models/create", "model-versions/create", "runs/update", "registered-models/alias"),
    ],
)
def test_a_try_that_was_interrupted_goes_on_without_a_second_run(server, make_version, call):
    make_version(random_state=0)
    server.failing = call
    assert work()[-1] is False
    server.failing = ""
    make_due()
    assert work()[-1] is True
    assert (len(server.runs), len(server.models["flowers"])) == (1, 1)
    assert server.aliases == {"dev": "1"}


def test_a_run_whose_row_was_not_saved_is_found_again(server, make_version):
    make_version(random_state=0)
    work()
    MirroredVersion.objects.update(run_id="", number="", finished_at=None)
    work()
    assert (len(server.runs), len(server.models["flowers"])) == (1, 1)


def test_a_server_whose_clients_store_files_gets_the_run_only(settings, make_version):
    server = TrackingServer(artifacts="s3://bucket/")
    settings.MLFLOW_MIRROR_URI = server.url
    make_version(random_state=0)
    assert work() == [True, True]
    server.stop()
    assert (len(server.runs), server.models, server.files) == (1, {}, {})


def test_an_answer_of_another_shape_is_an_error_of_its_row(server, make_version, monkeypatch):
    make_version(random_state=0)
    server.experiments_get_by_name = lambda method, **fields: (200, {"nonsense": 1})
    assert work() == [False]
    assert MirroredVersion.objects.get().error


def test_credentials_are_sent_and_never_shown(server, settings, make_version, page):
    settings.MLFLOW_MIRROR_URI = server.url.replace("://", "://ada:p%40ss@")
    make_version(random_state=0)
    work()
    assert server.headers["Authorization"] == "Basic YWRhOnBAc3M="
    assert "p%40ss" not in page.get("/registry/models/flowers/1/").text
    settings.MLFLOW_MIRROR_TOKEN = "secret"
    mirror.client().get("experiments/get-by-name", experiment_name="flowers")
    assert server.headers["Authorization"] == "Bearer secret"


def test_a_redirect_is_not_followed_with_the_credentials(server):
    client = mirror.TrackingClient(server.url, token="secret")
    with pytest.raises(mirror.MirrorError, match=r"redirects \(302\)"):
        client.post("redirect")
    assert server.calls == ["redirect"]


def test_an_answer_without_end_is_an_error(server):
    server.experiments_get_by_name = lambda method, **fields: (200, {"a": "x" * 11 * 1024**2})
    with pytest.raises(mirror.MirrorError, match="too large"):
        mirror.TrackingClient(server.url).get("experiments/get-by-name")


def test_no_answer_crashes_the_worker(server, make_version):
    make_version(random_state=0)
    server.experiments_get_by_name = lambda method, **fields: (
        400,
        {"error_code": "A", "message": "\ud800\0"},
    )
    assert work() == [False]
    assert "400 A" in MirroredVersion.objects.get().error


def test_a_worker_that_stops_uploads_no_more_and_goes_on_later(server, make_version):
    make_version(random_state=0)
    worker = mirror.Mirror(mirror.client())
    worker.is_stopping = True
    assert worker.run_next() is False
    assert MirroredVersion.objects.get().error == "The worker stopped."
    assert not any(server.files.values())
    make_due()
    assert work()[-1] is True


def test_a_page_without_the_setting_asks_for_no_run(make_version, django_assert_num_queries):
    version = make_version(random_state=0)
    with django_assert_num_queries(0):
        assert mirror.run_address(version) == ""


def test_without_the_setting_nothing_is_queued_and_the_command_catches_up(settings, versions, capsys):
    assert MirroredVersion.objects.count() == 0
    with pytest.raises(CommandError, match="MLFLOW_MIRROR_URI is not set"):
        call_command("mlflow_mirror")
    server = TrackingServer()
    settings.MLFLOW_MIRROR_URI = server.url
    call_command("mlflow_mirror")
    assert f"3 versions are on {server.url}." in capsys.readouterr().out
    assert len(server.models["flowers"]) == 3
    call_command("mlflow_mirror")
    server.stop()
    assert len(server.runs) == 3


def test_the_command_gives_up_on_a_server_that_is_down(server, versions):
    server.stop()
    with pytest.raises(CommandError, match="2 could not be mirrored"):
        call_command("mlflow_mirror", max_failures=2)
    server.start()


def test_two_workers_do_not_take_the_same_row(server, versions):
    row = mirror._claim(MirroredVersion.objects.due())
    assert mirror._claim(MirroredVersion.objects.due()).pk != row.pk

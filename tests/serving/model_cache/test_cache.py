"""The models in memory: loaded once, proved, swapped without a gap, and answering while services are away."""

import contextlib
import os
import threading
import time
import tracemalloc
from importlib import import_module

import pytest
from django.apps import apps
from django.db import OperationalError, close_old_connections, connection
from prometheus_client import REGISTRY

from mlplatform.errors import NotReady
from mlplatform.resilience import cache_invalidation
from registry.artifacts import ArtifactRefused
from registry.models import ModelVersion, Release, Stage
from registry.promotion import delete_version, promote, rollback
from serving.model_cache import cache, refresher
from serving.models import Verification
from serving.prediction import predict

ROW = [9, 1.6, "blue"]


@pytest.fixture(scope="module", autouse=True)
def _roles_come_back(django_db_setup, django_db_blocker):
    """A test that commits ends with a flush, which takes the roles of the migration too."""
    yield
    with django_db_blocker.unblock():
        make_roles()


def make_roles():
    import_module("mlplatform.migrations.0001_roles").make_groups(apps, None)


@pytest.fixture
def roles(transactional_db):
    make_roles()


@pytest.fixture
def ask(admin):
    def call(stage="dev", **fields):
        return predict("flowers", stage=stage, rows=[ROW], by=admin, **fields)

    return call


@pytest.fixture
def impatient(monkeypatch):
    """What is live is looked up again with every request."""
    monkeypatch.setattr(cache, "LOOK_UP_EVERY_S", 0)


def no_database():
    def refuse(execute, sql, params, many, context):
        raise OperationalError("gone")

    return connection.execute_wrapper(refuse)


def loads(result: str = "ok") -> float:
    return REGISTRY.get_sample_value("mlmp_model_loads_total", {"result": result}) or 0


def loads_have_ended() -> None:
    until = time.monotonic() + 5
    while cache._loads._running and time.monotonic() < until:
        time.sleep(0.01)
    assert not cache._loads._running


@pytest.fixture
def slow_artifact(settings):
    """While in here, a version's artifact is a pipe: whoever reads it waits until it is told to go on."""

    @contextlib.contextmanager
    def slow(version):
        path = settings.DATA_DIR / "trained-models" / version.releases.get().key
        content = path.read_bytes()
        path.unlink()
        os.mkfifo(path)
        yield lambda: path.write_bytes(content)

    return slow


def test_a_promotion_and_a_rollback_are_live_at_once_on_this_box(make_version, make_dataset, admin, ask):
    source = make_dataset()
    promote(make_version(source), stage="production", by=admin)
    assert ask("production").release.model_version.number == 1
    promote(make_version(source), stage="production", by=admin)
    assert ask("production").release.model_version.number == 2
    rollback(source.dataset, stage="production", by=admin)
    assert ask("production").release.model_version.number == 1


def released_elsewhere(number: int) -> None:
    """As another machine does it: nothing is announced here."""
    older = Release.objects.get(model_version__number=number)
    Release.objects.live().update(ended_at=older.started_at)
    Release.objects.filter(pk=older.pk).update(ended_at=None)


def test_a_release_that_was_not_announced_here_is_found_by_the_next_look(
    make_version, make_dataset, ask, impatient
):
    source = make_dataset()
    make_version(source)
    make_version(source)
    assert ask().release.model_version.number == 2
    released_elsewhere(1)
    assert ask().release.model_version.number == 1


class TestLookout:
    """What was released is loaded before a request asks for it."""

    @pytest.fixture(autouse=True)
    def _patient(self, monkeypatch):
        """No request looks up what was looked up before."""
        monkeypatch.setattr(cache, "LOOK_UP_EVERY_S", 1000)

    @pytest.fixture
    def second_of_two(self, make_dataset, make_version, ask):
        source = make_dataset()
        make_version(source)
        make_version(source)
        assert ask().release.model_version.number == 2

    @pytest.mark.usefixtures("second_of_two")
    def test_it_loads_what_was_released_and_the_next_request_answers_from_it(self, ask):
        released_elsewhere(1)
        assert ask().release.model_version.number == 2
        before = loads()
        refresher.look()
        assert loads() == before + 1
        assert ask().release.model_version.number == 1

    def test_what_is_live_still_is_confirmed_in_one_query_for_all(
        self, make_version, admin, django_assert_num_queries
    ):
        version = make_version()
        for stage in ("staging", "production"):
            promote(version, stage=stage, by=admin)
        entries = [cache.answering("flowers", stage=stage) for stage in Stage.values]
        entries.append(cache.answering("flowers", stage=None, number=1))
        for entry in entries:
            entry.looked_up_at = entry.confirmed_at = 0.0
            entry.stamp = 0
        with django_assert_num_queries(1):
            refresher.look()
        with django_assert_num_queries(0):
            assert entries == [cache.answering("flowers", stage=stage) for stage in Stage.values] + [
                cache.answering("flowers", stage=None, number=1)
            ]

    @pytest.mark.usefixtures("second_of_two")
    def test_it_does_nothing_for_a_stage_that_nobody_has_asked_for_an_hour(self, ask, admin):
        """Though its version is asked for in another."""
        promote(ModelVersion.objects.get(number=2), stage="production", by=admin)
        dev, production = (
            cache.answering("flowers", stage="dev"),
            cache.answering("flowers", stage="production"),
        )
        assert dev.model is production.model
        dev.asked_at -= cache.IN_USE_S
        released_elsewhere(1)
        before = loads()
        refresher.look()
        assert loads() == before
        dev.asked_at = time.monotonic()
        refresher.look()
        assert loads() == before + 1

    def test_the_first_request_after_a_release_waits_for_a_load_that_was_begun_ahead(
        self, roles, make_dataset, make_version, ask, slow_artifact
    ):
        source = make_dataset()
        first = make_version(source)
        with slow_artifact(first) as go_on:
            make_version(source)
            known = cache.answering("flowers", stage="dev")
            released_elsewhere(1)
            cache_invalidation.announce(cache_invalidation.RELEASES)
            refresher.look()
            assert known.ahead[0] == first.pk
            threading.Timer(0.2, go_on).start()
            assert ask().release.model_version.number == 1

    def test_a_load_that_failed_is_told_to_the_log_and_left_to_the_requests(
        self, roles, make_dataset, make_version, ask, settings, monkeypatch, caplog
    ):
        source = make_dataset()
        path = settings.DATA_DIR / "trained-models" / make_version(source).releases.get().key
        path.write_bytes(path.read_bytes()[:-1])
        make_version(source)
        ask()
        released_elsewhere(1)
        before = loads("failed")
        for _ in range(3):
            refresher.look()
            loads_have_ended()
        assert loads("failed") == before + 1
        (line,) = [
            record.getMessage() for record in caplog.records if record.name == "serving.model_cache.cache"
        ]
        assert "flowers model version 1 was not loaded ahead: " in line
        assert ask().release.model_version.number == 2
        monkeypatch.setattr(cache, "AHEAD_AGAIN_S", 0)
        refresher.look()
        loads_have_ended()
        assert loads("failed") == before + 2

    def test_a_model_that_was_let_go_during_a_look_is_not_brought_back(
        self, make_version, make_dataset, ask, settings
    ):
        """Nothing would count it, and nothing could let it go again."""
        source = make_dataset()
        make_version(source)
        known = cache.answering("flowers", stage="dev")
        other = make_version(make_dataset("others"))
        settings.SERVING_MEMORY_MB = 0
        began = []

        def slowly(execute, sql, params, many, context):
            if not began:
                began.append(True)
                cache._hold(other, other.releases.get().key)
            return execute(sql, params, many, context)

        with connection.execute_wrapper(slowly):
            assert cache._looked_up(("flowers", "dev", None), known).model is known.model
        assert list(cache._held) == [other.pk]
        assert cache._entries == {}

    def test_nor_does_a_load_that_took_long_bring_an_older_release_back(
        self, roles, make_version, make_dataset, slow_artifact, settings
    ):
        source = make_dataset()
        make_version(source)
        cache.answering("flowers", stage="dev")
        with slow_artifact(make_version(source)) as go_on:
            refresher.look()
            make_version(source)
            cache_invalidation.announce(cache_invalidation.RELEASES)
            assert cache.answering("flowers", stage="dev").release.model_version.number == 3
            settings.SERVING_MEMORY_MB = 0
            assert cache._loads._running
            go_on()
            loads_have_ended()
        assert cache._entries == {}

    @pytest.mark.usefixtures("second_of_two")
    def test_a_database_that_is_away_leaves_it_as_it_was(self, ask):
        with no_database():
            refresher.look()
            assert ask().release.model_version.number == 2

    @pytest.mark.usefixtures("second_of_two")
    def test_what_was_released_after_it_confirmed_the_version_before_is_kept(self, ask):
        """A look that began earlier may ask the database later."""
        before = cache.answering("flowers", stage="dev")
        began = []

        def slowly(execute, sql, params, many, context):
            if not began:
                began.append(True)
                refresher.look()
                released_elsewhere(1)
            return execute(sql, params, many, context)

        with connection.execute_wrapper(slowly):
            cache._looked_up(("flowers", "dev", None), before)
        assert ask().release.model_version.number == 1

    def test_a_deleted_version_is_let_go(self, make_version, ask, admin):
        version = make_version()
        ask()
        delete_version(version, by=admin)
        refresher.look()
        assert cache._entries == {}


def test_a_version_that_was_promoted_is_one_model_in_all_stages(make_version, admin):
    version = make_version()
    for stage in ("staging", "production"):
        promote(version, stage=stage, by=admin)
    first, *others = [cache.answering("flowers", stage=stage) for stage in Stage.values]
    assert all(entry.model is first.model for entry in others)
    assert len({entry.release.key for entry in (first, *others)}) == 3


def test_but_each_copy_is_proved(make_version, admin, ask):
    version = make_version()
    ask()
    before = loads()
    promote(version, stage="staging", by=admin)
    assert loads() == before + 1


def test_a_model_is_loaded_once_however_many_ask_at_once(roles, make_version):
    release = Release.objects.with_versions().get(model_version=make_version())
    before, found = loads(), []

    def load():
        found.append(cache._model(release))
        close_old_connections()
        connection.close()

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len({id(model) for model in found}) == 1
    assert loads() == before + 1


def test_each_request_for_a_model_that_is_refused_is_counted(roles, make_version, admin, ask, settings):
    """Those who wait for the same load get the same exception."""
    path = settings.DATA_DIR / "trained-models" / make_version().releases.get().key
    path.write_bytes(path.read_bytes()[:-1])
    unnamed = {"model": "", "version": "", "environment": "", "protocol": "native", "outcome": "not_ready"}

    def refused() -> float:
        return REGISTRY.get_sample_value("mlmp_predict_requests_total", unnamed) or 0

    def call():
        with contextlib.suppress(ArtifactRefused):
            ask()
        connection.close()

    before = refused()
    threads = [threading.Thread(target=call) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused() == before + 6


def test_a_look_that_was_overtaken_does_not_bring_the_older_release_back(make_version):
    make_version()
    wanted, later = ("flowers", "dev", None), []

    def overtaken(execute, sql, params, many, context):
        if not later:
            later.append(None)
            later[0] = cache.answering("flowers", stage="dev")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(overtaken):
        slow = cache._looked_up(wanted, None)
    assert slow is later[0] is cache._entries[wanted]


def test_a_long_load_leaves_threads_for_other_models(roles, make_version, slow_artifact, monkeypatch):
    """All but one of those who wait are sent away."""
    monkeypatch.setattr(cache, "SOON_S", 0.1)
    monkeypatch.setattr(cache, "_waiting", threading.Semaphore(1))
    release = Release.objects.with_versions().get(model_version=make_version())
    told = []

    def ask():
        try:
            told.append(cache._model(release).version)
        except NotReady as error:
            told.append(error.code)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    with slow_artifact(release.model_version) as go_on:
        for thread in threads:
            thread.start()
        while len(told) < 3:
            time.sleep(0.02)
        assert told == ["model_loading"] * 3
        go_on()
        for thread in threads:
            thread.join()
    assert told[3] == release.model_version


def test_a_dataset_has_one_slot_however_its_name_is_written(make_version):
    make_version()
    entry = cache.answering("flowers", stage="dev")
    assert all(
        cache.answering(name, stage="dev") is entry for name in ("Flowers", "flowers.csv", " FLOWERS ")
    )
    assert len(cache._entries) == 1


def test_the_least_used_model_leaves_when_memory_is_short(make_version, make_dataset, ask, settings):
    source = make_dataset()
    versions = [make_version(source) for _ in range(3)]
    for number in (1, 2, 1):
        ask(version=number)
    settings.SERVING_MEMORY_MB = 2.5 * max(model.nbytes for model in cache._held.values()) / 1024**2
    ask(version=3)
    assert [version.pk in cache._held for version in versions] == [True, False, True]
    assert ask(version=2).predictions


def test_without_the_database_what_is_resident_answers(make_version, ask, impatient):
    make_version()
    before = ask()
    with no_database():
        assert ask().predictions == before.predictions
        with pytest.raises(OperationalError):
            ask("staging")


def test_but_not_for_longer_than_it_may(make_version, ask, impatient, settings):
    make_version()
    ask()
    settings.SERVING_STALE_S = 0
    with no_database(), pytest.raises(OperationalError):
        ask()


def test_without_the_store_the_old_model_answers_until_the_new_one_can_be_loaded(
    make_version, make_dataset, ask, broken_storage
):
    source = make_dataset()
    make_version(source)
    ask()
    make_version(source)
    cache._held.clear()
    with broken_storage("trained-models"):
        assert ask().release.model_version.number == 1
        with pytest.raises(NotReady):
            ask(version=2)
    cache.forget()
    assert ask().release.model_version.number == 2


def test_readiness_says_degraded_while_models_here_still_answer(client, make_version, ask, broken_storage):
    make_version()
    with broken_storage("trained-models"):
        assert client.get("/readyz").status_code == 503
    ask()
    with broken_storage("trained-models"):
        answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert client.get("/readyz").json()["status"] == "ok"


class TestGoldenRows:
    @pytest.fixture
    def version(self, make_version):
        return make_version(
            module="ensemble", class_name="RandomForestClassifier", params={"n_estimators": 5}
        )

    def change(self, version, row):
        verification = Verification.objects.get(pk=version.pk)
        verification.predictions[row - 1] = {"rose": "tulip", "tulip": "rose"}[
            verification.predictions[row - 1]
        ]
        verification.save()

    def test_they_are_rows_of_the_table_and_made_edge_rows(self, version):
        verification = version.verification
        assert verification.engine == "trees"
        assert [None, None, None] in verification.golden_rows
        assert (
            len(verification.golden_rows)
            == len(verification.predictions)
            == len(verification.probabilities)
            > 5
        )

    def test_a_model_that_predicts_them_otherwise_is_refused_by_its_row(self, version, ask):
        self.change(version, row=3)
        with pytest.raises(ArtifactRefused, match="golden row 3"):
            ask()

    def test_and_is_not_promoted(self, version, admin):
        self.change(version, row=2)
        with pytest.raises(ArtifactRefused, match="golden row 2"):
            promote(version, stage="staging", by=admin)
        assert not Release.objects.filter(stage="staging").exists()

    def test_a_version_from_before_there_were_any_is_served(self, version, ask):
        Verification.objects.all().delete()
        assert ask().predictions

    def test_a_clusterer_that_cannot_predict_needs_none(self, make_version, admin):
        version = make_version(module="cluster", class_name="DBSCAN")
        promote(version, stage="staging", by=admin)
        assert not Verification.objects.exists()


def test_numbers_and_chances_of_a_regressor_are_proved_too(make_dataset, make_version, ask, admin):
    table = "x,when,y\n" + "".join(f"{i % 7}.5,2026-01-{i + 1:02},{i * 1.1:.3f}\n" for i in range(25))
    version = make_version(make_dataset("line", table), module="linear_model", class_name="Ridge")
    assert version.verification.engine == "estimator"
    assert all(isinstance(value, float) for value in version.verification.predictions)
    assert predict("line", stage="dev", rows=[[1, None]], by=admin).predictions


def test_a_chance_that_is_no_number_is_kept_as_null(make_dataset, make_version, ask):
    """LabelPropagation divides 0 by 0 for a row far from its training."""
    table = "x,y\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(20))
    version = make_version(
        make_dataset("far", table), module="semi_supervised", class_name="LabelPropagation"
    )
    assert [None, None] in version.verification.probabilities
    assert cache.answering("far", stage="dev").model.engine.kind == version.verification.engine == "estimator"


def test_an_infinite_prediction_is_the_same_by_plan_and_pipeline(make_dataset, make_version):
    """PoissonRegressor's exp() overflows at an edge row, which is null to a caller either way."""
    table = "x,y\n" + "".join(f"{i / 10},{2**i}\n" for i in range(20))
    version = make_version(make_dataset("steep", table), module="linear_model", class_name="PoissonRegressor")
    assert None in version.verification.predictions
    assert version.verification.engine == "estimator"


def test_a_model_that_draws_lots_is_served_without_golden_rows(make_dataset, make_version, ask):
    table = "x,y\n" + "".join(f"{i},{'abcde'[i % 5]}\n" for i in range(30))
    version = make_version(
        make_dataset("lots", table),
        module="dummy",
        class_name="DummyClassifier",
        params={"strategy": "uniform"},
        random_state=None,
    )
    assert (version.verification.engine, version.verification.golden_rows) == ("pipeline", [])
    assert cache.answering("lots", stage="dev").model.engine.kind == "pipeline"


def test_an_unseen_category_is_counted_whatever_predicts(make_dataset, make_version, ask):
    table = "x,colour,y\n" + "".join(f"{i},{['red', 'blue'][i % 2]},{'abcde'[i % 5]}\n" for i in range(30))
    params = {"strategy": "uniform"}
    make_version(
        make_dataset("lots", table),
        module="dummy",
        class_name="DummyClassifier",
        params=params,
        random_state=None,
    )
    model = cache.answering("lots", stage="dev").model
    assert model.engine.kind == "pipeline"
    rows = model.reader.from_rows([[15, "green"], [16, "red"]])  # in any training split's range
    assert model.input_warnings.counts(rows) == {"unseen_category": 1}
    assert model.input_warnings.details(rows) == [{"row": 1, "column": "colour", "kind": "unseen_category"}]


def test_of_a_million_notices_the_first_thousand_are_made(make_version):
    make_version()
    model = cache.answering("flowers", stage="dev").model
    rows = model.reader.from_rows([[None, None, None]] * 100_000)
    tracemalloc.start()
    try:
        listed = model.input_warnings.details(rows)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (len(listed), listed[-1]["row"]) == (1000, 334)
    assert peak < 5_000_000


def test_the_model_that_was_loaded_last_stays(make_version, settings):
    settings.SERVING_MEMORY_MB = 0
    first, second = make_version(), make_version()
    for version in (first, second):
        model = cache._hold(version, version.releases.get().key)
        model.used_at = 0  # as if the others had been used since
        assert list(cache._held) == [version.pk]

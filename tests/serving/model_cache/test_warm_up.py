"""What a new web process loads before it takes requests."""

import pytest
from django.db import OperationalError, connection

from registry.models import Release
from registry.releases import usage
from serving.model_cache.warm_up import warm_up
from tests.serving.model_cache.conftest import database_down, load_count

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def make_used(make_dataset, make_version):
    """A dataset with a version in dev, and that many calls of it in this hour."""

    def make(name: str, requests: int):
        version = make_version(make_dataset(name))
        usage.add({version.releases.get().pk: {"requests": requests}})
        return version

    return make


def test_the_models_that_were_called_are_loaded_the_most_used_first(
    cache, make_used, make_version, make_dataset
):
    used = [make_used("seldom", 1), make_used("often", 7)]
    make_version(make_dataset("never"))
    assert usage.stages_in_use() == [("often", "dev"), ("seldom", "dev")]
    warm_up(cache)
    assert all(cache.models.get(version.pk) for version in used)
    assert len(cache) == 2
    before = load_count()
    assert cache.get("often", stage="dev").release.model_version == used[1]
    assert load_count() == before


def test_what_would_evict_the_most_used_is_left_to_requests(make_cache, make_used):
    often, seldom = make_used("often", 7), make_used("seldom", 1)
    cache = make_cache(memory_mb=0)
    warm_up(cache)
    assert (cache.models.get(often.pk), cache.models.get(seldom.pk)) == (None, None)
    cache = make_cache(memory_mb=often.artifact_size / 1024**2)
    warm_up(cache)
    assert cache.models.get(often.pk)
    assert not cache.models.get(seldom.pk)


def test_a_refused_or_retired_model_does_not_keep_the_others_from_being_loaded(
    cache, make_used, truncate_artifact
):
    truncate_artifact(make_used("refused", 7))
    retired = make_used("retired", 5)
    Release.objects.filter(model_version=retired).update(ended_at=retired.releases.get().started_at)
    fine = make_used("fine", 1)
    warm_up(cache)
    assert cache.models.get(fine.pk)
    assert len(cache) == 1


def test_nothing_more_is_loaded_once_the_process_ends(cache, make_used):
    make_used("often", 7)
    warm_up(cache, lambda: False)
    assert len(cache) == 0


def test_without_its_database_it_gives_up_at_once(cache, make_used):
    make_used("often", 7)
    with database_down(), pytest.raises(OperationalError):
        warm_up(cache)
    connection.close()
    assert len(cache) == 0

"""The memory budget: which models are evicted, and what happens to entries in use."""

import pytest

from tests.serving.model_cache.conftest import before_first_query, live_number

TINY_MB = 0.000001


@pytest.fixture
def three_versions(make_dataset, make_version):
    source = make_dataset()
    return [make_version(source) for _ in range(3)]


def test_the_least_recently_used_model_is_evicted(make_cache, clock, three_versions):
    cache = make_cache(clock=clock)

    def nbytes(number: int) -> int:
        clock.advance(1)
        return cache.get("flowers", stage="dev", version=number).model.nbytes

    budget = 2.5 * max(nbytes(number) for number in (1, 2, 3)) / 1024**2
    cache = make_cache(memory_mb=budget, clock=clock)
    for number in (1, 2, 1, 3):
        nbytes(number)
    assert [cache.models.get(version.pk) is not None for version in three_versions] == [True, False, True]
    assert cache.get("flowers", stage="dev", version=2).release.model_version == three_versions[1]


def test_the_model_that_was_just_loaded_is_never_evicted(make_cache, two_versions):
    cache = make_cache(memory_mb=TINY_MB)
    first, second = two_versions
    for version, other in ((first, second), (second, first)):
        entry = cache.get("flowers", stage="dev", version=version.number)
        entry.model.used_at = 0  # least recently used
        assert cache.models.get(version.pk) is entry.model
        assert cache.models.get(other.pk) is None


def test_an_evicted_model_answers_the_request_that_uses_it_and_is_not_kept(
    make_cache, make_dataset, make_version
):
    """Otherwise nothing would count its memory, and nothing could evict it again."""
    cache = make_cache(memory_mb=TINY_MB)
    make_version()
    entry = cache.get("flowers", stage="dev")
    other = make_version(make_dataset("others"))
    with before_first_query(lambda: cache.verify(other, other.releases.get().key)):
        assert cache.get("flowers", stage="dev").model is entry.model
    assert cache.models.get(other.pk)
    assert cache.models.get(entry.model.version.pk) is None
    assert len(cache) == 0


def test_an_evicted_model_is_loaded_again(make_cache, make_dataset, make_version):
    cache = make_cache(memory_mb=TINY_MB, is_refreshed=True)
    make_version()
    make_version(make_dataset("others"))
    model = cache.get("flowers", stage="dev").model
    cache.get("others", stage="dev")
    assert live_number(cache) == 1
    assert cache.get("flowers", stage="dev").model is not model

"""The numbers of changes, by which web processes ask for the difference."""

from catalog.imports.upload import delete_dataset
from registry.releases import changes
from registry.releases.deletion import delete_version
from registry.releases.promotion import promote, retire, rollback


def test_every_change_of_a_dataset_has_the_next_number(make_dataset, make_version, admin):
    first, other = make_dataset("flowers"), make_dataset("trees")
    before = changes.last()
    version = make_version(first)
    assert changes.last() == before + 1
    second = make_version(first)
    make_version(other)
    assert changes.since(before) == {first.dataset_id: before + 2, other.dataset_id: before + 3}
    for change in (
        lambda: promote(version, stage="production", by=admin),
        lambda: rollback(first.dataset, stage="dev", by=admin),
        lambda: retire(first.dataset, stage="production", by=admin),
        lambda: delete_version(second, by=admin),
    ):
        last = changes.last()
        change()
        assert changes.since(last) == {first.dataset_id: last + 1}


def test_what_was_deleted_with_its_dataset_is_noticed(make_dataset, make_version, admin):
    source = make_dataset("flowers")
    version = make_version(source)
    last = changes.last()
    delete_version(version, by=admin)
    delete_dataset(source.dataset, by=admin)
    assert list(changes.since(last)) == [source.dataset_id]

"""Files that are stored, but not in the catalog yet: stored, confirmed, discarded, swept."""

import io
import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from catalog.imports import cleanup, ingestion
from catalog.imports.confirmation import confirm
from catalog.imports.drafts import discard, store_draft
from catalog.models import DatasetVersion, Draft
from mlplatform import storage
from mlplatform.errors import NotFound, NotReady
from tests.conftest import FLOWERS


@pytest.fixture
def store(admin):
    def file(content=FLOWERS, filename="flowers.csv", by=admin) -> Draft:
        return store_draft(io.BytesIO(content.encode()), filename=filename, by=by)

    return file


def is_stored(draft: Draft) -> bool:
    return storage.datasets().exists(draft.key)


def age(draft: Draft, **ago) -> None:
    Draft.objects.filter(pk=draft.pk).update(created_at=timezone.now() - timedelta(**ago))


def test_a_draft_has_the_bytes_of_its_file_and_can_be_no_table(store):
    draft = store("anything\0")
    with storage.open_file(storage.datasets(), draft.key) as file:
        assert file.read() == b"anything\0"


def test_a_confirmed_draft_is_a_version_with_the_same_file(store, admin):
    draft = store()
    version, is_new = confirm(draft, name="Spring flowers", description="Of May.", by=admin)
    assert is_new
    assert (version.dataset.name, version.dataset.description) == ("spring_flowers", "Of May.")
    assert (version.key, version.row_count, version.filename) == (draft.key, 24, "spring_flowers.csv")
    assert not Draft.objects.exists()


def test_a_draft_that_was_confirmed_already_cannot_be_discarded(store, admin):
    draft = store()
    confirm(draft, by=admin)
    discard(draft)
    assert is_stored(draft)


def test_a_draft_that_is_confirmed_twice_at_once_becomes_one_version(store, admin):
    draft = store()
    again = Draft.objects.get(pk=draft.pk)

    def confirm_again(source):
        confirm(again, by=admin, ingest=ingestion.ingest)
        return ingestion.ingest(source)

    version, is_new = confirm(draft, by=admin, ingest=confirm_again)
    assert not is_new
    assert DatasetVersion.objects.get() == version
    assert all(storage.datasets().exists(key) for key in version.keys)


def test_a_draft_that_is_no_table_stays_to_be_corrected(store, admin):
    draft = store("a,b\n1\n2,3\n")
    with pytest.raises(ValidationError, match="Line 2 has 1 cell"):
        confirm(draft, by=admin)
    assert is_stored(draft)
    assert Draft.objects.of_user(draft.pk, user=admin) == draft


def test_the_same_bytes_are_the_version_that_is_there_and_the_draft_is_gone(store, make_dataset, admin):
    version, draft = make_dataset(), store()
    assert confirm(draft, by=admin) == (version, False)
    assert not Draft.objects.exists()
    assert not is_stored(draft)


def test_a_draft_is_its_users_own(store, make_user):
    draft = store()
    with pytest.raises(NotFound, match="Upload the file again"):
        Draft.objects.of_user(draft.pk, user=make_user("data scientist"))


def test_viewers_store_nothing(store, make_user):
    with pytest.raises(PermissionDenied):
        store(by=make_user("viewer"))
    assert not Draft.objects.exists()


def test_drafts_are_swept_after_a_day_and_not_before(store):
    old, new = store(), store()
    age(old, hours=25)
    age(new, hours=23)
    cleanup.sweep()
    assert Draft.objects.get() == new
    assert (is_stored(old), is_stored(new)) == (False, True)


def test_an_interrupted_upload_is_no_draft_and_is_swept(store, admin, broken_storage):
    with broken_storage("datasets"), pytest.raises(NotReady):
        store()
    interrupted = Draft.objects.get()
    assert not Draft.objects.stored().exists()
    age(interrupted, days=2)
    cleanup.sweep()
    assert not Draft.objects.exists()


def test_drafts_stay_while_the_store_is_down(store, broken_storage):
    draft = store()
    age(draft, days=2)
    with broken_storage("datasets"):
        cleanup.sweep()
    assert Draft.objects.exists()


def test_files_that_a_killed_web_process_has_received_are_swept_after_a_day(db, settings):
    old, new = (Path(settings.FILE_UPLOAD_TEMP_DIR, f"{name}.upload.csv") for name in ("old", "new"))
    for path in (old, new):
        path.touch()
    os.utime(old, (0, 0))
    cleanup.sweep()
    assert (old.exists(), new.exists()) == (False, True)
    new.unlink()

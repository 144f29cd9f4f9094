"""Adding and deleting datasets."""

import errno
import hashlib
import io
import itertools
import os
from importlib import import_module
from pathlib import Path

import pandas
import pytest
from django.apps import apps
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from catalog.imports.upload import add_dataset, delete_dataset
from catalog.models import Dataset, DatasetVersion
from mlplatform import hashing, storage
from mlplatform.errors import Conflict, DiskFull, NotFound, NotReady, StorageForbidden, TooLarge
from tests.conftest import FLOWERS

OTHER = FLOWERS + "9,9,red,rose\n"


def keys() -> set[str]:
    store = storage.datasets()
    return {
        f"{folder}/{file}"
        for name in store.listdir("")[0]
        for folder in folders(store, name)
        for file in store.listdir(folder)[1]
    }


def folders(store, name: str) -> list[str]:
    return [f"{name}/{folder}" for folder in store.listdir(name)[0]]


def test_an_upload_stores_the_bytes_and_describes_the_table(make_dataset):
    version = make_dataset("Flowers of Spring", FLOWERS)
    assert (version.dataset.name, version.number, version.row_count) == ("flowers_of_spring", 1, 24)
    assert [column["name"] for column in version.columns] == ["length", "width", "colour", "species"]
    assert storage.open_file(storage.datasets(), version.key).read() == FLOWERS.encode()


@pytest.mark.parametrize(
    ("sent", "stored"),
    [("x.tab", "x.tab"), ("x.TSV", "x.tsv"), ("x.csv", "x.csv"), ("x.dat", "x.csv"), ("x.tar.gz", "x.csv")],
)
def test_a_dataset_comes_back_with_the_extension_of_its_file(make_dataset, sent, stored):
    version = make_dataset("x", "a\tb\n1\t2\n3\t4\n", filename=sent)
    assert version.filename == stored


def test_an_upload_stores_a_preview_of_the_first_rows(make_dataset):
    version = make_dataset()
    assert len(version.preview) == 20
    assert version.preview[0][2:] == ["red", "tulip"]
    assert version.preview[2][2] is None


def test_a_taken_name_is_a_conflict_and_leaves_no_bytes(make_dataset):
    make_dataset()
    before = keys()
    with pytest.raises(Conflict, match="new_version=true"):
        make_dataset(content=OTHER)
    assert keys() == before


def test_a_full_disk_is_named_and_leaves_no_bytes(make_dataset, full_disk):
    before = keys()
    full_disk("datasets")
    with pytest.raises(DiskFull, match="not enough disk space"):
        make_dataset()
    assert keys() == before


def test_a_store_that_may_not_be_written_is_not_unavailable(make_dataset, monkeypatch):
    def refuse(path, *args):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StorageForbidden, match="denies access: it is read-only"):
        make_dataset()


def test_a_file_is_added_as_a_new_version_on_request(make_dataset):
    make_dataset()
    version = make_dataset(content=OTHER, new_version=True)
    assert version.number == 2
    assert version.dataset.version().number == 2


def test_uploads_count_against_the_quota_of_their_user(make_dataset, make_user, settings):
    settings.USER_QUOTA_MB = 1
    table = "a,b\n" + "1,2\n" * 150_000
    make_dataset("first", table)
    with pytest.raises(
        TooLarge, match=r"The files of ada use 0\.6 MB of 1 MB; this one has 0\.6 MB\."
    ) as caught:
        make_dataset("second", table + "3,4\n")
    assert caught.value.code == "quota_exceeded"
    make_dataset("first", table)  # is the version that is already there
    make_dataset("second", table + "3,4\n", by=make_user("administrator", username="grace"))


def test_uploading_the_same_bytes_again_returns_the_existing_version(make_dataset, admin):
    first = make_dataset()
    make_dataset(content=OTHER, new_version=True)
    again, is_new = add_dataset(io.BytesIO(FLOWERS.encode()), filename="flowers.csv", by=admin)
    assert (again, is_new) == (first, False)


def test_the_same_bytes_with_another_name_are_another_dataset(make_dataset):
    make_dataset()
    assert make_dataset("roses").dataset.name == "roses"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "empty"), (b"a,b\n", "row"), (b"\x89PNG\r\n\x1a\n" + bytes(200), "PNG"), (b"a,b\n1\n", "cell")],
    ids=["empty", "no rows", "image", "ragged line"],
)
def test_a_file_that_is_not_a_table_leaves_nothing_behind(admin, content, sentence):
    before = keys()
    with pytest.raises(ValidationError, match=sentence):
        add_dataset(io.BytesIO(content), filename="broken.csv", by=admin)
    assert not Dataset.objects.exists()
    assert keys() == before


def test_a_file_over_the_size_limit_is_rejected(admin, settings):
    settings.MAX_UPLOAD_MB = 1
    with pytest.raises(TooLarge, match="The file is 2 MB; the limit is 1 MB"):
        add_dataset(io.BytesIO(b"a,b\n" + b"1,2\n" * 300_000), filename="big.csv", by=admin)


def test_viewers_cannot_upload(make_user):
    with pytest.raises(PermissionDenied, match="data scientist role"):
        add_dataset(io.BytesIO(FLOWERS.encode()), filename="flowers.csv", by=make_user("viewer"))


def test_an_upload_without_an_object_store_writes_no_rows(make_dataset, broken_storage):
    with broken_storage(settings.DATASETS_BUCKET), pytest.raises(NotReady, match="object store"):
        make_dataset()
    assert not DatasetVersion.objects.exists()
    assert not Dataset.objects.exists()


def test_deleting_a_dataset_deletes_its_file(make_dataset, admin):
    version = make_dataset()
    delete_dataset(version.dataset, by=admin)
    assert not Dataset.objects.exists()
    assert not storage.datasets().exists(version.key)


def test_a_dataset_that_was_deleted_in_the_meantime_is_not_found(make_dataset, admin):
    dataset = make_dataset().dataset
    Dataset.objects.all().delete()
    with pytest.raises(NotFound, match="No dataset is named `flowers`"):
        delete_dataset(dataset, by=admin)


def test_a_dataset_with_models_cannot_be_deleted(make_version, admin):
    model = make_version()
    with pytest.raises(Conflict, match="because models depend on it: flowers model version 1"):
        delete_dataset(model.dataset, by=admin)
    assert storage.datasets().exists(model.dataset_version.key)


def test_data_scientists_cannot_delete_datasets(make_dataset, make_user):
    version = make_dataset()
    with pytest.raises(PermissionDenied):
        delete_dataset(version.dataset, by=make_user("data scientist"))


def test_a_missing_storage_folder_is_not_recreated_by_an_upload(make_dataset, tmp_path):
    folder = settings.DATA_DIR / settings.DATASETS_BUCKET
    folder.rename(tmp_path / "away")
    try:
        with pytest.raises(NotReady, match="object store"):
            make_dataset()
        assert not folder.exists()
    finally:
        (tmp_path / "away").rename(folder)
    assert not Dataset.objects.exists()


class CountingFile(io.BytesIO):
    """A file that counts the bytes that are read, and calls `before_pass` whenever a reader starts again."""

    bytes_read = 0
    before_pass = None

    def read(self, size=-1):
        block = super().read(size)
        self.bytes_read += len(block)
        return block

    def seek(self, offset, whence=0):
        if self.before_pass and (offset, whence) == (0, 0):
            self.before_pass()
        return super().seek(offset, whence)


def large(rows: int = 300_000) -> bytes:
    frame = pandas.DataFrame({"a": range(rows), "b": [i * 0.37 for i in range(rows)], "c": "some words"})
    return frame.to_csv(index=False).encode()


def test_an_upload_is_read_to_hash_it_and_to_store_it(admin):
    """Whatever else is to be known of it is read from the store, in another process."""
    file = CountingFile(large())
    version, _ = add_dataset(file, filename="large.csv", by=admin)
    assert version.row_count == 300_000
    assert version.sha256 == hashlib.sha256(file.getvalue()).hexdigest()
    assert file.bytes_read <= 3 * len(file.getvalue())


def test_a_file_that_is_received_on_disk_is_moved_into_a_local_store(page):
    file = SimpleUploadedFile("large.csv", large(60_000))
    assert page.post("/datasets/upload", {"file": file}).status_code == 201
    version = DatasetVersion.objects.get()
    with storage.open_file(storage.datasets(), version.key) as stored:
        assert hashing.sha256(stored) == version.sha256
    assert list(Path(settings.FILE_UPLOAD_TEMP_DIR).iterdir()) == []


def test_a_file_that_exists_already_is_read_once_to_hash_it(admin):
    content = large()
    add_dataset(io.BytesIO(content), filename="large.csv", by=admin)
    file = CountingFile(content)
    _, is_new = add_dataset(file, filename="large.csv", by=admin)
    assert not is_new
    assert file.bytes_read < 1.1 * len(content) + 4 * 1024**2


@pytest.mark.parametrize("start", range(4))
def test_of_two_concurrent_uploads_of_the_same_bytes_the_second_returns_the_first(admin, start):
    """The other upload is complete before the reader of this one starts again for the nth time."""
    before = keys()
    file, starts, other = CountingFile(FLOWERS.encode()), itertools.count(), []

    def upload_other():
        if next(starts) == start:
            other.append(add_dataset(io.BytesIO(FLOWERS.encode()), filename="flowers.csv", by=admin))

    file.before_pass = upload_other
    version, is_new = add_dataset(file, filename="flowers.csv", by=admin)
    assert other == [(version, True)]
    assert not is_new
    assert keys() - before == {*version.keys}


@pytest.mark.parametrize("statement", range(2))
def test_an_upload_that_is_committed_between_two_look_ups_is_still_recognised(admin, statement):
    """The other upload is complete before the nth query of this one that reads datasets."""
    queries, other = itertools.count(), []

    def upload_other(execute, sql, *args):
        if sql.startswith("SELECT") and "catalog_dataset" in sql and next(queries) == statement:
            other.append(add_dataset(io.BytesIO(FLOWERS.encode()), filename="flowers.csv", by=admin))
        return execute(sql, *args)

    with connection.execute_wrapper(upload_other):
        version, is_new = add_dataset(io.BytesIO(FLOWERS.encode()), filename="flowers.csv", by=admin)
    assert other == [(version, True)]
    assert not is_new


def test_of_two_concurrent_uploads_of_different_files_with_one_name_the_second_is_a_conflict(admin):
    before = keys()
    file, starts = CountingFile(OTHER.encode()), itertools.count()

    def upload_other():
        if next(starts) == 3:
            add_dataset(io.BytesIO(FLOWERS.encode()), filename="flowers.csv", by=admin)

    file.before_pass = upload_other
    with pytest.raises(Conflict, match="already exists"):
        add_dataset(file, filename="flowers.csv", by=admin)
    assert keys() - before == {*DatasetVersion.objects.get().keys}


def test_the_migration_gives_stored_versions_the_digest_of_their_recipe(make_dataset):
    version = make_dataset()
    DatasetVersion.objects.update(recipe_digest="")
    import_module("catalog.migrations.0010_recipe_corrections").set_digests(apps, None)
    assert DatasetVersion.objects.get().recipe_digest == version.recipe_digest != ""

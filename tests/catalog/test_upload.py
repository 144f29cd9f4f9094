"""add_dataset() and delete_dataset(): the operations behind page and API."""

import io
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError

from catalog.models import Dataset, DatasetVersion
from catalog.upload import add_dataset, delete_dataset
from mlplatform import storage
from mlplatform.errors import Conflict, NotReady, TooLarge
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


def test_an_upload_keeps_the_bytes_and_tells_their_shape(make_dataset):
    version = make_dataset("Flowers of Spring", FLOWERS)
    assert (version.dataset.name, version.number, version.row_count) == ("flowers_of_spring", 1, 24)
    assert [column["name"] for column in version.columns] == ["length", "width", "colour", "species"]
    assert storage.open_file(storage.datasets(), version.key).read() == FLOWERS.encode()


def test_the_first_rows_are_kept_for_pages(make_dataset):
    version = make_dataset()
    assert len(version.preview) == 20
    assert version.preview[0][2:] == ["red", "tulip"]
    assert version.preview[2][2] is None


def test_the_same_name_again_is_refused_and_leaves_no_bytes(make_dataset):
    make_dataset()
    before = keys()
    with pytest.raises(Conflict, match="new_version=true"):
        make_dataset(content=OTHER)
    assert keys() == before


def test_a_new_version_is_asked_for(make_dataset):
    make_dataset()
    version = make_dataset(content=OTHER, new_version=True)
    assert version.number == 2
    assert version.dataset.version().number == 2


def test_the_same_bytes_again_are_the_version_that_is_there(make_dataset, admin):
    first = make_dataset()
    make_dataset(content=OTHER, new_version=True)
    again, is_new = add_dataset(io.BytesIO(FLOWERS.encode()), filename="flowers.csv", by=admin)
    assert (again, is_new) == (first, False)


def test_the_same_bytes_under_another_name_are_another_dataset(make_dataset):
    make_dataset()
    assert make_dataset("roses").dataset.name == "roses"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "empty"), (b"a,b\n", "row"), (b"\x89PNG\r\n\x1a\n" + bytes(200), "PNG"), (b"a,a\n1,2\n", "a")],
)
def test_what_is_no_table_leaves_nothing_behind(admin, content, sentence):
    before = keys()
    with pytest.raises(ValidationError, match=sentence):
        add_dataset(io.BytesIO(content), filename="broken.csv", by=admin)
    assert not Dataset.objects.exists()
    assert keys() == before


def test_a_file_over_the_limit_is_refused(admin, settings):
    settings.MAX_UPLOAD_MB = 1
    with pytest.raises(TooLarge, match="1 MB at most"):
        add_dataset(io.BytesIO(b"a,b\n" + b"1,2\n" * 300_000), filename="big.csv", by=admin)


def test_viewers_may_not_upload(make_user):
    with pytest.raises(PermissionDenied, match="data scientists"):
        add_dataset(io.BytesIO(FLOWERS.encode()), filename="flowers.csv", by=make_user("viewer"))


def test_a_store_that_does_not_answer_leaves_no_row(make_dataset, broken_storage):
    with broken_storage(settings.DATASETS_BUCKET), pytest.raises(NotReady, match="object store"):
        make_dataset()
    assert not DatasetVersion.objects.exists()
    assert not Dataset.objects.exists()


def test_deleting_a_dataset_takes_its_bytes(make_dataset, admin):
    version = make_dataset()
    delete_dataset(version.dataset, by=admin)
    assert not Dataset.objects.exists()
    assert not storage.datasets().exists(version.key)


def test_a_dataset_that_a_model_depends_on_stays(make_version, admin):
    model = make_version()
    with pytest.raises(Conflict, match="while models depend on it: flowers model version 1"):
        delete_dataset(model.dataset, by=admin)
    assert storage.datasets().exists(model.dataset_version.key)


def test_data_scientists_may_not_delete(make_dataset, make_user):
    version = make_dataset()
    with pytest.raises(PermissionDenied):
        delete_dataset(version.dataset, by=make_user("data scientist"))


def test_a_store_whose_folder_is_gone_is_not_made_anew(make_dataset, tmp_path):
    folder = settings.DATA_DIR / settings.DATASETS_BUCKET
    folder.rename(tmp_path / "away")
    try:
        with pytest.raises(NotReady, match="object store"):
            make_dataset()
        assert not folder.exists()
    finally:
        (tmp_path / "away").rename(folder)
    assert not Dataset.objects.exists()


def test_a_file_that_was_changed_in_the_store_is_neither_sent_nor_trained_on(make_dataset, api, admin):
    version = make_dataset()
    path = Path(storage.datasets().path(version.key))
    path.write_bytes(path.read_bytes().replace(b"red", b"rex", 1))
    answer = api.get("/datasets/flowers/file")
    assert (answer.status_code, answer.json()["code"]) == (503, "dataset_changed")
    tree = {"module": "tree", "class": "DecisionTreeClassifier"}
    refused = api.post("/train", {"dataset_name": "flowers", "model": tree})
    assert (refused.status_code, refused.json()["code"]) == (422, "dataset_changed")

"""The stored files of a version: the uploaded bytes and the sample."""

import io
from pathlib import Path

import pandas
import pytest
from django.conf import settings

from catalog import files
from catalog.imports.upload import add_dataset, delete_dataset
from catalog.models import Dataset, DatasetVersion
from catalog.profiling import sample
from catalog.readers import tables
from mlplatform import storage
from mlplatform.errors import NotFound, NotReady
from tests.conftest import FLOWERS

EVERY_TYPE = "whole,count,size,is_new,colour,day\n" + "".join(
    f"{i},{i if i % 2 else ''},{i / 4},{['true', 'false', ''][i % 3]},{['red', '', 'blue'][i % 3]},"
    f"{'' if i % 5 == 0 else f'2026-01-{i % 28 + 1:02}T10:00:00'}\n"
    for i in range(40)
)
LONG = "position,half\n" + "".join(f"{i},{i / 2}\n" for i in range(30_000))


def whole(version) -> pandas.DataFrame:
    with storage.open_file(storage.datasets(), version.key) as file:
        return tables.read(file, tables.ParseRecipe.from_dict(version.recipe))


def sample_of(version, **options) -> pandas.DataFrame:
    columns = tables.ParseRecipe.from_dict(version.recipe).columns
    return sample.from_parquet(files.sample_file(version), columns, **options)


def test_the_sample_of_a_small_table_is_the_whole_table(make_dataset):
    version = make_dataset("things", EVERY_TYPE)
    pandas.testing.assert_frame_equal(sample_of(version), whole(version))


def test_the_sample_of_a_long_table_has_500_rows_in_order(make_dataset):
    version = make_dataset("long", LONG)
    frame = sample_of(version)
    assert len(frame) == 500
    assert frame["position"].is_monotonic_increasing
    assert (frame["half"] == frame["position"] / 2).all()
    assert frame.dtypes.equals(whole(version).dtypes)


def test_a_sample_has_at_most_500_rows(make_dataset):
    for rows in (500, 501):
        content = "a,b\n" + "".join(f"{i},{i}\n" for i in range(rows))
        assert len(sample_of(make_dataset(f"rows_{rows}", content))) == 500


def test_the_columns_of_a_sample_are_selected_and_ordered(make_dataset):
    frame = sample_of(make_dataset(), names=["species", "length"])
    assert list(frame.columns) == ["species", "length"]


@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
def test_every_format_has_a_sample(make_dataset, flowers_frame, ending):
    file = io.BytesIO()
    if ending == "parquet":
        flowers_frame.to_parquet(file)
    else:
        flowers_frame.to_json(file, orient="records", lines=True)
    version = make_dataset(content=file.getvalue(), filename=f"flowers.{ending}")
    pandas.testing.assert_frame_equal(sample_of(version), whole(version))


def test_missing_values_and_unusual_names_survive_in_the_sample(make_dataset):
    version = make_dataset("unusual", "nothing,a.b,a\n,1,x\n,2,\n")
    pandas.testing.assert_frame_equal(sample_of(version), whole(version))


def test_a_version_without_a_sample_is_read_from_its_file(make_dataset):
    version = make_dataset("long", LONG)
    storage.discard(storage.datasets(), version.sample_key)
    DatasetVersion.objects.update(sample_key="")
    frame = sample_of(Dataset.objects.get().version())
    assert frame["position"].tolist() == list(range(500))


def test_deleting_a_dataset_deletes_its_sample(make_dataset, admin):
    version = make_dataset()
    assert storage.datasets().exists(version.sample_key)
    delete_dataset(version.dataset, by=admin)
    assert not storage.datasets().exists(version.sample_key)


def test_a_rejected_upload_leaves_no_sample(make_dataset, admin):
    make_dataset()
    folder = settings.DATA_DIR / settings.DATASETS_BUCKET
    before = {path for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(Exception, match="new_version=true"):
        add_dataset(io.BytesIO(FLOWERS.encode() + b"9,9,red,rose\n"), filename="flowers.csv", by=admin)
    assert {path for path in folder.rglob("*") if path.is_file()} == before


def test_reading_a_sample_raises_not_ready_if_the_store_does_not_respond(make_dataset, broken_storage):
    version = make_dataset()
    with broken_storage(settings.DATASETS_BUCKET), pytest.raises(NotReady):
        files.sample_file(version)


def test_a_file_that_changed_in_the_store_is_not_downloaded(make_dataset, api):
    version = make_dataset()
    damage(version.key)
    response = api.get("/datasets/flowers/file")
    assert (response.status_code, response.json()["code"]) == (503, "dataset_changed")


def test_a_typed_copy_that_changed_in_the_store_is_not_trained_on(make_dataset, api):
    damage(make_dataset().table_key)
    tree = {"module": "tree", "class": "DecisionTreeClassifier"}
    trained = api.post("/train", {"dataset_name": "flowers", "model": tree})
    assert (trained.status_code, trained.json()["code"]) == (422, "dataset_changed")


def test_a_version_without_a_typed_copy_is_read_from_its_file(make_dataset):
    version = make_dataset("things", EVERY_TYPE)
    copied = files.read_frame(version, columns=["size", "colour"])
    version.table_key = ""
    pandas.testing.assert_frame_equal(
        files.read_frame(version, columns=["size", "colour"]), copied.astype({"colour": "str"})
    )


def damage(key: str) -> None:
    path = Path(storage.datasets().path(key))
    path.write_bytes(path.read_bytes()[:-1] + b"?")


@pytest.mark.parametrize("read", [files.open_version, files.sample_file])
def test_the_files_of_a_version_that_was_deleted_in_the_meantime_are_not_found(make_dataset, admin, read):
    version = make_dataset()
    delete_dataset(version.dataset, by=admin)
    with pytest.raises(NotFound, match="flowers version 1 was deleted"):
        read(version)

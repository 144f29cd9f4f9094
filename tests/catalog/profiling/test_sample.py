"""The sample that is kept beside a version's file, and how it is read back."""

import io

import numpy as np
import pandas
import pytest
from django.conf import settings

from catalog.models import Dataset, DatasetVersion
from catalog.profiling import sample as sampling
from catalog.profiling import statistics
from catalog.readers import tables
from catalog.upload import add_dataset, delete_dataset
from mlplatform import storage
from mlplatform.errors import NotReady
from tests.conftest import FLOWERS

EVERY_TYPE = "whole,count,size,is_new,colour,day\n" + "".join(
    f"{i},{i if i % 2 else ''},{i / 4},{['true', 'false', ''][i % 3]},{['red', '', 'blue'][i % 3]},"
    f"{'' if i % 5 == 0 else f'2026-01-{i % 28 + 1:02}T10:00:00'}\n"
    for i in range(40)
)
LONG = "place,half\n" + "".join(f"{i},{i / 2}\n" for i in range(30_000))


def whole(version) -> pandas.DataFrame:
    with storage.open_file(storage.datasets(), version.key) as file:
        return tables.read(file, tables.ParseRecipe.from_dict(version.recipe))


def inspected(content: str) -> tables.Inspection:
    return tables.inspect(io.BytesIO(content.encode()), "table.csv")


def test_the_sample_of_a_small_table_is_the_table_itself(make_dataset):
    version = make_dataset("things", EVERY_TYPE)
    sample = sampling.read(version)
    assert sample.is_whole
    pandas.testing.assert_frame_equal(sample.frame, whole(version))


def test_a_long_table_gives_500_of_its_rows_in_its_order(make_dataset):
    version = make_dataset("long", LONG)
    sample = sampling.read(version)
    assert len(sample.frame) == 500
    assert not sample.is_whole
    assert sample.frame["place"].is_monotonic_increasing
    assert (sample.frame["half"] == sample.frame["place"] / 2).all()
    assert sample.frame.dtypes.equals(whole(version).dtypes)


def test_every_part_of_the_file_is_as_likely_as_any_other():
    places = inspected(LONG).sample["place"]
    counts, _ = np.histogram(places, bins=10, range=(0, 30_000))
    assert counts.min() > 25
    assert counts.max() < 80


def test_the_same_file_gives_the_same_sample():
    assert inspected(LONG).sample.equals(inspected(LONG).sample)


def test_a_table_of_500_rows_is_whole_and_one_of_501_is_not(make_dataset):
    for rows, is_whole in ((500, True), (501, False)):
        content = "a,b\n" + "".join(f"{i},{i}\n" for i in range(rows))
        assert sampling.read(make_dataset(f"rows_{rows}", content)).is_whole is is_whole


def test_columns_are_picked_and_ordered(make_dataset):
    frame = sampling.read(make_dataset(), columns=["species", "length"]).frame
    assert list(frame.columns) == ["species", "length"]


@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
def test_every_format_is_sampled(make_dataset, flowers_frame, ending):
    file = io.BytesIO()
    if ending == "parquet":
        flowers_frame.to_parquet(file)
    else:
        flowers_frame.to_json(file, orient="records", lines=True)
    version = make_dataset(content=file.getvalue(), filename=f"flowers.{ending}")
    pandas.testing.assert_frame_equal(sampling.read(version).frame, whole(version))


def test_a_column_without_any_value_and_an_empty_text_come_back(make_dataset):
    version = make_dataset("odd", "nothing,a.b,a\n,1,x\n,2,\n")
    pandas.testing.assert_frame_equal(sampling.read(version).frame, whole(version))


def test_rows_of_long_prose_make_a_smaller_sample(monkeypatch):
    monkeypatch.setattr(statistics, "SAMPLE_BYTES", 100_000)
    prose = "place,text\n" + "".join(f"{i},{chr(97 + i % 26) * 1_000}\n" for i in range(2_000))
    sample = inspected(prose).sample
    assert 30 < len(sample) < 100
    assert sample["place"].is_monotonic_increasing
    assert sample["place"].max() > 1_500


def test_a_version_without_a_sample_is_read_from_its_file(make_dataset):
    version = make_dataset("long", LONG)
    storage.discard(storage.datasets(), version.sample_key)
    DatasetVersion.objects.update(sample_key="")
    sample = sampling.read(Dataset.objects.get().version())
    assert sample.frame["place"].tolist() == list(range(500))
    assert not sample.is_whole


def test_deleting_a_dataset_takes_its_sample(make_dataset, admin):
    version = make_dataset()
    assert storage.datasets().exists(version.sample_key)
    delete_dataset(version.dataset, by=admin)
    assert not storage.datasets().exists(version.sample_key)


def test_a_refused_upload_leaves_no_sample(make_dataset, admin):
    make_dataset()
    folder = settings.DATA_DIR / settings.DATASETS_BUCKET
    before = {path for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(Exception, match="new_version=true"):
        add_dataset(io.BytesIO(FLOWERS.encode() + b"9,9,red,rose\n"), filename="flowers.csv", by=admin)
    assert {path for path in folder.rglob("*") if path.is_file()} == before


def test_a_sample_in_a_store_that_does_not_answer_is_not_ready(make_dataset, broken_storage):
    version = make_dataset()
    with broken_storage(settings.DATASETS_BUCKET), pytest.raises(NotReady):
        sampling.read(version)

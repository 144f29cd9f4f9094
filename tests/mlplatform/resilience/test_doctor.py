"""The storage doctor: it probes the store, and finds and repairs files without rows and rows without files."""

import io
import os
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from catalog.models import Dataset, DatasetVersion, Draft
from mlplatform import storage
from mlplatform.resilience import doctor, inventory
from serving.models import ScoringJob


@pytest.fixture(autouse=True)
def _own_folders(settings, tmp_path):
    """Other tests leave files in the folders of the run."""
    stores = dict(settings.STORAGES)
    for name in ("datasets", "models"):
        (tmp_path / name).mkdir()
        stores[name] = stores[name] | {"OPTIONS": stores[name]["OPTIONS"] | {"location": tmp_path / name}}
    settings.STORAGES = stores


def examine(*options) -> str:
    output = io.StringIO()
    call_command("storage_doctor", *options, stdout=output)
    return output.getvalue()


def lose(store, key: str) -> None:
    Path(store.path(key)).unlink()


def leave(key: str, *, age_s: float = 2 * 24 * 3600) -> str:
    store = storage.datasets()
    storage.save(store, key, io.BytesIO(b"part"))
    modified = Path(store.path(key)).stat().st_mtime - age_s
    os.utime(store.path(key), (modified, modified))
    return key


def test_a_healthy_store_has_no_problems_and_keeps_nothing_of_the_probe(make_version):
    make_version()
    before = {found.key for found in inventory.files(storage.datasets())}
    text = examine()
    assert text.count("it writes, reads and deletes as it should") == 2
    assert {found.key for found in inventory.files(storage.datasets())} == before


def test_a_store_that_cannot_be_written_is_a_fault_with_a_remedy(settings, tmp_path):
    (tmp_path / "datasets").rmdir()
    fault = next(doctor.probe(storage.datasets()))
    assert fault.step == "write"
    assert "DATA_DIR" in fault.remedy


def test_files_without_a_row_are_named_and_deleted_by_a_repair(make_dataset):
    version = make_dataset()
    key = leave("flowers/0/leftover.csv")
    with pytest.raises(CommandError, match="1 problems remain"):
        examine()
    assert storage.datasets().exists(key)
    assert "repaired: 1" in examine("--repair")
    assert {found.key for found in inventory.files(storage.datasets())} == {*version.keys}


def test_files_of_the_last_day_and_those_of_drafts_are_kept(make_dataset, admin):
    make_dataset()
    kept = [
        leave("flowers/1/new.csv", age_s=3600),
        leave("flowers/2/file.csv"),
        leave("flowers/2/0.sample.parquet"),
    ]
    Draft.objects.create(key=kept[1], filename="file.csv", size_bytes=4, sha256="0", created_by=admin)
    examine("--repair")
    assert all(storage.datasets().exists(key) for key in kept)


def test_a_version_whose_file_is_lost_is_deleted_by_a_repair(make_dataset):
    make_dataset("roses")
    lose(storage.datasets(), make_dataset().key)
    assert "repaired: 1" in examine("--repair")
    assert [dataset.name for dataset in Dataset.objects.all()] == ["roses"]


def test_a_version_whose_sample_is_lost_is_read_without_one(make_dataset):
    version = make_dataset()
    lose(storage.datasets(), version.sample_key)
    examine("--repair")
    assert DatasetVersion.objects.get().sample_key == ""


def test_what_models_depend_on_and_artifacts_are_left_to_a_backup(make_version):
    version = make_version()
    lose(storage.datasets(), version.dataset_version.key)
    with pytest.raises(CommandError, match="1 problems remain"):
        examine("--repair")
    assert DatasetVersion.objects.filter(pk=version.dataset_version.pk).exists()


def test_a_finished_scoring_job_whose_result_is_lost_is_deleted(make_dataset, admin):
    make_dataset()
    fields = {"dataset_name": "flowers", "stage": "dev", "version": 1, "filename": "new.csv", "format": "csv"}
    ScoringJob.objects.create(
        state="succeeded", result_key="scoring-jobs/0/result.csv", recipe={}, probabilities=False, rows=1,
        input_size=1, **fields,
    )  # fmt: skip
    examine("--repair")
    assert not ScoringJob.objects.exists()


def test_a_wrong_store_is_not_repaired(make_dataset, settings, tmp_path):
    make_dataset()
    (tmp_path / "datasets").rename(tmp_path / "elsewhere")
    (tmp_path / "datasets").mkdir()
    with pytest.raises(CommandError, match="Nothing was repaired: check DATA_DIR"):
        examine("--repair")
    assert DatasetVersion.objects.exists()

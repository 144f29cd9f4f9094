"""Datasets by reference: what becomes of files that lie elsewhere, by the operation and by the API."""

import gzip
import shutil

import pandas
import pytest
from django.core.exceptions import PermissionDenied

from catalog import files
from catalog.derivation import submission as derivation
from catalog.exploration import comparison, rows
from catalog.imports import cleanup, stored, upload
from catalog.models import Dataset, Draft, ImportJob
from catalog.objects import table
from catalog.reference import submission
from mlplatform import storage
from mlplatform.errors import Conflict, TooLarge
from registry.training.out_of_core import fit as out_of_core
from registry.training.request import TrainingRequest


def test_csv_files_are_one_dataset_of_which_nothing_is_copied(registered, csv_files, lake):
    version = registered(description="Of the shop.")
    assert (version.dataset.name, version.dataset.description, version.number) == ("sales", "Of the shop.", 1)
    assert (version.format, version.row_count, version.size_bytes) == (
        "csv",
        4,
        sum(f.stat().st_size for f in csv_files),
    )
    assert [(one["name"], one["type"], one["nullable"]) for one in version.columns] == [
        ("id", "integer", False), ("price", "number", True), ("city", "text", False),
    ]  # fmt: skip
    assert version.preview == [[1, 2.5, "Bern"], [2, 3.0, "Basel"], [3, None, "Chur"], [4, 5.0, "Bern"]]
    assert version.location == version.uri == f"file://{lake}/*.csv"
    kept = [storage.datasets().size(key) for key in version.keys]
    assert (version.table_key, len(kept)) == ("", 2)  # the manifest and the sample
    assert not Draft.objects.exists()


def test_compressed_files_are_read_as_they_are(registered, put, csv_files):
    for path in csv_files:
        put(f"{path.name}.gz", gzip.compress(path.read_bytes()))
    version = registered("*.csv.gz")
    assert (version.row_count, version.recipe["compression"]) == (4, "gzip")
    assert rows.page(version, start=3).cells == [[4, 5.0, "Bern"]]


def test_parquet_files_of_other_number_types_are_one_dataset(registered, put):
    put("a.parquet", {"id": [1, 2], "x": [1.5, None], "s": ["a", "b"]})
    put("b.parquet", {"id": [3], "x": pandas.Series([2], dtype="int32"), "s": ["c"]})
    version = registered("*.parquet")
    frame = files.read_frame(version, columns=["x", "s"])
    assert frame["x"].tolist()[::2] == [1.5, 2.0]
    assert frame["s"].tolist() == ["a", "b", "c"]


def test_the_api_registers_and_returns_the_dataset(api, csv_files, lake):
    body = {"name": "sales", "uri": f"file://{lake}/*.csv"}
    response = api.post("/datasets/register", body)
    assert (response.status_code, response.json()["location"]) == (201, body["uri"])
    again = api.post("/datasets/register", body)
    assert (again.status_code, again.json()["version"]) == (200, 1)


def test_a_new_file_is_the_next_version_and_the_former_one_cannot_be_read(
    registered, register, put, csv_files
):
    version = registered()
    put("c.csv", "id,price,city\n5,1,Thun\n")
    with pytest.raises(
        Conflict, match=r"c\.csv` was added since it was registered\. Register the dataset again"
    ):
        files.read_frame(version, columns=["id"])
    with pytest.raises(Conflict, match="already exists"):
        register()
    assert registered(new_version=True).row_count == 5


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda path: path.write_text("id,price,city\n9,2.5,Bern\n2,3,Basel\n"), "has changed"),
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.rename(path.with_suffix(".txt")), "is missing"),
    ],
)
def test_a_file_that_changed_is_named_by_whatever_reads_it(registered, csv_files, api, change, sentence):
    version = registered()
    change(csv_files[0])
    for read in (
        lambda: files.read_frame(version, columns=["id"]),
        lambda: b"".join(files.as_csv(version)),
        lambda: rows.page(version),
    ):
        with pytest.raises(Conflict, match=rf"a\.csv` {sentence} since") as refusal:
            read()
        assert refusal.value.code == "object_changed"
    for path in ("/datasets/sales/rows", "/datasets/sales/file?format=csv"):
        assert api.get(path).status_code == 409


def test_a_file_that_changes_while_it_is_read_ends_the_reading(registered, put):
    for name in "ab":
        put(f"{name}.csv", "id,s\n1,x\n2,y\n")
    batches = table.of(registered()).batches()
    next(batches)
    put("b.csv", "id,s\n1,x\n3,y\n")
    with pytest.raises(Conflict, match=r"b\.csv` has changed"):
        list(batches)


@pytest.mark.parametrize(("name", "content"), [("a.json", '{"a": 1}\n'), ("a.csv", ""), ("a.csv", "a,b\n")])
def test_what_is_no_table_is_refused(register, put, name, content, failed):
    put(name, content)
    assert failed(register("a.*"))
    cleanup.Tidy()()
    assert not Draft.objects.exists()


def test_rows_filters_and_downloads_read_the_files(registered, csv_files, api):
    version = registered()
    assert rows.page(version, start=1, rows=2).cells == [[2, 3.0, "Basel"], [3, None, "Chur"]]
    assert rows.one(version, 3, ["city"]) == {"city": "Bern"}
    found = rows.page(version, where=[rows.Filter("city", "=", "Bern")])
    assert (found.total, found.positions) == (2, [0, 3])
    assert found.cells == [[1, 2.5, "Bern"], [4, 5.0, "Bern"]]
    assert rows.page(version, search="chur").positions == [2]
    assert b"".join(files.as_csv(version)).startswith(b"id,price,city\n1,2.5,Bern\n2,3,Basel\n3,,Chur\n")
    for form in ("stored", "parquet"):
        refusal = api.get("/datasets/sales/file", {"format": form})
        assert (refusal.status_code, refusal.json()["code"]) == (409, "by_reference")
    assert api.get("/datasets/sales/file", {"format": "csv", "spreadsheet": "true"}).status_code == 200


def test_pages_of_parquet_skip_the_files_before_them(registered, put):
    for place, name in enumerate("abc"):
        put(f"{name}.parquet", {"n": [2 * place, 2 * place + 1]})
    reference = table.of(registered("*.parquet"))
    assert reference.slice(3, 2, ["n"]).column("n").to_pylist() == [3, 4]
    assert reference.slice(9, 2, ["n"]).num_rows == 0
    assert reference.take([0, 4], ["n"]).column("n").to_pylist() == [0, 4]


def test_a_query_reads_it_and_its_result_is_a_copy(registered, csv_files, admin, failed):
    registered()
    job = derivation.derive(
        "cities", sql="SELECT city, count(*) AS n FROM sales GROUP BY 1 ORDER BY 1", by=admin
    )
    job.refresh_from_db()
    assert (job.state, job.error) == ("succeeded", "")
    assert job.dataset_version.preview == [["Basel", 1], ["Bern", 2], ["Chur", 1]]
    csv_files[0].unlink()
    again = derivation.derive("more", sql="SELECT count(*) AS n FROM sales", by=admin)
    assert "a.csv` is missing" in failed(again)


def test_a_temporary_copy_has_the_size_of_an_upload_at_most(registered, csv_files, settings):
    version = registered()
    settings.MAX_UNPACKED_MB = 0
    with pytest.raises(TooLarge, match=r"version 1.* need more than 0 MB as a typed copy"):
        files.open_table(version)


def test_versions_by_reference_and_uploaded_ones_are_compared(registered, csv_files, make_dataset):
    first = registered()
    second = make_dataset("sales", "id,price,city\n1,9.5,Bern\n", new_version=True)
    assert comparison.compare(first, second)["rows"] == {"from": 4, "to": 1}


def test_a_model_is_trained_on_it(make_version, registered, put):
    lines = [f"{place % 7},{'yes' if place % 7 > 3 else 'no'}" for place in range(40)]
    put("a.csv", "\n".join(["x,y", *lines, ""]))
    put("b.csv", "\n".join(["x,y", *lines, ""]))
    version = registered()
    assert make_version(version, target="y").dataset_version == version


def test_a_training_in_passes_reads_it(registered, csv_files):
    request = TrainingRequest(
        module="linear_model", class_name="SGDClassifier", features=["price"], target="city"
    )
    with out_of_core.opened(registered(), request) as rows_of_passes:
        [copy] = rows_of_passes.copies
        assert (copy.rows, copy.schema.names) == (4, ["price", "city"])


def test_a_training_whose_files_changed_fails_with_the_name_of_the_file(make_job, registered, put):
    content = "x,y\n" + "".join(f"{place % 7},{'yes' if place % 7 > 3 else 'no'}\n" for place in range(40))
    put("a.csv", content)
    version = registered()
    put("a.csv", content.replace("6", "5"))
    job = make_job(version, target="y")
    assert (job.state, job.error_code) == ("failed", "object_changed")
    assert "a.csv` has changed since it was registered" in job.error


def test_deleting_the_dataset_leaves_the_files(registered, csv_files, admin):
    version = registered()
    upload.delete_dataset(version.dataset, by=admin)
    assert all(path.exists() for path in csv_files)
    assert not any(storage.datasets().exists(key) for key in version.keys)


def test_the_doctor_knows_the_manifest_and_no_quota_counts_the_files(registered, csv_files, admin):
    version = registered()
    assert {one.key for one in stored.references()} == set(version.keys)
    assert upload.stored_bytes(admin) == 0


def test_its_recipe_cannot_be_changed(registered, csv_files, admin):
    with pytest.raises(Conflict, match="registered by reference"):
        upload.read_again(registered(), corrections={"delimiter": ";"}, by=admin)


def test_registering_again_adds_what_changed_only(registered, csv_files, put, admin):
    version = registered()
    assert submission.register_again(version.dataset, by=admin) == (version, False)
    put("a.csv", "id,price,city\n1,2.5,Genf\n")
    job = submission.register_again(version.dataset, by=admin)
    job.refresh_from_db()
    assert job.dataset_version.number == 2


def test_a_dataset_of_uploads_is_not_registered_again(make_dataset, admin):
    with pytest.raises(Conflict, match="not registered by reference"):
        submission.register_again(make_dataset().dataset, by=admin)


def test_two_registrations_of_the_same_files_at_once_are_one_job(register, csv_files, settings):
    settings.JOB_QUEUED_HOOK = None
    assert register() == register()
    assert ImportJob.objects.count() == Draft.objects.count() == 1


def test_viewers_cannot_register(register, csv_files, make_user):
    with pytest.raises(PermissionDenied):
        register(by=make_user("viewer"))


def test_a_location_that_is_not_allowed_any_more_is_not_read(registered, csv_files, settings):
    version = registered()
    settings.REGISTER_PREFIXES = []
    with pytest.raises(Conflict, match="REGISTER_PREFIXES"):
        files.read_frame(version, columns=["id"])
    assert Dataset.objects.count() == 1


def test_a_folder_that_is_gone_is_no_error_in_a_field_of_the_reader(registered, csv_files, lake, api):
    registered()
    shutil.rmtree(lake)
    response = api.get("/datasets/sales/rows")
    assert response.status_code == 409
    assert response.json()["code"] == "cannot_list"
    assert response.json()["fields"] == {}

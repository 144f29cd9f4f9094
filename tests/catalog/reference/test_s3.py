"""Files by reference in a real S3 server."""

import pytest
from botocore.config import Config
from django.core.exceptions import ValidationError

from catalog import files
from catalog.imports import attempt, upload
from catalog.objects import objects, table
from catalog.objects.location import Location
from catalog.reference import submission
from mlplatform import storage
from mlplatform.errors import Conflict, NotReady, StorageForbidden
from tests.catalog.reference.conftest import CSV
from tests.servers.object_store import ObjectStore
from tests.servers.processes import Processes

pytestmark = pytest.mark.stack
URI = "s3://lake/sales/*.csv"
OTHER_KEYS = ("sales/old/z.csv", "sales/_SUCCESS.csv", "sales/a.csv.gz", "salesman/a.csv")


@pytest.fixture(scope="module")
def object_store():
    processes = Processes()
    store = ObjectStore(processes)
    for bucket in ("lake", "datasets"):
        store.client().create_bucket(Bucket=bucket)
    yield store
    processes.stop_all()


@pytest.fixture
def platform_store(object_store, settings, monkeypatch):
    """The platform with its files in S3. Call it for other options of its client."""

    def use(**options):
        options = {
            "bucket_name": "datasets",
            "endpoint_url": object_store.endpoint,
            "access_key": object_store.key,
            "secret_key": object_store.secret,
            "region_name": "us-east-1",
            "file_overwrite": True,
            "client_config": Config(
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                connect_timeout=1,
                retries={"total_max_attempts": 1},
            ),
        } | options
        datasets = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
        settings.STORAGES = settings.STORAGES | {"datasets": datasets}

    monkeypatch.setattr(
        attempt, "WRITE_EVERY_S", 60
    )  # in this test's transaction, its thread would wait for 20 s
    settings.OBJECT_STORAGE, settings.REGISTER_PREFIXES = "s3", ["s3://lake/", "s3://none/"]
    use()
    return use


@pytest.fixture
def bucket(object_store, platform_store):
    """A client of the bucket, which has two files of the table and others beside them."""
    client = object_store.client()
    for name, content in zip("ab", CSV, strict=True):
        client.put_object(Bucket="lake", Key=f"sales/{name}.csv", Body=content.encode())
    for key in OTHER_KEYS:
        client.put_object(Bucket="lake", Key=key, Body=b"other")
    client.delete_object(Bucket="lake", Key="sales/c.csv")
    return client


@pytest.fixture
def version(bucket, admin):
    job = submission.register("sales", uri=URI, by=admin)
    job.refresh_from_db()
    assert (job.state, job.error) == ("succeeded", "")
    return job.dataset_version


def test_the_files_of_a_pattern_are_one_table(version):
    assert (version.row_count, version.location) == (4, URI)
    assert files.read_frame(version, columns=["city"])["city"].tolist() == ["Bern", "Basel", "Chur", "Bern"]


def test_a_file_that_changed_is_refused_before_and_while_it_is_read(version, bucket):
    batches = table.of(version).batches()
    next(batches)
    bucket.put_object(Bucket="lake", Key="sales/b.csv", Body=CSV[1].replace("3", "4").encode())
    for read in (lambda: list(batches), lambda: files.read_frame(version, columns=["id"])):
        with pytest.raises(Conflict, match=r"s3://lake/sales/b\.csv` has changed since it was registered"):
            read()


def test_files_that_were_added_or_deleted_are_refused(version, bucket):
    bucket.put_object(Bucket="lake", Key="sales/c.csv", Body=b"id,price,city\n")
    with pytest.raises(Conflict, match=r"sales/c\.csv` was added"):
        files.read_frame(version, columns=["id"])
    bucket.delete_object(Bucket="lake", Key="sales/a.csv")
    with pytest.raises(Conflict, match=r"sales/a\.csv` is missing"):
        files.read_frame(version, columns=["id"])


def test_a_bucket_that_does_not_exist_and_one_without_files_are_said(bucket, admin):
    for uri, sentence in (
        ("s3://none/a.csv", "No bucket is named `none`"),
        ("s3://lake/x/*", "No file is at"),
    ):
        with pytest.raises(ValidationError, match=sentence) as refused:
            submission.register("sales", uri=uri, by=admin)
        assert "uri" in refused.value.message_dict


def test_credentials_that_may_not_list_are_said(bucket, platform_store, admin):
    platform_store(secret_key="another one")
    with pytest.raises(StorageForbidden, match=r"do not allow it to list `s3://lake/sales/\*\.csv`"):
        submission.register("sales", uri=URI, by=admin)


def test_a_store_that_is_away_can_be_tried_again(version, platform_store):
    location = Location.parse(URI)
    (first, *_) = objects.list_objects(location)
    platform_store(endpoint_url="http://127.0.0.1:9")
    for read in (lambda: objects.open_object(location, first).read(), lambda: objects.list_objects(location)):
        with pytest.raises(NotReady) as refusal:
            read()
        assert refusal.value.code == "storage_unavailable"


def test_deleting_the_dataset_deletes_nothing_of_the_bucket(version, bucket, admin):
    upload.delete_dataset(version.dataset, by=admin)
    keys = {one["Key"] for one in bucket.list_objects_v2(Bucket="lake")["Contents"]}
    assert keys == {"sales/a.csv", "sales/b.csv", *OTHER_KEYS}
    assert not storage.datasets().exists(version.key)

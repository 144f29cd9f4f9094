"""Which addresses can be registered, and what tricks do not reach."""

import os

import pytest
from django.core.exceptions import ValidationError

from catalog.objects import objects
from catalog.objects.location import Location
from mlplatform.errors import StorageForbidden

PREFIXES = ["s3://lake/sales/", "s3://other/"]


def refusal(call) -> str:
    with pytest.raises(ValidationError) as refused:
        call()
    assert list(refused.value.message_dict) == ["uri"]
    return refused.value.message_dict["uri"][0]


@pytest.fixture
def s3(settings):
    settings.OBJECT_STORAGE, settings.REGISTER_PREFIXES = "s3", PREFIXES
    return settings


@pytest.mark.parametrize(
    "uri",
    [
        "s3://lake/sales/a.parquet",
        "s3://lake/sales/2026/*.parquet",
        "s3://lake/sales/part-*-of-*.csv",
        "s3://other/Zürich – Käse/a b.csv",
    ],
)
def test_what_is_below_a_prefix_is_allowed(s3, uri):
    location = Location.parse(uri)
    location.check_allowed()
    assert str(location) == uri


@pytest.mark.parametrize(
    ("uri", "part"),
    [
        ("", "Enter an address"),
        ("sales/*.parquet", "Enter an address"),
        ("https://lake/sales/a.csv", "Enter an address"),
        ("S3://lake/sales/a.csv", "Enter an address"),
        ("s3://Lake/sales/a.csv", "not the name of a bucket"),
        ("s3://lake@evil/sales/a.csv", "not the name of a bucket"),
        ("s3://lake:9000/a.csv", "not the name of a bucket"),
        ("s3:///sales/a.csv", "not the name of a bucket"),
        ("s3://lake/sales/../secret/a.csv", "without `.`, `..`"),
        ("s3://lake/sales/./a.csv", "without `.`, `..`"),
        ("s3://lake/sales//a.csv", "empty parts"),
        ("s3://lake/sales/", "not a folder"),
        ("s3://lake/sales", "not below what can be registered"),
        ("s3://lake/sales/%2e%2e/secret/a.csv", "without `%`"),
        ("s3://lake/sales\\..\\a.csv", "contains `\\`"),
        ("s3://lake/sales/[a-z]*.csv", "contains `[`"),
        ("s3://lake/sales/a?.csv", "contains `?`"),
        ("s3://lake/sales/{a,b}.csv", "contains `{`"),
        ("s3://lake/*/a.csv", "last part of the path only"),
        ("s3://lake/sales/**", "last part of the path only"),
        ("s3://lake/sales/a\n.csv", "control character"),
        ("s3://lake/sales/a\u202e.csv", "invisible"),
        ("s3://lake/sales/" + "a" * 500, "the limit is 500"),
        ("s3://lake/salesman/a.csv", "not below what can be registered"),
        ("s3://lake/*.csv", "not below what can be registered"),
        ("s3://lake/s*", "not below what can be registered"),
        ("s3://lake2/sales/a.csv", "not below what can be registered"),
        ("s3://ｌａｋｅ/sales/a.csv", "not the name of a bucket"),
        ("file:///srv/a.csv", "start with `s3://`"),
        ("file://host/srv/a.csv", "three slashes"),
    ],
)
def test_anything_else_is_refused_with_its_reason(s3, uri, part):
    assert part in refusal(lambda: Location.parse(uri).check_allowed())


def test_the_buckets_of_the_platform_are_refused(s3):
    s3.REGISTER_PREFIXES = ["s3://datasets/"]
    assert "a bucket of the platform" in refusal(
        lambda: Location.parse("s3://datasets/a.csv").check_allowed()
    )


def test_without_prefixes_nothing_can_be_registered(s3):
    s3.REGISTER_PREFIXES = []
    assert "REGISTER_PREFIXES" in refusal(lambda: Location.parse("s3://lake/sales/a.csv").check_allowed())


def test_a_pattern_matches_names_of_its_folder_that_are_data():
    location = Location.parse("s3://lake/sales/*.csv")
    names = ["a.csv", ".a.csv", "_a.csv", "x/a.csv", "a.csv.gz", "", "a\n.csv"]
    assert [name for name in names if location.matches(f"sales/{name}")] == ["a.csv", "a\n.csv"]
    assert Location.parse("s3://lake/sales/_a.csv").matches("sales/_a.csv")
    assert not Location.parse("s3://lake/a.csv").matches("aXcsv")
    assert Location.parse("s3://lake/a*-*.csv").matches("a1-b-2.csv")


def test_a_pattern_of_many_asterisks_is_matched_without_backtracking():
    location = Location.parse(f"s3://lake/sales/{'*a' * 200}*b")
    assert not location.matches(f"sales/{'a' * 1000}")
    assert location.matches(f"sales/{'a' * 1000}b")


def listed(pattern):
    location = Location.parse(f"file://{pattern}")
    return [one.key for one in objects.list_objects(location)]


def test_local_folders_are_listed_without_links_folders_and_devices(put, lake):
    put("a.csv", "x\n1\n")
    (lake / "b.csv").symlink_to("/etc/passwd")
    (lake / "c.csv").mkdir()
    os.mkfifo(lake / "d.csv")
    assert listed(lake / "*.csv") == [str(lake / "a.csv")]


@pytest.mark.parametrize("name", [b"\xff.csv", b"a\n.csv"], ids=["bytes", "newline"])
def test_names_that_no_database_or_sentence_takes_are_refused(lake, name):
    path = os.fsencode(lake) + b"/" + name
    with open(path, "wb"):
        pass
    assert "Rename it" in refusal(lambda: listed(lake / "*.csv"))
    os.unlink(path)


def test_a_local_folder_behind_a_link_is_refused(lake):
    (lake / "etc").symlink_to("/etc")
    assert "symbolic link" in refusal(lambda: listed(lake / "etc" / "*.conf"))
    assert "no folder" in refusal(lambda: listed(lake / "none" / "*.csv"))


def test_a_file_that_became_a_link_is_not_followed(put, lake):
    path = put("a.csv", "x\n1\n")
    location = Location.parse(f"file://{lake}/*.csv")
    (one,) = objects.list_objects(location)
    path.unlink()
    path.symlink_to("/etc/passwd")
    with pytest.raises(StorageForbidden, match="cannot read"):
        objects.open_object(location, one).read()


def test_the_folder_of_the_platform_is_refused(settings):
    assert "the platform's own" in refusal(
        lambda: listed(f"{os.path.realpath(settings.DATA_DIR)}/datasets/*")
    )


def test_more_files_than_a_table_can_have_are_refused(put, lake, monkeypatch):
    for name in "abc":
        put(f"{name}.csv", "x\n1\n")
    monkeypatch.setattr(objects, "MAX_OBJECTS", 2)
    assert "has 3 objects; the limit is 2" in refusal(lambda: listed(lake / "*.csv"))
    monkeypatch.setattr(objects, "MAX_LISTED", 2)
    assert "More than 2 objects start with" in refusal(lambda: listed(lake / "*.csv"))

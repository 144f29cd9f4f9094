"""Rows, comparisons and downloads by the API."""

import io

import pandas
import pyarrow.parquet
import pytest
from django.core.management import call_command

from catalog.models import DatasetVersion
from mlplatform import storage
from tests.conftest import FLOWERS

VALUES = 'day,size,flag,text\n2026-01-31,1.50,TRUE,=1+1\n2026-02-01T10:30:00,,false,"a, b"\n'
CLEAN = 'day,size,flag,text\n2026-01-31,1.5,true,=1+1\n2026-02-01T10:30:00,,false,"a, b"\n'


def content(response) -> bytes:
    return b"".join(response.streaming_content)


def test_rows_are_listed_and_filtered(api, make_dataset):
    make_dataset()
    body = api.get("/datasets/flowers/rows?start=22&limit=10").json()
    assert (body["total"], body["positions"], body["columns"][:2]) == (24, [22, 23], ["length", "width"])
    body = api.get("/datasets/flowers/rows", {"where": '[["species", "=", "rose"]]', "limit": 2}).json()
    assert (body["total"], body["positions"]) == (12, [1, 3])


@pytest.mark.parametrize(
    ("query", "field"),
    [("where=x", "where"), ("limit=2000", "limit"), ("start=-1", "start"), ("page=2", "page")],
)
def test_a_wrong_query_is_refused_by_field(api, make_dataset, query, field):
    make_dataset()
    response = api.get(f"/datasets/flowers/rows?{query}")
    assert (response.status_code, list(response.json()["fields"])) == (400, [field])


def test_versions_are_compared(api, make_dataset):
    make_dataset()
    make_dataset(content=FLOWERS.replace("width", "breadth"), new_version=True)
    body = api.get("/datasets/flowers/compare?from=1").json()
    assert (body["from"], body["to"], body["renamed"]) == (1, 2, [{"from": "width", "to": "breadth"}])
    assert api.get("/datasets/flowers/compare").json()["fields"].keys() == {"from"}
    assert api.get("/datasets/flowers/compare?from=1&to=9").status_code == 404


def test_a_dataset_is_downloaded_as_clean_csv(api, make_dataset):
    make_dataset("t", VALUES)
    assert content(api.get("/datasets/t/file?format=csv")).decode() == CLEAN
    assert content(api.get("/datasets/t/file")).decode() == VALUES
    safe = content(api.get("/datasets/t/file?format=csv&spreadsheet=true")).decode("utf-8-sig")
    assert safe == CLEAN.replace("=1+1", "'=1+1")


def test_a_dataset_is_downloaded_as_parquet(api, make_dataset):
    version = make_dataset("t", VALUES)
    response = api.get("/datasets/t/file?format=parquet")
    assert response["ETag"] == f'"{version.table_sha256}"'
    assert response["Content-Disposition"] == 'attachment; filename="t.parquet"'
    assert pyarrow.parquet.read_table(io.BytesIO(content(response))).schema.names == [
        "day",
        "size",
        "flag",
        "text",
    ]
    refused = api.get("/datasets/t/file?format=parquet&spreadsheet=true")
    assert (refused.status_code, refused.json()["code"]) == (400, "not_csv")


def test_an_unknown_format_is_refused(api, make_dataset):
    make_dataset("t", VALUES)
    response = api.get("/datasets/t/file?format=xlsx")
    assert (response.status_code, list(response.json()["fields"])) == (400, ["format"])


def test_versions_without_a_typed_copy_get_one_by_a_command(api, make_dataset, capsys):
    version = make_dataset("t", VALUES)
    for key in (version.table_key, version.sample_key):
        storage.discard(storage.datasets(), key)
    DatasetVersion.objects.update(table_key="", sample_key="", profile=[], warnings=[])
    assert content(api.get("/datasets/t/file?format=csv")).decode() == CLEAN
    assert api.get("/datasets/t/file?format=parquet").json()["code"] == "no_typed_copy"
    call_command("typed_copies")
    assert capsys.readouterr().out == "t version 1: done\n1 of 1 versions were prepared.\n"
    frame = pandas.read_parquet(io.BytesIO(content(api.get("/datasets/t/file?format=parquet"))))
    assert frame["text"].tolist() == ["=1+1", "a, b"]
    assert DatasetVersion.objects.get().profile[1]["max"] == 1.5


def test_a_stored_copy_is_read_in_parts():
    """As from S3, where each part is a request."""
    from catalog.exploration.copies import StoredParts

    store = storage.datasets()
    storage.save(store, "parts/file", io.BytesIO(b"0123456789"))
    parts = StoredParts(store, "parts/file", 10)
    parts.seek(-4, io.SEEK_END)
    assert (parts.read(2), parts.tell(), parts.read(), parts.read()) == (b"67", 8, b"89", b"")


def test_cells_of_clean_csv_are_quoted_where_they_need_it(api, make_dataset):
    make_dataset(
        "t", "text,n\n" + "".join(f"{row},1\n" for row in ['"say ""hi"""', '"two\nlines"', "", "plain"])
    )
    assert content(api.get("/datasets/t/file?format=csv")).decode() == (
        'text,n\n"say ""hi""",1\n"two\nlines",1\n,1\nplain,1\n'
    )

"""The API of the catalog: status codes, bodies and files."""

import gzip

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.conftest import FLOWERS


@pytest.fixture
def send(api):
    def post(content=FLOWERS, filename="My Flowers.csv", **fields):
        content = content.encode() if isinstance(content, str) else content
        file = SimpleUploadedFile(filename, content)
        return api.post("/datasets/upload", {"file": file, **fields}, format="multipart")

    return post


def test_an_upload_returns_201_and_the_dataset(send, admin):
    response = send(description="Spring")
    body = response.json()
    assert response.status_code == 201
    assert set(body) == {
        "id", "name", "description", "tags", "version", "location", "format", "rows", "columns",
        "column_count", "size_bytes", "sha256", "created_at", "created_by", "example", "recipe", "corrections",
        "findings", "derivation", "derived",
    }  # fmt: skip
    assert (body["name"], body["version"], body["rows"], body["description"]) == (
        "my_flowers",
        1,
        24,
        "Spring",
    )
    assert body["columns"][2] == {"name": "colour", "type": "text", "nullable": True}
    assert (body["format"], body["created_by"], body["size_bytes"]) == ("csv", admin.username, len(FLOWERS))


def test_uploading_the_same_bytes_is_200_and_other_bytes_409(send):
    first = send().json()
    assert send().status_code == 200
    rejected = send(FLOWERS + "1,2,red,rose\n")
    assert rejected.status_code == 409
    assert rejected.json()["code"] == "dataset_exists"
    assert "new_version=true" in rejected.json()["detail"]
    assert send(FLOWERS + "1,2,red,rose\n", new_version="true").json()["version"] == first["version"] + 1


def test_the_uploaded_file_is_downloaded_unchanged(send, api):
    compressed = gzip.compress(FLOWERS.encode())
    assert send(compressed, "flowers.csv.gz").status_code == 201
    response = api.get("/datasets/flowers/file")
    assert b"".join(response.streaming_content) == compressed
    assert response["Content-Disposition"].endswith('"flowers.csv.gz"')


def test_an_older_version_is_selected_by_number(send, api):
    send()
    send(FLOWERS + "1,2,red,rose\n", new_version="true")
    assert api.get("/datasets/my_flowers").json()["version"] == 2
    assert api.get("/datasets/my_flowers?version=1").json()["rows"] == 24
    assert api.get("/datasets/my_flowers?version=9").status_code == 404
    assert api.get("/datasets/my_flowers?version=x").status_code == 400


@pytest.mark.parametrize("body", [{}, {"file": "text"}])
def test_an_upload_without_a_file_is_400(api, body):
    response = api.post("/datasets/upload", body, format="multipart")
    assert response.status_code == 400
    assert "file" in response.json()["fields"]


def test_an_upload_as_json_is_415(api):
    response = api.post("/datasets/upload", {"file": "x"}, format="json")
    assert response.status_code == 415
    assert set(response.json()) == {"detail", "code", "fields"}


@pytest.mark.parametrize("name", ["数据.csv", "...", "upload"])
def test_an_invalid_name_is_400(send, name):
    assert send(name=name).status_code == 400


def test_the_list_of_datasets_is_filtered_ordered_and_paginated(send, api):
    for number in range(3):
        send(name=f"table {number}")
    send(name="other")
    listed = api.get("/datasets?q=table&ordering=-name&page_size=2").json()
    assert (listed["count"], len(listed["results"])) == (3, 2)
    assert listed["results"][0]["name"] == "table_2"
    assert api.get("/datasets?page=99").status_code == 404
    assert api.get("/datasets?page_size=200").status_code == 200
    assert api.get("/datasets?ordering=nothing").status_code == 400


@pytest.mark.parametrize("size", ["201", "0", "-1", "many", "", "1" * 400, "٣"])
def test_an_invalid_page_size_is_refused(api, size):
    response = api.get("/datasets", {"page_size": size})
    sentence = "`page_size` must be an integer from 1 to 200."
    assert (response.status_code, response.json()["fields"]) == (400, {"page_size": [sentence]})


def test_the_list_of_datasets_has_a_constant_number_of_queries(send, api, django_assert_num_queries):
    for number in range(2):
        send(name=f"table {number}")
    with django_assert_num_queries(3):
        api.get("/datasets")
    for number in range(2, 10):
        send(name=f"table {number}")
    with django_assert_num_queries(3):
        assert len(api.get("/datasets").json()["results"]) == 10


def test_deleting_a_dataset_is_204_and_then_404(send, api):
    send()
    assert api.delete("/datasets/my_flowers").status_code == 204
    assert api.delete("/datasets/my_flowers").status_code == 404


def test_deleting_a_dataset_with_models_is_409_and_names_them(make_version, api):
    make_version()
    response = api.delete("/datasets/flowers")
    assert response.status_code == 409
    assert "flowers model version 1" in response.json()["detail"]


FORMULAS = 'name,=x,v\n"=1+1",-5.3,"a ""b"", c"\n@SUM(A1),+1e5,\n-cmd|x,"-1,5",\n"\t=1",5%,"x\ny"\n'
AS_TEXTS = '\ufeffname,\'=x,v\r\n\'=1+1,-5.3,"a ""b"", c"\r\n\'@SUM(A1),+1e5,\r\n'
AS_TEXTS += '\'-cmd|x,"-1,5",\r\n\'\t=1,5%,"x\ny"\r\n'


@pytest.mark.parametrize(
    "content", [FORMULAS.encode(), gzip.compress(FORMULAS.encode(), mtime=0)], ids=["csv", "gzip"]
)
def test_a_csv_dataset_can_be_downloaded_without_formulas(api, send, content):
    send(content, "t.csv", name="t")
    for_spreadsheets = api.get("/datasets/t/file?spreadsheet=true")
    assert b"".join(for_spreadsheets.streaming_content).decode() == AS_TEXTS
    assert for_spreadsheets["Content-Disposition"] == 'attachment; filename="t.csv"'
    assert b"".join(api.get("/datasets/t/file").streaming_content) == content


def test_only_csv_is_downloaded_for_spreadsheets(api, send):
    send('{"a": "=1"}\n{"a": "=2"}\n', "t.jsonl", name="t")
    assert api.get("/datasets/t/file?spreadsheet=true").json()["code"] == "not_csv"

"""Downloads: ETags, ranges and HEAD, for datasets, artifacts and results of scoring jobs."""

import io

import pytest

from mlplatform import storage
from serving.batch.service import score
from tests.conftest import FLOWERS

CONTENT = FLOWERS.encode()
SIZE = len(CONTENT)
DATASET = "/datasets/flowers/file"


@pytest.fixture
def version(make_dataset):
    return make_dataset()


@pytest.fixture
def download(version, api):
    def get(path=DATASET, **headers):
        return api.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return get


def content_of(response) -> bytes:
    return b"".join(response.streaming_content)


def test_a_download_names_its_bytes_by_their_sha256(download, version):
    response = download()
    assert (response["ETag"], response["Accept-Ranges"]) == (f'"{version.sha256}"', "bytes")
    assert (int(response["Content-Length"]), content_of(response)) == (SIZE, CONTENT)


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-9", 0, 9),
        ("bytes=10-", 10, SIZE - 1),
        ("bytes=-5", SIZE - 5, SIZE - 1),
        ("bytes = 3-3", 3, 3),
        ("bytes=0-999999", 0, SIZE - 1),
        ("bytes=-999999", 0, SIZE - 1),
    ],
)
def test_a_range_is_206_with_its_place(download, header, start, end):
    response = download(range=header)
    assert (response.status_code, response["Content-Range"]) == (206, f"bytes {start}-{end}/{SIZE}")
    assert content_of(response) == CONTENT[start : end + 1]
    assert int(response["Content-Length"]) == end - start + 1


@pytest.mark.parametrize(
    "header", ["bytes=-", "bytes=9-3", "bytes=0-1,4-5", "rows=0-1", "bytes=a-b", "bytes=٣-"]
)
def test_an_invalid_range_and_several_ranges_are_answered_with_the_whole_file(download, header):
    response = download(range=header)
    assert (response.status_code, content_of(response)) == (200, CONTENT)


@pytest.mark.parametrize("header", [f"bytes={SIZE}-", f"bytes={SIZE + 5}-{SIZE + 9}", "bytes=-0"])
def test_a_range_after_the_end_is_416_with_the_size(download, header):
    response = download(range=header)
    assert (response.status_code, response.json()["code"]) == (416, "invalid_range")
    assert response["Content-Range"] == f"bytes */{SIZE}"


def test_if_range_resumes_only_the_same_bytes(download, version):
    same, other = f'"{version.sha256}"', '"other"'
    assert download(range="bytes=5-", if_range=same).status_code == 206
    assert download(range="bytes=5-", if_range=other).status_code == 200
    assert download(range="bytes=5-", if_range="Thu, 26 Nov 2026 10:00:00 GMT").status_code == 200


def test_a_copy_that_is_up_to_date_is_304(download, version):
    response = download(if_none_match=f'"{version.sha256}"')
    assert (response.status_code, response.content, response["ETag"]) == (304, b"", f'"{version.sha256}"')
    assert download(if_none_match='"other"').status_code == 200
    assert download(if_match='"other"').status_code == 412


def test_head_and_conditions_read_nothing_from_the_store(download, version, api, broken_storage):
    with broken_storage("datasets"):
        response = api.head(DATASET)
        assert (response.status_code, int(response["Content-Length"])) == (200, SIZE)
        assert download(if_none_match=f'"{version.sha256}"').status_code == 304
        assert download(range="bytes=0-1").status_code == 503


def test_a_range_of_a_file_with_another_size_is_refused(download, version):
    with storage.datasets().open(version.key, "ab") as file:
        file.write(b"more")
    assert download(range="bytes=0-1").json()["code"] == "storage_changed"


def test_artifacts_and_results_have_etags_and_ranges(download, make_version, admin, page):
    model = make_version()
    table = io.BytesIO(b"length,width,colour\n9,1.6,blue\n")
    job = score("flowers", stage="dev", file=table, filename="rows.csv", by=admin, as_job=True)
    for path in ("/models/flowers/1/artifact", f"/predict/jobs/{job.pk}/result"):
        whole = download(path)
        part = download(path, range="bytes=2-5", if_range=whole["ETag"])
        assert (part.status_code, content_of(part)) == (206, content_of(whole)[2:6])
        assert download(path, if_none_match=whole["ETag"]).status_code == 304
    assert model.artifact_sha256 in download("/models/flowers/1/artifact")["ETag"]
    on_the_page = f"/serving/jobs/{job.pk}/result/"
    assert page.get(on_the_page, headers={"Range": "bytes=0-0"}).status_code == 206
    assert page.get(on_the_page, headers={"Range": "bytes=9999-"})["Content-Range"].startswith("bytes */")

"""Pages and API apply the same rules: the same invalid input gets the same sentence from both."""

import html
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from registry.releases.promotion import promote, retire
from tests.conftest import FLOWERS

BAD_FILES = {
    "empty": ("empty.csv", b""),
    "header only": ("header.csv", b"a,b,c\n"),
    "a picture": ("picture.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256))),
    "a zip": ("book.csv", b"PK\x03\x04" + bytes(300)),
    "ragged lines": ("ragged.csv", b"a,b\n1,2\n1,2,3\n"),
    "a broken gzip": ("broken.csv.gz", b"\x1f\x8b\x08" + bytes(50)),
    "a broken parquet": ("broken.parquet", b"PAR1" + bytes(50) + b"PAR1"),
    "no name left": ("数据.csv", FLOWERS.encode()),
    "a reserved name": ("upload.csv", FLOWERS.encode()),
}


def text_of(response) -> str:
    """The text of a page, with the backticks that the API has where the page has <code>."""
    return html.unescape(re.sub("</?code>", "`", response.content.decode()))


def sentence_of(response) -> str:
    """The sentence of an API error, without the field before it, which a page shows as a label."""
    body = response.json()
    return next(iter(body["fields"].values()), [body["detail"]])[0]


def add_by_page(page, name, content, **fields):
    """Upload a file, and add it if it can be read."""
    file = SimpleUploadedFile(name, content)
    receipt = page.post("/catalog/upload/", {"file": file}, follow=True)
    if 'name="add"' not in receipt.text:
        return receipt
    return page.post(receipt.context["draft_url"], {"add": "1", **fields})


@pytest.mark.parametrize("case", BAD_FILES)
def test_page_and_api_reject_an_invalid_file_with_the_same_sentence(page, api, make_dataset, case):
    make_dataset()
    name, content = BAD_FILES[case]
    by_api = api.post("/datasets/upload", {"file": SimpleUploadedFile(name, content)}, format="multipart")
    by_page = add_by_page(page, name, content)
    assert by_api.status_code in {400, 409}, by_api.text
    assert by_api.json()["detail"] in text_of(by_page)


def test_page_and_api_name_a_full_disk_with_the_same_sentence(page, api, full_disk):
    full_disk("datasets")
    file = {"file": SimpleUploadedFile("flowers.csv", FLOWERS.encode())}
    by_api = api.post("/datasets/upload", file, format="multipart")
    by_page = page.post("/catalog/upload/", {"file": SimpleUploadedFile("flowers.csv", FLOWERS.encode())})
    assert (by_api.status_code, by_page.status_code, by_api.json()["code"]) == (507, 507, "disk_full")
    assert by_api.json()["detail"] in text_of(by_page)


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ({"test_size": "1"}, {"test_size": 1}),
        ({"test_size": "0"}, {"test_size": 0}),
        (
            {"algorithm": "LinearRegression"},
            {"model": {"module": "linear_model", "class": "LinearRegression"}},
        ),
        (
            {f"prepare-{name}": "leave_out" for name in ("length", "width", "colour")},
            {"prepare": dict.fromkeys(["length", "width", "colour"], "leave_out")},
        ),
        ({"prepare-colour": "scale"}, {"prepare": {"colour": "scale"}}),
        ({"prepare-length": "native"}, {"prepare": {"length": "native"}}),
        ({"param-max_depth": "0"}, {"model": {"params": {"max_depth": 0}}}),
        ({"param-criterion": "ginny"}, {"model": {"params": {"criterion": "ginny"}}}),
        ({"param-max_dept": "3"}, {"model": {"params": {"max_dept": "3"}}}),
        ({"random_state": "-1"}, {"random_state": -1}),
        ({"random_state": str(2**32)}, {"random_state": 2**32}),
        ({"random_state": "1.5"}, {"random_state": "1.5"}),
        ({"test_size": "much"}, {"test_size": "much"}),
        ({"timeout_s": "0"}, {"timeout_s": 0}),
        ({"description": "x" * 10_001}, {"description": "x" * 10_001}),
        ({"random_sate": "1"}, {"random_sate": 1}),
        ({"descriptions": "x"}, {"descriptions": "x"}),
        ({"param-max_depth": '"' * 6000}, {"model": {"params": {"max_depth": '"' * 6000}}}),  # 12 KB as JSON
    ],
)
def test_page_and_api_reject_an_invalid_training_with_the_same_sentence(page, api, make_dataset, form, body):
    make_dataset()
    tree = {"module": "tree", "class": "DecisionTreeClassifier"}
    model = tree | body.get("model", {})
    sent = {"dataset_name": "flowers", "target_column": "species"} | body | {"model": model}
    filled = {
        "dataset": "flowers",
        "algorithm": model["class"],
        "target": "species",
        "test_size": "0.2",
    } | form
    by_api, by_page = api.post("/train", sent), page.post("/registry/train/", filled)
    assert (by_api.status_code, by_page.status_code) == (400, 422)
    assert sentence_of(by_api) in text_of(by_page)


@pytest.mark.parametrize(
    ("call", "path", "body", "form"),
    [
        (
            "/promote",
            "/registry/models/flowers/1/promote/",
            {"dataset_name": "flowers", "version": 1, "target_stage": "staging"},
            {"stage": "staging"},
        ),
        (
            "/rollback",
            "/serving/flowers/dev/rollback/",
            {"dataset_name": "flowers", "environment": "dev"},
            {},
        ),
    ],
)
@pytest.mark.parametrize("extra", [{"{}s": "because"}, {"{}": "x" * 10_001}], ids=["name", "length"])
def test_page_and_api_reject_invalid_fields_of_a_release_with_the_same_sentence(
    page, api, make_version, call, path, body, form, extra
):
    make_version()
    field = {"/promote": "comment", "/rollback": "reason"}[call]
    extra = {name.format(field): value for name, value in extra.items()}
    by_api, by_page = api.post(call, body | extra), page.post(path, form | extra, follow=True)
    assert by_api.status_code == 400
    assert sentence_of(by_api) in text_of(by_page)


def test_page_and_api_reject_an_unknown_field_of_an_upload_with_the_same_sentence(page, api):
    form = {"file": SimpleUploadedFile("a.csv", b"a,b\n1,2\n"), "descriptions": "x"}
    by_api = api.post("/datasets/upload", form, format="multipart")
    by_page = add_by_page(page, "a.csv", b"a,b\n1,2\n", descriptions="x")
    assert (by_api.status_code, by_page.status_code) == (400, 422)
    assert sentence_of(by_api) in text_of(by_page)


def test_page_and_api_reject_a_promotion_to_a_lower_stage_with_the_same_sentence(
    page, api, make_version, admin
):
    version = make_version()
    promote(version, stage="production", by=admin)
    by_api = api.post("/promote", {"dataset_name": "flowers", "version": 1, "target_stage": "staging"})
    by_page = page.post("/registry/models/flowers/1/promote/", {"stage": "staging"})
    assert (by_api.status_code, by_page.status_code) == (400, 422)
    assert by_api.json()["detail"] in text_of(by_page)


def test_page_and_api_reject_a_rollback_without_an_earlier_release_with_the_same_sentence(
    page, api, make_version
):
    make_version()
    by_api = api.post("/rollback", {"dataset_name": "flowers", "environment": "dev"})
    by_page = page.post("/serving/flowers/dev/rollback/", follow=True)
    assert by_api.status_code == 409
    assert by_api.json()["detail"] in text_of(by_page)


def test_page_and_api_reject_a_second_retirement_with_the_same_sentence(page, api, make_version, admin):
    retire(make_version().dataset, stage="dev", by=admin)
    by_api = api.post("/retire", {"dataset_name": "flowers", "environment": "dev"})
    for by_page in (
        page.get("/serving/flowers/dev/retire/", follow=True),
        page.post("/serving/flowers/dev/retire/", {"reason": "again"}, follow=True),
    ):
        assert by_api.json()["detail"] in text_of(by_page)


def test_page_and_api_refuse_to_delete_a_dataset_in_use_with_the_same_sentence(page, api, make_version):
    make_version()
    by_api, by_page = api.delete("/datasets/flowers"), page.post("/catalog/flowers/delete/")
    assert (by_api.status_code, by_page.status_code) == (409, 409)
    assert by_api.json()["detail"] in text_of(by_page)


def test_the_models_that_prevent_a_deletion_are_listed_in_order(api, make_version):
    for _ in range(11):
        make_version()
    detail = api.delete("/datasets/flowers").json()["detail"]
    assert "version 8, flowers model version 9, flowers model version 10 and 1 more" in detail


def test_page_and_api_refuse_to_delete_a_live_version_with_the_same_sentence(page, api, make_version, admin):
    promote(make_version(), stage="staging", by=admin)
    by_api, by_page = api.delete("/models/flowers/1"), page.post("/registry/models/flowers/1/delete/")
    assert (by_api.status_code, by_page.status_code) == (409, 409)
    assert by_api.json()["detail"] in text_of(by_page)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/catalog/nothing/", "No dataset is named"),
        ("/registry/models/flowers/9/", "no model version 9"),
        ("/serving/nothing/dev/", "No dataset is named"),
    ],
)
def test_a_missing_object_is_a_404_page_with_the_reason(page, make_version, path, sentence):
    make_version()
    response = page.get(path, headers={"Accept": "text/html"})
    assert response.status_code == 404
    assert sentence in text_of(response)

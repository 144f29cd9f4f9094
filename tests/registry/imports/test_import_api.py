"""POST /models/import and the page: the shape of the request, and the same sentences."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from sklearn.linear_model import LogisticRegression

from mlplatform.idempotency.models import IdempotentRequest
from registry.models import ModelVersion
from tests.registry.imports.models import as_skops, flowers, prepared


@pytest.fixture
def send(api, make_dataset):
    make_dataset()

    def send(content=None, *, name="model.skops", key=None, **fields):
        file = SimpleUploadedFile(name, as_skops(prepared()) if content is None else content)
        body = {"file": file, "dataset_name": "flowers", "target_column": "species"} | fields
        headers = {"Idempotency-Key": key} if key else {}
        return api.post("/models/import", body, format="multipart", headers=headers)

    return send


def test_an_import_returns_the_version_and_a_repeat_imports_once(send):
    content = as_skops(prepared())
    first = send(content, key="k1")
    assert first.status_code == 201, first.text
    body = first.json()
    assert (body["version"], body["live_in"], body["algorithm"]) == (1, ["dev"], "LogisticRegression")
    assert (body["imported_from"], body["imported_format"]) == ("model.skops", "skops")
    again = send(content, key="k1")
    assert (again["Idempotency-Replayed"], again.json()) == ("true", body)
    IdempotentRequest.objects.update(status=None, headers={}, body="")  # it never responded
    assert send(content, key="k1").json()["version"] == 1
    assert ModelVersion.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"features": "length"}, "features"),
        ({"features": "[1]"}, "features"),
        ({"signature": "[]"}, "signature"),
        ({"signature": "{" * 5000}, "signature"),
        ({"dataset_version": "0"}, "dataset_version"),
        ({"odd": "1"}, "odd"),
        ({"target_column": "kind"}, "target_column"),
    ],
    ids=range(7),
)
def test_each_wrong_field_has_its_sentence(send, fields, field):
    response = send(b"PK\x03\x04", **fields)
    assert (response.status_code, list(response.json()["fields"])) == (400, [field])


def test_page_and_api_refuse_a_pickle_with_the_same_sentence(send, page):
    by_api = send(b"\x80\x04N.", name="model.pkl")
    file = SimpleUploadedFile("model.pkl", b"\x80\x04N.")
    by_page = page.post("/registry/models/import/", {"file": file, "dataset": "flowers", "target": "species"})
    assert (by_api.status_code, by_page.status_code) == (400, 422)
    assert by_page.context["form"].errors["file"] == by_api.json()["fields"]["file"]


def test_the_page_imports_and_leads_to_the_version(page, make_dataset):
    make_dataset()
    assert "Import a model" in page.get("/registry/models/import/?dataset=flowers&target=species").text
    file = SimpleUploadedFile("model.skops", as_skops(prepared()))
    body = {"file": file, "dataset": "flowers", "target": "species", "features": "", "signature": ""}
    response = page.post("/registry/models/import/", body, follow=True)
    assert response.redirect_chain == [("/registry/models/flowers/1/", 302)]
    assert "imported from model.skops (skops)" in response.text
    assert "Retrain</button>" not in response.text


def test_an_option_that_an_error_names_is_unfolded(page, make_dataset):
    table = flowers()
    model = LogisticRegression().fit(table[["length", "width"]], [0, 1] * 12)
    file = SimpleUploadedFile("model.skops", as_skops(model))
    body = {"file": file, "dataset": make_dataset().dataset.name, "target": "species"}
    response = page.post("/registry/models/import/", body)
    assert "list them in <code>classes</code>" in response.text
    assert '<details class="fold" open>' in response.text


def test_viewers_cannot_import(sign_in):
    assert sign_in("viewer").get("/registry/models/import/").status_code == 403

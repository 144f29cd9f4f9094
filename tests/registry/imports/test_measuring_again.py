"""Imported models are measured on their own dataset version too: nobody knows which rows trained them."""

import io

from registry.imports.importing import import_model
from tests.registry.imports.models import as_skops, prepared


def bring(source, admin, **fields):
    return import_model(
        io.BytesIO(as_skops(prepared())), filename="model.skops", source=source, by=admin, **fields
    )


def test_an_imported_model_is_measured_on_its_own_dataset_version(make_dataset, admin, api, page):
    bring(make_dataset(), admin, target="species")
    answer = api.post("/models/flowers/1/evaluate", {})
    assert (answer.status_code, answer.json()["rows"], answer.json()["warnings"]) == (201, 24, []), (
        answer.text
    )
    assert '<option value="1">1</option>' in page.get("/registry/models/flowers/1/").text


def test_a_declared_model_is_measured_on_a_dataset_whose_own_lacks_its_target(make_dataset, admin, api):
    columns = {"length": "number", "width": "number", "colour": "text"}
    signature = {
        "inputs": [{"name": name, "type": kind} for name, kind in columns.items()],
        "target": "species",
    }
    source = make_dataset(name="garden", content="length,other\n5,1\n9,2\n")
    bring(source, admin, signature=signature)
    make_dataset()
    answer = api.post("/models/garden/1/evaluate", {"dataset_name": "flowers"})
    assert answer.json()["metrics"]["accuracy"] == 1, answer.text
    answer = api.post("/models/garden/1/evaluate", {})
    assert answer.json()["code"] == "columns_differ"

"""The recipe in the API: inspect a file, upload it with corrections, and read a stored one again."""

import dataclasses
import gzip
import json
import threading
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from catalog import files
from catalog.imports import representations
from catalog.imports.upload import read_again
from catalog.models import Dataset, DatasetVersion, Draft
from catalog.readers.cells.cell_format import CellFormat
from catalog.readers.corrections import ColumnCorrection, Corrections
from catalog.readers.recipe import ParseRecipe
from mlplatform import storage
from tests.catalog.readers.reading import zipped

GERMAN = "Stadt;Umsatz;PLZ\nKöln;1,5;01067\nBonn;2,25;53111\n".encode("cp1252")
AS_TEXT = {"columns": [{"name": "Umsatz", "type": "text"}]}


@pytest.fixture
def send(api):
    def post(address="/datasets/upload", content=GERMAN, filename="umsatz.csv", **fields):
        recipe = {} if "recipe" not in fields else {"recipe": fields.pop("recipe")}
        recipe = {
            name: json.dumps(value) if isinstance(value, dict) else value for name, value in recipe.items()
        }
        body = {"file": SimpleUploadedFile(filename, content), **recipe, **fields}
        return api.post(address, body, format="multipart")

    return post


@pytest.fixture
def change(api):
    def patch(recipe, version=1):
        return api.patch(f"/datasets/umsatz/versions/{version}", {"recipe": recipe}, format="json")

    return patch


def test_inspecting_a_file_shows_how_it_is_read_and_stores_nothing(send):
    before = storage.datasets().listdir("")
    body = send("/datasets/inspect").json()
    assert set(body) == {"recipe", "findings", "columns", "preview", "rows", "is_estimate", "members"}
    assert (body["recipe"]["delimiter"], body["recipe"]["encoding"], body["rows"]) == (";", "cp1252", 2)
    assert body["columns"][1] == {"name": "Umsatz", "type": "number", "nullable": False}
    assert body["preview"]["rows"][0] == ["Köln", 1.5, "01067"]
    assert body["preview"]["lines"][0] == [1, "Stadt;Umsatz;PLZ"]
    assert not Dataset.objects.exists() and not Draft.objects.exists()
    assert storage.datasets().listdir("") == before


def test_inspecting_with_a_recipe_reads_the_file_by_it(send):
    body = send("/datasets/inspect", recipe=AS_TEXT).json()
    assert body["preview"]["rows"][0] == ["Köln", "1,5", "01067"]


def test_inspecting_the_next_version_shows_what_it_changes(send):
    rows = "".join(f"{i % 50};{i}\n" for i in range(400))
    send(content=f"a;b\n{rows}".encode())
    other = f"a;c\n{rows.replace(';', ';9')}".encode()
    changes = send("/datasets/inspect", other, dataset="umsatz").json()["changes"]
    assert ([one["name"] for one in changes["added"]], changes["from"]) == (["c"], 1)
    [moved] = changes["distributions"]
    assert (moved["name"], moved["effect"], moved["rows"]) == ("a", "none", {"from": 400, "to": 400})
    assert send("/datasets/inspect", dataset="nothing").status_code == 404


def test_of_a_large_file_the_first_rows_are_compared(send):
    send(content=b"a;b\n" + b"1;2\n3;4\n" * 50)
    large = gzip.compress(b"a;b\n" + b"1;2\n9;4\n" * 600_000, 1)
    body = send("/datasets/inspect", large, "large.csv.gz", dataset="umsatz").json()
    assert (body["is_estimate"], body["changes"]["rows"]) == (True, {"from": 100, "to": body["rows"]})
    moved, same = body["changes"]["distributions"]
    assert (moved["name"], moved["effect"], same["effect"]) == ("a", "large", "none")
    assert same["rows"]["to"] == 200_000  # of those in the first 4 MB


def test_a_finding_names_its_choices_and_one_of_them_is_sent_back(send, change):
    content = b"day;n\n01/02/2024;1\n03/04/2024;2\n"
    [finding] = send("/datasets/inspect", content).json()["findings"]
    assert [(one["label"], one["is_current"]) for one in finding["choices"]] == [
        ("Day first", True), ("Month first", False)
    ]  # fmt: skip
    recipe = finding["choices"][1]["recipe"]
    assert (
        send("/datasets/inspect", content, recipe=recipe).json()["preview"]["rows"][0][0]
        == "2024-01-02T00:00:00"
    )
    assert send(content=content).json()["findings"] == [finding]
    assert change(recipe).json()["version"] == 2


def test_a_table_of_an_archive_is_chosen(send, api):
    content = zipped({"2023.csv": b"a,b\n1,2\n", "2024.csv": b"a,b\n3,4\n5,6\n"})
    refused = send(content=content, filename="years.zip").json()
    assert refused["code"] == "several_files"
    assert "`2023.csv`, `2024.csv`" in refused["detail"]
    recipe = {"member": "2024.csv"}
    inspected = send("/datasets/inspect", content, "years.zip", recipe=recipe).json()
    assert (inspected["members"], inspected["rows"]) == (["2023.csv", "2024.csv"], 2)
    assert send(content=content, filename="years.zip", recipe=recipe).json()["recipe"]["member"] == "2024.csv"
    assert api.get("/datasets/years/rows").json()["rows"][0] == [3, 4]
    wrong = send(content=content, filename="years.zip", recipe={"member": "x"}).json()
    assert list(wrong["fields"]) == ["recipe.member"]


def test_inspecting_needs_a_token_and_the_role_of_who_uploads(client, send, api, make_user):
    file = SimpleUploadedFile("umsatz.csv", GERMAN)
    assert client.post("/datasets/inspect", {"file": file}).status_code == 401
    api.force_authenticate(make_user("viewer", username="eve"))
    assert send("/datasets/inspect").status_code == 403


def test_a_dataset_shows_its_recipe_what_was_set_and_what_was_assumed(send, api):
    assert send(recipe=AS_TEXT).status_code == 201
    body = api.get("/datasets/umsatz").json()
    assert body["recipe"]["columns"] == body["columns"]
    assert (body["columns"][1]["type"], body["corrections"]) == ("text", AS_TEXT)
    found = [(finding["code"], finding["column"], finding["line"]) for finding in body["findings"]]
    assert ("leading_zeros", "PLZ", 2) in found


def test_a_recipe_can_be_sent_as_a_file(send):
    recipe = SimpleUploadedFile("recipe.json", json.dumps(AS_TEXT).encode(), "application/json")
    assert send(recipe=recipe).json()["corrections"] == AS_TEXT


def test_the_recipe_of_a_dataset_reads_the_next_file_like_it(send):
    recipe = send(recipe={"columns": [{"source": "Umsatz", "name": "revenue"}]}).json()["recipe"]
    body = send(content=GERMAN + b"Ulm;3;89073\n", recipe=recipe, new_version="true").json()
    assert [column["name"] for column in body["columns"]] == ["Stadt", "revenue", "PLZ"]
    broken = send(content=GERMAN + b"Ulm;x;89073\n", recipe=recipe, new_version="true").json()
    assert broken["fields"]["recipe.columns"][0].startswith("Line 4: `x` in column `Umsatz` is not a number.")


def test_the_same_bytes_with_another_recipe_are_a_new_version(send):
    assert send().status_code == 201
    assert send(recipe=AS_TEXT).json()["code"] == "dataset_exists"
    assert send(recipe=AS_TEXT, new_version="true").json()["version"] == 2
    again = send(recipe=AS_TEXT)
    assert (again.status_code, again.json()["version"]) == (200, 2)
    assert send().json()["version"] == 1


def test_corrections_that_change_nothing_are_the_version_that_is_already_there(send):
    send()
    same = send(recipe={"delimiter": ";"})
    assert (same.status_code, same.json()["version"]) == (200, 1)
    assert not Draft.objects.exists()


def test_a_stored_file_is_read_again_with_what_is_changed(send, change):
    send(recipe={"columns": [{"name": "PLZ", "type": "integer"}]})
    response = change(AS_TEXT)
    assert (response.status_code, response.json()["version"]) == (201, 2)
    assert [column["type"] for column in response.json()["columns"]] == ["text", "text", "integer"]
    first, second = DatasetVersion.objects.order_by("number")
    assert (first.sha256, first.original_filename) == (second.sha256, second.original_filename)
    assert change(AS_TEXT).status_code == 200


def test_versions_of_the_same_bytes_share_them_until_both_are_deleted(send, change):
    send()
    change(AS_TEXT)
    second, first = DatasetVersion.objects.order_by("-number")
    store = storage.datasets()
    assert Path(store.path(first.key)).samefile(store.path(second.key))
    storage.discard(store, first.key)
    with files.open_version(second) as file:
        assert file.read() == GERMAN


def test_null_detects_a_part_again(send, change):
    send(recipe=AS_TEXT | {"decimal": "."})
    assert change({"columns": None, "decimal": None}).json()["columns"][1]["type"] == "number"
    one = change({"columns": [{"name": "Umsatz", "type": None}], "decimal": None}, version=1)
    assert (one.status_code, one.json()["version"]) == (200, 2)


@pytest.mark.parametrize(
    ("recipe", "field", "detail"),
    [
        ({"delimiter": "abc"}, "recipe.delimiter", "The delimiter `abc` is not one character"),
        ({"delimeter": ";"}, "recipe.delimeter", "Did you mean `delimiter`?"),
        ({"skip": "2"}, "recipe.skip", "recipe.skip: Must be an integer."),
        ({"columns": [{"name": "Stat"}]}, "recipe.columns", "Did you mean `Stadt`?"),
        ({"columns": [{"name": "Stadt", "type": "date"}]}, "recipe.columns", "Line 2: `Köln`"),
        ({"encoding": "utf-8"}, "recipe.encoding", "Line 2 is not valid UTF-8"),
        ("{", "recipe", "recipe: Must be a JSON object"),
        ("[]", "recipe", "recipe: Must be a JSON object"),
        ("[" * 20_000, "recipe", "recipe: Must be a JSON object"),
    ],
)
def test_a_recipe_that_does_not_fit_is_400_by_field_wherever_it_is_sent(send, recipe, field, detail):
    for address in ("/datasets/inspect", "/datasets/upload"):
        response = send(address, recipe=recipe)
        assert (response.status_code, list(response.json()["fields"])) == (400, [field])
        assert detail in response.json()["detail"]
    assert not DatasetVersion.objects.exists() and not Draft.objects.exists()


def test_a_change_that_does_not_fit_leaves_the_dataset_as_it_is(send, change):
    send()
    assert change({"skip": 99}).json()["fields"].keys() == {"recipe.skip"}
    assert change("x").json()["fields"] == {"recipe": ['Must be a JSON object, such as {"delimiter": ";"}.']}
    assert change(AS_TEXT, version=9).status_code == 404
    assert DatasetVersion.objects.count() == 1


def test_the_api_documents_every_part_of_a_recipe():
    def names(of):
        return {field.name for field in dataclasses.fields(of)}

    documented = representations.RecipeSerializer().fields.keys()
    assert documented == names(ParseRecipe)
    settable = representations.CorrectionsSerializer().fields.keys()
    assert settable == names(Corrections) | {"compression"}
    of_column = representations.ColumnCorrectionSerializer().fields.keys()
    assert of_column == names(ColumnCorrection) | {"nullable"}
    assert representations.CellFormatSerializer().fields.keys() == names(CellFormat)


def test_a_german_export_is_corrected_in_two_calls(send):
    content = b"Stadt;Umsatz\nUlm;1.234\nBonn;12.500\n"
    assert send("/datasets/inspect", content=content).json()["preview"]["rows"][0] == ["Ulm", 1.234]
    body = send(content=content, recipe={"thousands": "."}).json()
    assert (body["recipe"]["decimal"], body["columns"][1]["format"]) == (",", {"thousands": "."})


@pytest.mark.usefixtures("committed")
def test_the_same_change_at_the_same_time_makes_one_version(send, admin):
    send()
    stored, versions = DatasetVersion.objects.get(), []

    def change():
        versions.append(read_again(stored, corrections=AS_TEXT, by=admin)[0].number)
        connection.close()

    threads = [threading.Thread(target=change) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (versions, DatasetVersion.objects.count()) == ([2, 2], 2)

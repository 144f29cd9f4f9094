"""Datasets as registered models: read, search, describe, tag."""

import pytest
from django.core.exceptions import ValidationError

from registry import labels


def names(answer) -> list[str]:
    status, body = answer
    assert status == 200, body
    return [model["name"] for model in body["registered_models"]]


@pytest.fixture
def three(make_dataset):
    return [make_dataset(name) for name in ("apples", "apple_pies", "pears")]


def test_a_dataset_is_a_registered_model_with_its_aliases_and_latest_versions(mlflow, versions):
    _, body = mlflow("GET", "registered-models/get", name="flowers")
    model = body["registered_model"]
    assert (model["name"], model["user_id"]) == ("flowers", "ada")
    assert model["aliases"] == [{"alias": "dev", "version": "3"}]
    [latest] = model["latest_versions"]
    assert (latest["version"], latest["current_stage"], latest["status"]) == ("3", "None", "READY")
    assert isinstance(model["creation_timestamp"], int)


def test_unset_fields_are_left_out(mlflow, make_dataset):
    make_dataset()
    _, body = mlflow("GET", "registered-models/get", name="flowers")
    assert set(body["registered_model"]) == {
        *("name", "user_id", "creation_timestamp", "last_updated_timestamp")
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["apple_pies", "apples", "pears"]),
        ("name = 'pears'", ["pears"]),
        ("name != 'pears'", ["apple_pies", "apples"]),
        ("name LIKE 'apple%'", ["apple_pies", "apples"]),
        ("name LIKE 'Apple%'", []),
        ("name ILIKE 'Apple%'", ["apple_pies", "apples"]),
        ("name like '%e%s' and name != 'apples'", ["apple_pies", "pears"]),
        ("name IN ('pears', 'plums')", ["pears"]),
        ("attribute.name NOT IN ('pears')", ["apple_pies", "apples"]),
        ("tags.team = 'fruit'", ["apples"]),
        ("tag.`team` LIKE '%t'", ["apples", "pears"]),
        ("tags.team != 'fruit'", ["pears"]),
        ("tags.team = 'fruit' AND name = 'pears'", []),
        ("tag.`mlflow.prompt.is_prompt` != 'true'", ["apple_pies", "apples", "pears"]),
        ("tag.`mlflow.prompt.is_prompt` = 'true'", []),
    ],
)
def test_a_search_filters_by_name_and_tags(mlflow, three, text, expected):
    for name, value in (("apples", "fruit"), ("pears", "fruit basket"), ("pears", "basket")):
        mlflow("POST", "registered-models/set-tag", name=name, key="team", value=value)
    assert names(mlflow("GET", "registered-models/search", filter=text)) == expected


def test_a_search_is_ordered_and_divided_into_pages(mlflow, three):
    search = {"order_by": ["name DESC"], "max_results": 2}
    _, first = mlflow("GET", "registered-models/search", **search)
    second = mlflow("GET", "registered-models/search", page_token=first["next_page_token"], **search)
    assert names((200, first)) + names(second) == ["pears", "apples", "apple_pies"]
    assert "next_page_token" not in second[1]


@pytest.mark.parametrize(
    "fields",
    [
        {"filter": "name ~ 'a'"},
        {"filter": "run_id = 'a'"},
        {"filter": "name = 'a' OR name = 'b'"},
        {"filter": "name = 'a"},
        {"filter": "name = 3"},
        {"filter": "metrics.rmse = '3'"},
        {"filter": "x" * 10_001},
        {"order_by": ["nonsense"]},
        {"order_by": ["name SIDEWAYS"]},
        {"max_results": 0},
        {"max_results": 1001},
        {"max_results": "many"},
        {"page_token": "nonsense"},
        {"page_token": "é"},
        {"page_token": "b2Zmc2V0IC0x"},
        {"no_such_field": "1"},
    ],
    ids=str,
)
def test_an_invalid_search_is_an_invalid_parameter_value(mlflow, db, fields):
    status, body = mlflow("GET", "registered-models/search", **fields)
    assert (status, body["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_a_search_takes_the_same_queries_for_any_number_of_models(
    mlflow, three, make_version, django_assert_max_num_queries
):
    for source in three:
        make_version(source, random_state=0)
    with django_assert_max_num_queries(12):
        assert len(names(mlflow("GET", "registered-models/search"))) == 3


def test_a_description_and_tags_are_written_and_read(mlflow, make_dataset):
    make_dataset()
    _, body = mlflow("PATCH", "registered-models/update", name="flowers", description="Of the garden.")
    assert body["registered_model"]["description"] == "Of the garden."
    for value in ("old", "é" * 5000):
        assert mlflow("POST", "registered-models/set-tag", name="flowers", key="a b", value=value) == (
            200,
            {},
        )
    _, body = mlflow("GET", "registered-models/get", name="flowers")
    assert body["registered_model"]["tags"] == [{"key": "a b", "value": "é" * 5000}]
    for _ in range(2):
        assert mlflow("DELETE", "registered-models/delete-tag", name="flowers", key="a b") == (200, {})
    assert "tags" not in mlflow("GET", "registered-models/get", name="flowers")[1]["registered_model"]


@pytest.mark.parametrize("key", ["k" * 251, "", "a;b", "a/../b", "/a", "a/", ".."])
def test_the_key_of_a_tag_is_checked(mlflow, make_dataset, key):
    make_dataset()
    status, body = mlflow("POST", "registered-models/set-tag", name="flowers", key=key, value="")
    assert (status, body["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_the_value_and_the_number_of_tags_are_limited(make_dataset, admin):
    dataset = make_dataset().dataset
    with pytest.raises(ValidationError, match="at most 100,000 characters"):
        labels.set_tag(dataset, key="k", value="v" * 100_001, by=admin)
    for number in range(labels.MAX_LABELS):
        labels.set_tag(dataset, key=f"k{number}", value="", by=admin)
    labels.set_tag(dataset, key="k1", value="again", by=admin)
    with pytest.raises(ValidationError, match="which is the limit"):
        labels.set_tag(dataset, key="one more", value="", by=admin)


def test_models_are_not_created_renamed_and_deleted_here(mlflow, make_dataset):
    make_dataset()
    assert mlflow("POST", "registered-models/create", name="flowers")[1]["error_code"] == (
        "RESOURCE_ALREADY_EXISTS"
    )
    calls = [
        ("POST", "registered-models/create", {"name": "new", "tags": [{"key": "a", "value": "b"}]}),
        ("POST", "registered-models/rename", {"name": "flowers", "new_name": "x"}),
        ("DELETE", "registered-models/delete", {"name": "flowers"}),
        ("POST", "model-versions/create", {"name": "flowers", "source": "s3://bucket/model"}),
    ]
    for method, path, fields in calls:
        status, body = mlflow(method, path, **fields)
        assert (status, body["error_code"]) == (501, "NOT_IMPLEMENTED")


def test_a_model_that_does_not_exist_is_said_in_mlflows_words(mlflow, db):
    status, body = mlflow("GET", "registered-models/get", name="none")
    assert (status, body["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert body["message"] == "No dataset is named `none`."

"""How a request prepares columns, and which it leaves out."""

import pytest
from django.core.exceptions import ValidationError

from registry.jobs.submission import resolve
from registry.training.request import TrainingRequest
from tests.conftest import FLOWERS

NUMBERED = "id," + FLOWERS.replace("\n", "\n{},").removesuffix("{},").format(*range(24))


@pytest.fixture
def resolved(make_dataset):
    def resolve_request(content=FLOWERS, **options):
        request = TrainingRequest("tree", "DecisionTreeClassifier", **options)
        request = resolve(make_dataset(content=content), request=request)
        return request.features, request.prepare

    return resolve_request


def test_a_requested_preparation_is_part_of_the_request(resolved):
    assert resolved(prepare={"colour": "one_hot"})[1] == {"colour": "one_hot"}


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        ({"colour": "scale"}, "`colour` cannot be prepared by scale; the choices for text columns are"),
        ({"wings": "scale"}, "`wings` is not a feature of this training."),
        ({"wings": "leave_out"}, "`wings` is not a feature of this training."),
        ({"species": "leave_out"}, "`species` is not a feature of this training."),
        (dict.fromkeys(["length", "width", "colour"], "leave_out"), "No feature columns are left"),
    ],
)
def test_a_preparation_that_does_not_fit_the_column_is_an_error_of_its_field(resolved, prepare, sentence):
    with pytest.raises(ValidationError) as caught:
        resolved(target="species", prepare=prepare)
    assert caught.value.message_dict["prepare"][0].startswith(sentence)


def test_any_column_can_be_left_out(resolved):
    features, prepare = resolved(prepare={"colour": "leave_out"})
    assert (features, prepare) == (["length", "width"], {"colour": "leave_out"})


def test_an_identifier_is_left_out(resolved):
    assert resolved(NUMBERED) == (["length", "width", "colour"], {"id": "leave_out"})


@pytest.mark.parametrize("options", [{"prepare": {"id": "scale"}}, {"features": ["id", "length"]}])
def test_an_identifier_that_is_requested_is_used(resolved, options):
    assert "id" in resolved(NUMBERED, **options)[0]


def test_identifiers_are_used_if_there_is_nothing_else(resolved):
    assert resolved("id,y\n" + "".join(f"{i},{i % 2}\n" for i in range(30)))[0] == ["id"]


def test_the_answer_of_a_training_says_which_identifiers_it_left_out(api, make_dataset):
    make_dataset(content=NUMBERED)
    model = {"module": "tree", "class": "DecisionTreeClassifier"}
    response = api.post("/train", {"dataset_name": "flowers", "model": model}).json()
    sentence = "Column `id` was left out: almost every row has a different value"
    assert response["warnings"][0].startswith(sentence)
    left_out = api.get("/models/flowers/1").json()["preparation"][-1]
    assert (left_out["column"], left_out["prepare"]) == ("id", "leave_out")

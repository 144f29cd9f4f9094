import importlib

import pytest
from django.apps import apps

from catalog.examples import EXAMPLES, _frame, add_example
from mlplatform.errors import Conflict


@pytest.mark.parametrize(
    ("name", "rows", "columns"),
    [
        ("iris", 150, 5),
        ("wine", 178, 14),
        ("breast_cancer", 569, 31),
        ("diabetes", 442, 11),
        ("digits", 1797, 65),
    ],
)
def test_every_example_is_a_dataset_with_a_target(admin, name, rows, columns):
    version = add_example(name, by=admin)
    assert (version.dataset.name, version.row_count, version.column_count) == (name, rows, columns)
    assert version.columns[-1]["name"] == "target"
    assert set(EXAMPLES) >= {name}


def test_an_unknown_name_adds_the_iris_table_and_says_so(admin, page, api):
    version = add_example("My Flowers", by=admin)
    assert (version.dataset.name, version.example) == ("my_flowers", "iris")
    assert api.get("/datasets/my_flowers").json()["example"] == "iris"
    assert "example of scikit-learn" in page.get("/catalog/my_flowers/").content.decode()


def test_the_example_is_used_after_other_data_was_added_to_its_dataset(admin, make_dataset):
    example = add_example("wine", by=admin)
    other = make_dataset("wine", new_version=True)
    assert add_example("wine", by=admin) == add_example("wine", by=admin, number=1) == example
    with pytest.raises(Conflict, match="Version 2 of `wine` is not scikit-learn's wine example"):
        add_example("wine", by=admin, number=other.number)


@pytest.mark.parametrize(("name", "example"), [("iris", "iris"), ("garden", "iris")])
def test_a_dataset_with_other_content_is_never_taken_for_an_example(admin, make_dataset, name, example):
    make_dataset(name)
    with pytest.raises(Conflict, match=f"`{name}` is not scikit-learn's {example} example") as caught:
        add_example(name, by=admin)
    assert caught.value.code == "not_an_example"


def test_an_uploaded_copy_of_an_example_is_the_example(admin, make_dataset):
    content = _frame("diabetes").to_csv(index=False)
    uploaded = make_dataset("diabetes", content)
    assert uploaded.example == ""
    assert add_example("diabetes", by=admin) == uploaded
    uploaded.refresh_from_db()
    assert uploaded.example == "diabetes"


def test_the_upgrade_marks_the_examples_that_were_added_before(admin, make_dataset):
    migration = importlib.import_module("catalog.migrations.0004_example_datasets")
    example = make_dataset("mine", filename="iris.csv", description=EXAMPLES["iris"])
    other = make_dataset("iris")
    migration.mark_examples(apps, None)
    example.refresh_from_db()
    other.refresh_from_db()
    assert (example.example, other.example) == ("iris", "")

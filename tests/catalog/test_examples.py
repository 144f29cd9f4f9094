import pytest

from catalog.examples import EXAMPLES, add_example


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


def test_an_unknown_name_adds_the_iris_table(admin):
    assert add_example("My Flowers", by=admin).dataset.name == "my_flowers"


def test_an_existing_dataset_is_used_instead_of_the_example(admin, make_dataset):
    existing = make_dataset("iris")
    assert add_example("iris", by=admin) == existing

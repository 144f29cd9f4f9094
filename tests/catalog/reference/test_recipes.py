"""One parse recipe for all files of a table by reference, or why there is none."""

import pytest

from catalog import files
from catalog.models import DatasetVersion


@pytest.mark.parametrize(
    ("second", "sentence"),
    [
        ("id,price\n3,1\n", "it lacks the columns `city`"),
        ("id,price,city,x\n3,1,Bern,1\n", "it has `x` beside them"),
        ("id,city,price\n3,Bern,1\n", "another order"),
        (
            "id,price,city\na,1,Bern\n",
            "Its column `id` has the type text, and in the files before it integer",
        ),
        ("id;price;city\n3;1;Bern\n", "Its delimiter is `;`, and that of the first file `,`"),
        (
            "id,price,city,\n3,1,Bern,\n",
            "delimiter at the end of each row is present, and that of the first file absent",
        ),
        ("id,price,city\n$3,1,Bern\n$4,1,Bern\n", "The cells of its column `id` are written in another way"),
        ("", "empty"),
        ('{"id": 3}\n', "It is JSON lines, and the first file is CSV"),
    ],
)
def test_a_file_unlike_the_first_one_is_refused_by_name(register, put, second, sentence, failed):
    put("a.csv", "id,price,city\n1,2.5,Bern\n2,3,Basel\n")
    put("b.csv", second)
    error = failed(register())
    assert "/sales/b.csv`: " in error
    assert sentence in error
    assert not DatasetVersion.objects.exists()


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_whole_numbers_with_points_are_not_mixed_with_fractions(register, put, order, failed):
    put(f"{order[0]}.csv", "id;n\n1;1.234.567\n2;2.345\n")
    put(f"{order[1]}.csv", "id;n\n3;1.234\n4;2.5\n")
    assert "The cells of its column `n` are written in another way" in failed(register())


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_a_column_of_whole_numbers_stays_one_if_a_file_has_no_value_in_it(registered, put, order):
    put(f"{order[0]}.csv", "id,n\n1,$5\n2,$6\n")
    put(f"{order[1]}.csv", "id,n\n3,\n4,\n")
    version = registered()
    assert [one["type"] for one in version.columns] == ["integer", "integer"]
    assert files.read_frame(version, columns=["n"])["n"].sum() == 11


def test_a_column_without_values_in_one_file_has_the_type_of_the_others(registered, put):
    put("a.csv", "id,city\n1,\n2,\n")
    put("b.csv", "id,city\n3,Bern\n4,\n")
    put("c.csv", "id,city\n5,\n6,\n")
    put("d.csv", "id,city\n")
    version = registered()
    assert [one["type"] for one in version.columns] == ["integer", "text"]
    assert files.read_frame(version, columns=["city"])["city"].notna().sum() == 1

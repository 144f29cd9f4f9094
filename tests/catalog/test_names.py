import pytest
from django.core.exceptions import ValidationError

from catalog.names import normalize_name


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("My DataSet.csv", "my_dataset"),
        ("sales-2026 (final).csv.gz", "sales_2026_final"),
        ("Café Crème.parquet", "cafe_creme"),
        ("../../etc/passwd", "passwd"),
        ("C:\\data\\Iris.TSV", "iris"),
        ("__a__b__", "a_b"),
        ("v1.2", "v1_2"),
        ("x" * 300, "x" * 100),
    ],
)
def test_a_name_is_what_is_left_of_a_file_name(given, name):
    assert normalize_name(given) == name


@pytest.mark.parametrize("given", ["", "...", "数据集.csv", ".csv", "///", "\x00", "🙂"])
def test_a_name_of_which_nothing_is_left_is_refused(given):
    with pytest.raises(ValidationError, match="no Latin letter"):
        normalize_name(given)


def test_an_address_is_no_name():
    with pytest.raises(ValidationError, match="reserved"):
        normalize_name("Upload.csv")

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
def test_a_name_is_derived_from_a_file_name(given, name):
    assert normalize_name(given) == name


@pytest.mark.parametrize("given", ["", "...", "数据集.csv", ".csv", "///", "\x00", "🙂"])
def test_a_name_without_latin_letters_or_digits_is_rejected(given):
    with pytest.raises(ValidationError, match="at least one Latin letter"):
        normalize_name(given)


def test_a_name_that_is_used_in_urls_is_reserved():
    with pytest.raises(ValidationError, match="reserved"):
        normalize_name("Upload.csv")

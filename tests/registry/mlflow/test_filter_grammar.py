import pytest
from django.core.exceptions import ValidationError

from registry.mlflow.filter_grammar import Comparison, like, parse, parse_order


def parsed(text):
    return parse(text, texts=["name"], numbers=["size"], lists=["name"])


def test_comparisons_are_joined_by_and():
    assert parsed("""name = 'It''s' AND tags."a b" ilike "x%" and size >= 3""") == [
        Comparison("name", "=", "It's"),
        Comparison("a b", "ILIKE", "x%", is_tag=True),
        Comparison("size", ">=", 3),
    ]
    assert parsed("name not  in ('a','b')") == [Comparison("name", "NOT IN", ["a", "b"])]
    assert parsed("  ") == []


@pytest.mark.parametrize(
    "text",
    [
        "name", "name =", "name = 'a' AND", "= 'a'", "name = 'a' name = 'b'", "name IN 'a'", "name IN ('a'",
        "size = 'x'", "size = -3", "size LIKE 3", "size = 3.5",
        "tags.x IN ('a')", "tags.`` = 'a'", "; DROP TABLE x", "\0",
        " AND ".join(["name = 'a'"] * 51), f"name LIKE '{'a' * 501}'",
    ],
)  # fmt: skip
def test_anything_else_is_an_invalid_filter(text):
    with pytest.raises(ValidationError) as raised:
        parsed(text)
    assert raised.value.code == "invalid_filter"


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("", "", True), ("", "%", True), ("a", "", False), ("abc", "a%c", True), ("abc", "a_c", True),
        ("abc", "_bc%", True), ("abc", "ab", False), ("a%c", "a%c", True), ("aXbXc", "a%b%c", True),
        ("aba", "ab%ba", False), ("abba", "ab%ba", True), ("aXYb", "%X_b", True), ("ab", "a%_b", False),
        ("Abc", "abc", False), ("a\nb", "a%b", True), ("a.c", "a.c", True), ("abc", "a.c", False),
    ],
)  # fmt: skip
def test_like_has_two_wildcards(text, pattern, expected):
    assert like(text, pattern) is expected


def test_many_wildcards_take_no_exponential_time():
    assert not like("a" * 5_000, "%a" * 200 + "b")


@pytest.mark.parametrize(
    "pattern", ["%" + "a" * 498 + "b%", "%_" + "a" * 496 + "b%"], ids=["texts", "any character"]
)
def test_a_long_pattern_is_compared_with_the_longest_tag(pattern):
    assert not like("a" * 100_000, pattern)  # in Python's own steps it took 30 seconds


def test_an_order_has_keys_and_directions():
    order = parse_order(["name", "`name` desc", "attribute.name ASC"], keys=["name"])
    assert order == [("name", True), ("name", False), ("name", True)]

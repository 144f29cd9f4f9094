import pytest
from django.core.exceptions import ValidationError

from catalog.models import Dataset
from mlplatform.search.relevance import Match, Query

NAMES = {
    "age": Match.EXACT,
    "age_group": Match.PREFIX,
    "mean_age": Match.WORD,
    "usage": Match.SUBSTRING,
}


@pytest.mark.parametrize("name", NAMES)
def test_sql_and_python_agree_on_the_match_of_a_name(db, name):
    query = Query.parse(" AGE ")
    Dataset.objects.create(name=name)
    assert Dataset.objects.annotate(match=query.match("name")).get().match == NAMES[name]
    assert query.match_of(name) == NAMES[name]


def test_a_name_without_one_of_the_words_does_not_match():
    assert Query.parse("mean age").match_of("mean_height") is None
    assert Query.parse("age mean").match_of("mean_age") == Match.TEXT


def test_words_match_names_with_spaces_and_underscores():
    query = Query.parse("Sepal length")
    assert query.match_of("sepal_length") == query.match_of("sepal length") == Match.EXACT
    assert query.match_of("sepal length (cm)") == Match.PREFIX
    assert query.match_of("log(sepal_length)") == Match.WORD


@pytest.mark.parametrize(
    ("text", "number", "words"),
    [
        ("iris version 3", 3, ("iris",)),
        ("iris V3", 3, ("iris",)),
        ("Version 3", 3, ()),
        ("iris", None, ("iris",)),
        ("2026 v3", None, ("2026", "v3")),
        ("v0 ² 99999999999", None, ("v0", "²", "99999999999")),
    ],
)
def test_a_number_is_split_from_the_words(text, number, words):
    assert Query.parse(text).split_number({"version"}) == (number, Query(words))


def test_a_search_has_at_most_10_words():
    assert len(Query.parse("a " * 10).words) == 10
    with pytest.raises(ValidationError, match="at most 10 words"):
        Query.parse("a " * 11)

import pytest
from django.core.exceptions import ValidationError

from mlplatform.metadata.tags import normalize


def test_tags_are_stored_in_lower_case_sorted_and_once():
    assert normalize(["Zoo", " finance  2026 ", "", "ZOO", "kunden/köln"]) == [
        "finance 2026",
        "kunden/köln",
        "zoo",
    ]


@pytest.mark.parametrize("tag", ["a,b", "-x", "#finance", "😀", "a\x00b", "<b>", "a`b", "x" * 51])
def test_what_is_not_a_tag_is_named(tag):
    with pytest.raises(ValidationError, match=r"is not a tag\. A tag has letters"):
        normalize(["fine", tag])


def test_an_object_has_at_most_20_tags():
    assert len(normalize(map(str, range(20)))) == 20
    with pytest.raises(ValidationError, match="These are 21 tags; the limit is 20"):
        normalize(map(str, range(21)))

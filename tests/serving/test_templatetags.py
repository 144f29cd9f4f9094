import pytest

from serving.templatetags.serving_ui import predicted


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (0.1234567891, "0.12345679"), (3, "3"), ("a", "a")]
)
def test_a_predicted_value_is_rounded(value, text):
    assert predicted(value) == text

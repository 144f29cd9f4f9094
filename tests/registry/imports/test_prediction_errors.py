import pytest
from django.core.exceptions import ValidationError

from registry.estimators.errors import prediction_errors


def sentence_of(error: Exception) -> str:
    with pytest.raises(ValidationError) as caught, prediction_errors("Ridge", code="evaluation_failed"):
        raise error
    assert caught.value.code == "evaluation_failed"
    return caught.value.messages[0]


def test_an_error_of_a_prediction_is_a_sentence_of_one_line():
    text = sentence_of(ValueError("Input X contains NaN.\n\nRidge does not accept missing values."))
    assert text == "Ridge cannot predict these rows: Input X contains NaN."
    assert len(sentence_of(ValueError("long " * 1_000))) < 450


def test_an_error_whose_text_is_only_a_key_is_named():
    assert sentence_of(KeyError("age")) == "Ridge cannot predict these rows: KeyError: 'age'."


def test_errors_of_frameworks_are_for_users_too():
    error = type("LightGBMError", (Exception,), {})("The number of features in data (3) is not the same.")
    assert sentence_of(error).endswith(
        "rows: LightGBMError: The number of features in data (3) is not the same."
    )


@pytest.mark.parametrize("error", [MemoryError(), ValidationError("No row has a value.", code="no_rows")])
def test_other_errors_of_a_prediction_are_raised_as_they_are(error):
    with pytest.raises(type(error)) as caught, prediction_errors("Ridge", code="evaluation_failed"):
        raise error
    assert caught.value is error

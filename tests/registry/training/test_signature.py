"""The signature of a fitted pipeline."""

import pandas

from tests.registry.training.tables import column, fit, numbers


def test_the_signature_has_types_ranges_categories_and_an_example():
    signature = fit().signature
    size, legs, colour, tame, born, nothing = signature["inputs"]
    assert signature["target"] == {"name": "answer", "type": "text"}
    assert (signature["task"], signature["output"]) == ("classification", "class")
    assert signature["classes"] == ["cat", "dog"]
    assert signature["probabilities"] is True
    assert size["min"] < 0 < size["max"]
    assert type(legs["max"]) is int
    assert set(colour["categories"]) == {"red", "blue", "grey"}
    assert tame == {"name": "tame", "type": "boolean", "nullable": False}
    assert born["min"].startswith("196")
    assert (nothing["min"], nothing["max"]) == (None, None)
    missing = [name for name, value in signature["example"].items() if value is None]
    assert missing == ["nothing"]


def test_the_signature_of_a_regressor_has_no_classes():
    signature = fit(numbers(), "number", name="Ridge").signature
    assert (signature["output"], signature["classes"], signature["probabilities"]) == ("number", None, False)


def test_the_signature_lists_the_50_most_frequent_categories():
    frame = pandas.DataFrame({"word": pandas.Series([f"w{i % 60}" for i in range(200)], dtype="str")})
    inputs = fit(frame=frame, columns=[column("word", "text")]).signature["inputs"]
    assert len(inputs[0]["categories"]) == 50

import pytest

from registry.evaluation import findings


def of(test, interval, *, train=0.7, constant=0.6, **more):
    metrics = {"accuracy": test, "intervals": {"accuracy": interval}, "train": {"accuracy": train}}
    metrics["baseline"] = {"strategy": "most_frequent", "accuracy": constant}
    return findings.of_metrics(metrics | more, task="classification")


def test_a_good_model_has_no_finding():
    assert of(0.75, [0.7, 0.8]) == []


def test_a_model_that_is_not_better_than_the_baseline_is_reported():
    [sentence] = of(0.6, [0.5, 0.7])
    assert sentence == (
        "The model is not better than the baseline: Accuracy is 0.6000 on the test rows, and 0.6000 for predicting the "
        "most frequent class for every row."
    )


def test_a_baseline_within_the_interval_is_reported():
    [sentence] = of(0.65, [0.59, 0.7])
    assert "may not be better than the baseline" in sentence
    assert "from 0.5900 to 0.7000, and 0.6000" in sentence


@pytest.mark.parametrize(("train", "count"), [(0.88, 0), (0.91, 1)])
def test_a_score_on_training_rows_far_above_that_on_test_rows_is_reported(train, count):
    assert len(of(0.75, [0.7, 0.8], train=train)) == count


def test_a_lower_error_is_better():
    metrics = {"log_loss": 0.3, "intervals": {"log_loss": [0.2, 0.4]}, "train": {}}
    metrics["baseline"] = {"strategy": "most_frequent", "log_loss": 0.69}
    assert findings.of_metrics(metrics, task="classification", primary="log_loss") == []


def test_a_version_of_an_earlier_release_has_no_finding():
    assert findings.of_metrics({"accuracy": 0.1}, task="classification") == []
    assert findings.of_metrics({}, task="clustering") == []

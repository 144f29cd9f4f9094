"""What the metrics of a version warn of: no better than its baseline, or far better on the rows it was trained on."""

from mlplatform.number_formats import metric as metric_text
from registry.evaluation import baseline, definitions

MIN_GAP = 0.15  # between training and test rows, of a metric that is a share


def of_metrics(metrics: dict, *, task: str, primary: str = "") -> list[str]:
    """Sentences about the metrics, judged by the primary one; none about a version without a baseline."""
    metric = definitions.primary(primary, task=task)
    return [*_beside_baseline(metrics, metric), *_beside_training(metrics, metric, task)]


def _beside_baseline(metrics: dict, metric: definitions.Metric) -> list[str]:
    constant = metrics.get("baseline") or {}
    test, value = metrics.get(metric.name), constant.get(metric.name)
    if test is None or value is None:
        return []
    predicted = f"predicting {baseline.LABELS[constant['strategy']]} for every row"
    if not metric.is_better(test, value):
        return [
            f"The model is not better than the baseline: {_on(metric, test)} on the test rows, and "
            f"{metric_text(value)} for {predicted}."
        ]
    low, high = metrics["intervals"].get(metric.name, (test, test))
    if low <= value <= high:
        return [
            f"The model may not be better than the baseline: {_on(metric, test)} on the test rows, with a 95 % "
            f"interval from {metric_text(low)} to {metric_text(high)}, and {metric_text(value)} for {predicted}."
        ]
    return []


def _beside_training(metrics: dict, metric: definitions.Metric, task: str) -> list[str]:
    """Only of shares: the error of a forest on its training rows is a fraction of that on others, and no fault."""
    metric = metric if metric.is_share else definitions.BY_NAME[definitions.DEFAULT_METRICS[task]]
    test, train = metrics.get(metric.name), (metrics.get("train") or {}).get(metric.name)
    if test is None or train is None:
        return []
    high = metrics["intervals"].get(metric.name, (test, test))[1]
    if train - test < MIN_GAP or train <= high:
        return []
    return [
        f"The model is far better on the rows it was trained on: {_on(metric, train)} on training rows, and "
        f"{metric_text(test)} on the test rows. It may be overfitted: try a simpler model or more rows."
    ]


def _on(metric: definitions.Metric, value: float) -> str:
    return f"{metric.label} is {metric_text(value)}"

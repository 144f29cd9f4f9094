"""The metrics: names, labels, directions and explanations, as pages, the API, filters and the docs use them."""

from dataclasses import dataclass

from django.core.exceptions import ValidationError

HIGHER, LOWER = "higher", "lower"
TOP_K = 3  # of more than TOP_K_ABOVE classes
TOP_K_ABOVE = 5
# The metric that versions of a task are compared by, if the request names no other.
DEFAULT_METRICS = {"classification": "accuracy", "regression": "r2", "clustering": "silhouette_score"}


@dataclass(frozen=True)
class Metric:
    """A number that measures a model; `better` is "higher", "lower" or, of a count, None."""

    name: str
    label: str
    task: str
    better: str | None
    explanation: str
    is_share: bool = False  # from 0, or minus 1, to 1: differences of any two models are comparable

    @property
    def is_higher_better(self) -> bool:
        return self.better == HIGHER

    def is_better(self, value: float, than: float) -> bool:
        return value > than if self.is_higher_better else value < than


METRICS = (
    Metric("accuracy", "Accuracy", "classification", HIGHER, "share of rows predicted correctly", True),
    Metric(
        "balanced_accuracy", "Balanced accuracy", "classification", HIGHER,
        "mean of the recall of each class, so that rare classes count as much as frequent ones", True,
    ),
    Metric("f1_score", "F1", "classification", HIGHER,
           "harmonic mean of precision and recall, weighted by class size", True),
    Metric("precision", "Precision", "classification", HIGHER,
           "share of the predictions of a class that are correct, weighted by class size", True),
    Metric("recall", "Recall", "classification", HIGHER,
           "share of the rows of a class that are predicted correctly, weighted by class size", True),
    Metric("matthews_corrcoef", "MCC", "classification", HIGHER,
           "Matthews correlation of predicted and actual classes: 0 is chance, 1 is perfect", True),
    Metric("roc_auc", "ROC AUC", "classification", HIGHER,
           "chance that a row of a class scores above one of another: 0.5 is chance, 1 is perfect", True),
    Metric("average_precision", "Average precision", "classification", HIGHER,
           "area under the precision-recall curve; chance is the share of the class", True),
    Metric("log_loss", "Log loss", "classification", LOWER,
           "mean negative logarithm of the probability of the actual class"),
    Metric("brier_score", "Brier score", "classification", LOWER,
           "mean squared error of the probabilities: from 0 to 1 for two classes, else to 2"),
    Metric(f"top_{TOP_K}_accuracy", f"Top-{TOP_K} accuracy", "classification", HIGHER,
           f"share of rows whose class is among the {TOP_K} most probable; for more than {TOP_K_ABOVE} classes", True),
    Metric("r2", "R²", "regression", HIGHER,
           "share of the variance that is predicted: 1 is perfect, 0 is the mean", True),
    Metric("rmse", "RMSE", "regression", LOWER, "root of the mean squared error, in units of the target"),
    Metric("mae", "MAE", "regression", LOWER, "mean absolute error, in units of the target"),
    Metric("median_absolute_error", "Median absolute error", "regression", LOWER,
           "half of the rows have a smaller error, in units of the target"),
    Metric("mse", "MSE", "regression", LOWER, "mean squared error, in squared units of the target"),
    Metric("mape", "MAPE", "regression", LOWER,
           "mean absolute error as a share of the actual value; only if no actual value is 0"),
    Metric("smape", "sMAPE", "regression", LOWER,
           "mean absolute error as a share of the mean of actual and predicted value: from 0 to 2"),
    Metric("quantile_loss", "Quantile loss", "regression", LOWER,
           "pinball loss of the quantile that the estimator predicts; only of quantile estimators"),
    Metric("silhouette_score", "Silhouette", "clustering", HIGHER,
           "how much closer rows are to their own cluster than to the next: from −1 to 1", True),
    Metric("davies_bouldin_score", "Davies–Bouldin", "clustering", LOWER,
           "how close clusters are for their size, from 0 up"),
    Metric("n_clusters", "Clusters", "clustering", None, "number of clusters"),
    Metric("n_noise", "Noise", "clustering", None, "rows in no cluster"),
)  # fmt: skip
BY_NAME = {metric.name: metric for metric in METRICS}


def of_task(task: str) -> list[Metric]:
    """The metrics that compare models of a task, in reading order."""
    return [metric for metric in METRICS if metric.task == task and metric.better]


def numbers(metrics: dict) -> dict[str, float]:
    """The metrics of a version that are a number, by name, in reading order; without curves, matrices and intervals."""
    return {name: metrics[name] for name in BY_NAME if metrics.get(name) is not None}


def check_primary(name: object, *, task: str | None) -> None:
    """Raise ValidationError (primary_metric) unless it is None or compares models of the task, if that is known."""
    names = [metric.name for metric in METRICS if metric.better and task in {metric.task, None}]
    if name is not None and name not in names:
        raise ValidationError(f"It must be one of {', '.join(names)}.", code="primary_metric")


def primary(name: str, *, task: str) -> Metric:
    """The primary metric of a version; an earlier release has recorded none."""
    return BY_NAME[name or DEFAULT_METRICS[task]]

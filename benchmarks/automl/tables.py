"""Ten tables from packages, with held-out rows, for benchmarks/automl."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas
from sklearn import datasets

TARGET = "target"


@dataclass(frozen=True)
class Table:
    """A frame with the column `target`, and the metric that its models are compared by."""

    name: str
    frame: pandas.DataFrame
    metric: str

    @property
    def task(self) -> str:
        return "regression" if self.metric == "r2" else "classification"

    def parts(self) -> tuple[pandas.DataFrame, pandas.DataFrame]:
        """Three quarters to train on, and the rows to measure on."""
        order = np.random.default_rng(0).permutation(len(self.frame))
        at = len(order) * 3 // 4
        return self.frame.iloc[order[:at]], self.frame.iloc[order[at:]]


def tables() -> list[Table]:
    return [
        bundled("breast_cancer", datasets.load_breast_cancer, "roc_auc"),
        bundled("wine", datasets.load_wine, "log_loss"),
        bundled("digits", datasets.load_digits, "log_loss"),
        bundled("diabetes", datasets.load_diabetes, "r2"),
        made("hastie", datasets.make_hastie_10_2(6_000, random_state=0), "roc_auc"),
        made("noisy", _classes(5_000, 30, 8, flip_y=0.1), "roc_auc"),
        made("four_classes", _classes(4_000, 20, 10, n_classes=4, class_sep=0.8), "log_loss"),
        made("friedman1", datasets.make_friedman1(3_000, n_features=15, noise=2.0, random_state=0), "r2"),
        made("sparse", datasets.make_sparse_uncorrelated(2_000, n_features=30, random_state=0), "r2"),
        orders(),
    ]


def bundled(name: str, load: Callable, metric: str) -> Table:
    X, y = load(return_X_y=True)
    return made(name, (X, y), metric)


def made(name: str, data: tuple[np.ndarray, np.ndarray], metric: str) -> Table:
    X, y = data
    frame = pandas.DataFrame(X, columns=[f"x{number}" for number in range(X.shape[1])])
    # Words for the classes, so that no reader takes them for numbers.
    frame[TARGET] = y if metric == "r2" else [f"c{int(label) % 100}" for label in y]
    return Table(name, frame, metric)


def _classes(rows: int, columns: int, informative: int, **options) -> tuple[np.ndarray, np.ndarray]:
    return datasets.make_classification(
        rows, columns, n_informative=informative, random_state=0, **{"n_classes": 2} | options
    )


def orders(rows: int = 8_000) -> Table:
    """Categories of unequal size, gaps that tell, skewed amounts and an interaction, as in a shop."""
    chance = np.random.default_rng(0)
    country = chance.choice([f"country {n}" for n in range(40)], rows, p=_shares(40))
    product = chance.choice(["book", "shoe", "phone", "lamp"], rows)
    amount = chance.lognormal(3, 1, rows).round(2)
    age = np.where(chance.random(rows) < 0.2, np.nan, chance.integers(18, 80, rows))
    effect = pandas.Series(country).map(dict(zip(np.unique(country), chance.normal(size=40), strict=False)))
    returned = (
        effect
        + np.log(amount) * np.where(product == "phone", 0.8, -0.2)
        - np.where(np.isnan(age), 1, age / 60)
        + chance.normal(size=rows)
    )
    frame = pandas.DataFrame({"country": country, "product": product, "amount": amount, "age": age})
    frame[TARGET] = np.where(returned > returned.median(), "returned", "kept")
    return Table("orders", frame, "roc_auc")


def _shares(count: int) -> np.ndarray:
    shares = 1 / np.arange(1, count + 1)
    return shares / shares.sum()

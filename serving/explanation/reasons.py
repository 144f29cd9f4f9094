"""Reasons for predictions: what each input column contributes to the prediction of a row."""

import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from django.core.exceptions import ValidationError
from django.db import close_old_connections

from mlplatform.errors import NotReady
from registry.models import Diagnostics, ModelVersion
from serving.engine.encoder import Encoder
from serving.explanation import additive, sampling
from serving.inputs.reader import TypedRows
from serving.model_cache.loader import Model
from serving.models import Verification

MAX_ROWS = 10  # of a request
LIMIT_S = 10  # for all rows of a request
WAIT_S = 2  # for another request for the same model: who waits holds a thread of the server
EDGE_ROWS = 7  # the first golden rows can be so many invented ones
KEPT, KEPT_BYTES = 4, 64 * 1024**2  # explainers in memory, and the size of the largest that is kept
BUSY = "explanation_busy"
SAMPLED = "sampled_shapley"
INDICATOR = "indicator"  # 1 if the row is assigned to the class or cluster, else 0
METHODS = (additive.TREE_SHAP, additive.LINEAR, SAMPLED)
UNITS = (
    additive.PROBABILITY, additive.LOG_ODDS, additive.SCORE, additive.VALUE, additive.LOG_VALUE, INDICATOR,
)  # fmt: skip


@dataclass(frozen=True)
class Reasons:
    """Of one row: base value + contributions = prediction, in the unit of the explanation.

    `predicted` is the class or cluster that they are about, None of a regressor. `standard_errors` are those of
    sampled contributions.
    """

    predicted: object
    base_value: float
    prediction: float
    contributions: dict[str, float]
    standard_errors: dict[str, float] | None = None


@dataclass(frozen=True)
class Explanation:
    method: str
    unit: str
    rows: list[Reasons]


def check_count(count: int) -> None:
    """Raise ValidationError (too_many_rows) if a request has more rows than are explained."""
    if count > MAX_ROWS:
        raise ValidationError(
            f"At most {MAX_ROWS} rows are explained at once; the request has {count:,}. Send fewer rows, or leave out "
            "`explain`.",
            code="too_many_rows",
        )


def explain(model: Model, typed: TypedRows, predictions: list) -> Explanation:
    """The reasons for the predictions of these rows, exact for trees and linear models, else sampled.

    One request at a time for each model. Raises ValidationError (too_many_rows, explanation_timeout), NotReady
    (explanation_busy) if others take too long, and database errors.
    """
    check_count(typed.count)
    with (
        _lock
    ):  # not one of the explainer: to build it can take seconds and 160 MB, and a large one is not kept
        turn = _turns.setdefault(model.version.pk, threading.Lock())
    if not turn.acquire(timeout=WAIT_S):
        raise NotReady(
            "Other predictions of this model are being explained. Send the request again.",
            code=BUSY,
        )
    try:
        return _explainer(model).explain(model, typed, predictions, deadline=time.monotonic() + LIMIT_S)
    finally:
        turn.release()


class Explainer:
    """What the explanations of one model need; it holds no reference to the model, which can be dropped."""

    def __init__(self, model: Model):
        rows, mean = _background(model.version)
        self.names = [column["name"] for column in model.version.signature["inputs"]]
        self.background = model.reader.from_rows(rows)
        self.additive, encoder = None, model.engine.encoder
        if isinstance(encoder, Encoder):
            encoded = encoder(self.background)
            mean = np.array(mean) if len(mean) == encoder.width else encoded.mean(axis=0)
            self.additive = additive.of(model.engine.pipeline["model"], mean, encoded)
            self.sources = np.array(encoder.sources, dtype=np.intp)

    @property
    def nbytes(self) -> int:
        return self.additive.sum.nbytes if self.additive else 0

    def explain(self, model: Model, typed: TypedRows, predictions: list, *, deadline: float) -> Explanation:
        if self.additive:
            return self._exact(model, typed, predictions)
        found, unit = [], ""
        for number, predicted in enumerate(predictions):
            if number and time.monotonic() > deadline:
                raise ValidationError(
                    f"Explaining these rows exceeds the {LIMIT_S}-second limit; {number} of {typed.count} were "
                    "explained. Send fewer rows, or leave out `explain`.",
                    code="explanation_timeout",
                )
            output, unit = _output(model, predicted)
            left = max(deadline - time.monotonic(), 0) / (typed.count - number)
            row = _row(typed, number)
            one = sampling.shapley(output, row, self.background, deadline=time.monotonic() + left)
            errors = dict(zip(self.names, one.standard_errors.tolist(), strict=True))
            found.append(self._reasons(model, predicted, one.base_value, one.contributions, errors))
        return Explanation(SAMPLED, unit, found)

    def _exact(self, model: Model, typed: TypedRows, predictions: list) -> Explanation:
        classes, found = model.version.signature["classes"], []
        for encoded, predicted in zip(model.engine.encoder(typed), predictions, strict=True):
            base, contributions = self.additive.explain(encoded, classes.index(predicted) if classes else 0)
            by_column = np.bincount(self.sources, weights=contributions, minlength=len(self.names))
            found.append(self._reasons(model, predicted, base, by_column))
        return Explanation(self.additive.method, self.additive.unit, found)

    def _reasons(
        self, model: Model, predicted, base: float, contributions: np.ndarray, errors=None
    ) -> Reasons:
        is_regression = model.version.task == "regression"
        values = contributions.tolist()
        return Reasons(
            None if is_regression else predicted,
            float(base),
            float(base) + sum(values),
            dict(zip(self.names, values, strict=True)),
            errors,
        )


_explainers: OrderedDict[int, tuple[weakref.ref, Explainer]] = OrderedDict()
_turns: dict[int, threading.Lock] = {}  # by version, 100 bytes each
_lock = threading.Lock()


def _explainer(model: Model) -> Explainer:
    """The explainer of a model: a kept one, or a new one."""
    with _lock:
        kept, explainer = _explainers.get(model.version.pk, (lambda: None, None))
        if kept() is model:
            _explainers.move_to_end(model.version.pk)
            return explainer
    explainer = Explainer(model)
    if explainer.nbytes <= KEPT_BYTES:
        with _lock:
            _explainers[model.version.pk] = weakref.ref(model), explainer
            while len(_explainers) > KEPT:
                _explainers.popitem(last=False)
    return explainer


def _background(version: ModelVersion) -> tuple[list[list], list[float]]:
    """Rows to compare with, and the mean of each encoded column over the training rows if it is known.

    Training rows of the diagnostics, else held-out rows among the golden rows, else the example of the signature.
    """
    close_old_connections()  # the fast path has no request signals
    stored = Diagnostics.objects.filter(pk=version.pk).values_list("background", flat=True).first()
    if stored and stored["rows"]:
        return stored["rows"], stored["means"] or []
    golden = Verification.objects.filter(pk=version.pk).values_list("golden_rows", flat=True).first() or []
    example = [version.signature["example"][column["name"]] for column in version.signature["inputs"]]
    return golden[EDGE_ROWS:] or [example], []


def _row(typed: TypedRows, number: int) -> TypedRows:
    part = slice(number, number + 1)
    text = [values[part] for values in typed.text]
    return TypedRows(typed.inputs, 1, typed.numbers[part], typed.dates[part], text)


def _output(model: Model, predicted) -> tuple[Callable[[TypedRows], np.ndarray], str]:
    """The number that is explained, as a function of rows, and its unit."""
    engine, signature = model.engine, model.version.signature
    if model.version.task == "regression":
        return lambda rows: engine.predict(rows)[0].astype(float), additive.VALUE
    classes = signature["classes"] or []
    place = classes.index(predicted) if predicted in classes else None
    if place is not None and signature["probabilities"]:
        return lambda rows: engine.predict(rows, probabilities=True)[1][:, place], additive.PROBABILITY
    if place is not None and len(classes) == 2 and hasattr(engine.pipeline, "decision_function"):
        sign = 2 * place - 1
        return lambda rows: sign * engine.pipeline.decision_function(rows.to_frame()), additive.SCORE
    return lambda rows: (engine.predict(rows)[0] == predicted).astype(float), INDICATOR

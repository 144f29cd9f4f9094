"""The folds of the training rows, prepared once for all trials that need the same numbers. No Django models."""

import time
from dataclasses import dataclass, replace

import numpy as np
from django.core.exceptions import ValidationError

from registry.estimators import algorithms, decision, errors, threads, wrappers
from registry.estimators.frameworks import extras, fitting
from registry.search import time_limit
from registry.search.objective import Objective, Outputs
from registry.search.time_limit import Crashed, call_in_process, is_iterative, limited
from registry.training import pipelines, preparation, preprocessing
from registry.training.cross_validation import Folds as Positions
from registry.training.preparation import Requirements
from registry.training.request import TrainingRequest
from registry.training.splits import Split

FEW_ROWS = 5_000  # for which threads cost more than they save


@dataclass(frozen=True)
class Measured:
    """A candidate on one fold, and the seconds that it took."""

    score: float
    outputs: Outputs | None
    seconds: float


class Folds:
    """Fits and predicts candidates on the folds. Prepared folds are kept up to `max_bytes`."""

    def __init__(
        self,
        split: Split,
        positions: Positions,
        *,
        inputs: list[dict],
        task: str,
        max_bytes: float,
    ):
        self.train, self.y, self.weights, self.positions = (
            split.train,
            split.y_train,
            split.weights_train,
            positions,
        )
        self.groups, self.are_groups_required = split.held_together, split.groups is not None
        self.is_in_time = split.times is not None
        self.inputs, self.task, self.max_bytes = inputs, task, max_bytes
        self.classes = np.unique(split.y_train).tolist() if task == "classification" else None
        self._choices: dict[tuple, list] = {}
        self._prepared: dict[tuple, tuple[np.ndarray, np.ndarray]] = {}
        self._bytes = 0

    def __len__(self):
        return len(self.positions)

    def tested(self, fold: int) -> np.ndarray:
        """The targets of the rows that a fold is tested on."""
        return self.y[self.positions[fold][1]]

    def _groups_of(self, rows: np.ndarray) -> np.ndarray | None:
        return None if self.groups is None else self.groups[rows]

    def __getstate__(self) -> dict:
        """For another process, which prepares them itself."""
        return self.__dict__ | {"_choices": {}, "_prepared": {}, "_bytes": 0}

    def measure(
        self, candidate: TrainingRequest, fold: int, objective: Objective, *, limit_s: float | None = None
    ) -> Measured:
        """Fit and score a candidate. Raises TimeIsOver, and ValidationError for what a user can change."""
        started = time.monotonic()
        outputs = self._outputs_in_time(candidate, fold, limit_s)
        with errors.as_validation_errors(candidate.algorithm, []):
            score = objective.score(self.tested(fold), outputs)
        return Measured(score, outputs, time.monotonic() - started)

    def _outputs_in_time(self, candidate: TrainingRequest, fold: int, limit_s: float | None) -> Outputs:
        """A fit that no signal interrupts runs in a process, if there are rows enough to wait for it."""

        def fitted() -> Outputs:
            with errors.as_validation_errors(candidate.algorithm, []):
                return self.outputs(candidate, fold)

        started = time.monotonic()
        is_short = len(self.y) <= time_limit.FEW_ROWS or is_iterative(candidate.algorithm.name)
        with limited(limit_s):
            if limit_s is None or is_short:
                return fitted()
            with errors.as_validation_errors(candidate.algorithm, []):
                self.prepare(candidate, fold)  # here, for the trials that need the same numbers
        try:
            return call_in_process(fitted, limit_s=limit_s - (time.monotonic() - started))
        except Crashed as error:
            name = candidate.algorithm.name
            raise ValidationError(f"{name} could not be fitted: {error}", code="fit_failed") from error

    def outputs(self, candidate: TrainingRequest, fold: int) -> Outputs:
        """Fit a candidate on the training rows of a fold, and predict its test rows.

        Raises what the estimator raises, and ValidationError for a preparation that is not possible.
        """
        train, test = self.positions[fold]
        y = self.y[train]
        if candidate.algorithm.is_ensemble:
            split = Split(self.train.iloc[train], self.train.iloc[test], y, self.y[test])
            model, _ = pipelines.prepare_pipeline(split, inputs=self.inputs, request=candidate)
            with preprocessing.cross_fitted_by(model, y, self._groups_of(train)):
                fitting.fit_pipeline(model, split.train, y)
            return self._predicted(model, split.test)
        estimator, X_train, X_test = self.prepare(candidate, fold)
        X_train, X_test = (fitting.as_cells(estimator, X) for X in (X_train, X_test))
        model = self._with_decision(estimator, candidate, train)
        jobs = model is estimator and len(y) > FEW_ROWS and _use_all_cores(estimator)
        weights = None if self.weights is None else self.weights[train]
        options = {
            "groups": self._groups_of(train),
            "is_in_time": self.is_in_time,
            "seed": candidate.random_state,
        }
        fitting.fit(model, X_train, y, weights, **options)
        if jobs:  # the order in which threads add the predictions of trees rounds the sum
            estimator.set_params(n_jobs=None)
        return self._predicted(model, X_test)

    def prepare(self, candidate: TrainingRequest, fold: int) -> tuple[object, np.ndarray, np.ndarray]:
        """The unfitted estimator of a candidate, and the numbers of the training and the test rows of a fold for it."""
        params = pipelines.with_typed_class_weights(candidate.params, self.y[self.positions[fold][0]])
        estimator = algorithms.build(candidate.algorithm, params, candidate.random_state)
        return estimator, *self._arrays(estimator, fold, candidate.prepare)

    def _with_decision(self, estimator, candidate: TrainingRequest, rows: np.ndarray):
        if self.classes is None:
            return wrappers.with_labels(estimator)
        y, groups = self.y[rows], self._groups_of(rows)
        model = decision.wrap(estimator, y, threshold=candidate.threshold, calibration=candidate.calibration)
        decision.divide(
            model,
            y,
            groups=groups,
            are_required=self.are_groups_required,
            random_state=candidate.random_state,
        )
        return model

    def _predicted(self, model, X) -> Outputs:
        predicted = np.ravel(model.predict(X))
        if self.classes is None:
            return Outputs(predicted)
        if hasattr(model, "predict_proba"):
            return Outputs(predicted, probabilities=self._of_all_classes(model, model.predict_proba(X), 0))
        if hasattr(model, "decision_function"):
            decision = model.decision_function(X)
            return Outputs(
                predicted, decision=decision if decision.ndim == 1 else self._of_all_classes(model, decision)
            )
        return Outputs(predicted)

    def _of_all_classes(self, model, scores: np.ndarray, missing: float = -np.inf) -> np.ndarray:
        """The scores with a column for each class, also for those that the training rows of the fold lack."""
        known = model.classes_.tolist()
        if known == self.classes or scores.shape[1] != len(known):
            return scores
        columns = [self.classes.index(label) for label in known]
        complete = np.full((len(scores), len(self.classes)), float(missing))
        complete[:, columns] = scores
        return complete

    def _arrays(self, estimator, fold: int, requested: dict) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of the training and the test rows for this estimator."""
        key = self._key(estimator)
        if key not in self._choices:
            self._choices[key] = preparation.choose(
                self.inputs,
                self.train,
                estimator,
                y=self.y,
                task=self.task,
                requested=requested,
                groups=self.groups,
            )
        # It also tells the estimator which columns are categories.
        transformer = preprocessing.column_transformer(self._choices[key], estimator, task=self.task)
        if (key, fold) in self._prepared:
            return self._prepared[key, fold]
        train, test = self.positions[fold]
        with preprocessing.cross_fitted_by(transformer, self.y[train], self._groups_of(train)):
            fitted = transformer.fit_transform(self.train.iloc[train], self.y[train])
        arrays = fitted, transformer.transform(self.train.iloc[test])
        size = sum(array.nbytes for array in arrays)
        if self._bytes + size <= self.max_bytes:
            self._prepared[key, fold] = arrays
            self._bytes += size
        return arrays

    @staticmethod
    def _key(estimator) -> tuple:
        """What the preparation depends on, apart from the rows."""
        from sklearn.utils import get_tags

        requirements = replace(Requirements.of(estimator), name="")
        return requirements, get_tags(estimator).input_tags.categorical


def _use_all_cores(estimator) -> bool:
    """Fit forests and the like on every core, which gives the same model. Says if it does."""
    params = estimator.get_params(deep=False)
    if params.get("n_jobs", 1) is not None or not params.get("n_estimators"):
        return False
    if extras.of_estimator(estimator):  # fitting.py sets its threads
        return False
    estimator.set_params(n_jobs=threads.cores())
    return True

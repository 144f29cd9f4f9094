"""What a training group tries, as the API and stored jobs share it."""

import dataclasses
from dataclasses import dataclass, field

from registry.training.request import TrainingRequest

TASKS = ("classification", "regression")
MAX_MODELS = 20
METHODS = {"tpe": "TPE", "random": "random", "halving": "successive halving"}
USUAL_TRIALS = 50
MAX_TRIALS = 500
USUAL_BUDGET_S = 300  # of an automatic group
# By the number of training rows: a mean of fewer folds is as exact with more rows.
FOLDS = ((20_000, 5), (200_000, 3))
FEWEST_FOLDS = 2


@dataclass(frozen=True)
class GroupPlan:
    """The options of a group. `base` has what all its trainings share, and for a search the algorithm.

    Exactly one of `models`, `ranges` and `is_auto` says what to try.
    """

    base: TrainingRequest
    models: tuple[dict, ...] = ()  # of module, class, params
    ranges: dict = field(default_factory=dict)  # by parameter, see space.py
    is_auto: bool = False
    task: str | None = None  # of an automatic group
    method: str = "tpe"
    n_trials: int | None = None
    time_budget_s: int | None = None
    metric: str | None = None
    keep: str = "best"

    @property
    def kind(self) -> str:
        return "auto" if self.is_auto else "models" if self.models else "search"

    @property
    def first_request(self) -> TrainingRequest:
        """A training of the group, which has its task and its rows."""
        return self.first_requests[0]

    @property
    def first_requests(self) -> list[TrainingRequest]:
        """The trainings that are known before the group has run, with its folds: one if it searches."""
        if self.models:
            folds = {"cv": self.base.cv, "cv_repeats": self.base.cv_repeats}
            return [dataclasses.replace(self.candidate(model), **folds) for model in self.models]
        if self.is_auto:
            kind = {"classification": "Classifier", "regression": "Regressor"}[self.task]
            name = f"HistGradientBoosting{kind}"
            return [dataclasses.replace(self.base, module="ensemble", class_name=name)]
        return [self.base]

    def folds(self, rows: int) -> int:
        """The folds that measure a trial on this number of training rows."""
        return self.base.cv or next((folds for limit, folds in FOLDS if rows <= limit), FEWEST_FOLDS)

    def candidate(self, model: dict) -> TrainingRequest:
        """The training of one candidate with everything that the group shares."""
        return dataclasses.replace(
            self.base,
            module=model["module"],
            class_name=model["class"],
            params=model.get("params", {}),
            cv=None,  # the trial has measured its folds
            cv_repeats=1,
        )

    def to_dict(self) -> dict:
        """The plan as its job stores it: the body of `POST /train` with all defaults filled in."""
        shared = self.base.to_dict()
        limits = {"time_budget_s": self.time_budget_s, "metric": self.metric}
        if self.kind == "search":
            search = {"params": self.ranges, "method": self.method, "n_trials": self.n_trials} | limits
            return shared | {"search": search, "keep": self.keep}
        del shared["model"]
        if self.kind == "auto":
            auto = {"task": self.task, "n_trials": self.n_trials} | limits
            return shared | {"auto": auto, "keep": self.keep}
        return shared | {"models": list(self.models), "keep": self.keep} | limits

    @classmethod
    def from_dict(cls, data: dict) -> "GroupPlan":
        """The plan of a job, or of the body of `POST /train`: an absent key means its default."""
        models = data.get("models") or ()
        options = data.get("search") or data.get("auto") or data
        model = data.get("model") or {"module": "", "class": ""}
        names = ("method", "n_trials", "time_budget_s", "metric", "task")
        values = {name: options[name] for name in names if options.get(name) is not None}
        return cls(
            TrainingRequest.from_dict(data | {"model": model}),
            models=tuple({"params": {}} | dict(one) for one in models),
            ranges=options.get("params", {}) if data.get("search") else {},
            is_auto=data.get("auto") is not None,
            keep=data.get("keep", cls.keep),
            **values,
        )


def is_group(data: dict) -> bool:
    """Whether the body of `POST /train`, or the request of a job, is that of a group."""
    return any(data.get(name) is not None for name in ("models", "search", "auto"))

"""The training request, as forms, the API and stored jobs share it."""

from dataclasses import dataclass, field, replace

from registry.estimators import algorithms
from registry.training import split_methods

AUTOMATIC = "\0"  # no target was given: choose one by the column names. No column can have this name

# The key of each field in the body of `POST /train` and in a stored job.
KEYS = {
    "target": "target_column",
    "features": "features",
    "test_size": "test_size",
    "random_state": "random_state",
    "description": "description",
    "timeout_s": "timeout_s",
    "prepare": "prepare",
    "split": "split",
    "primary_metric": "primary_metric",
    "threshold": "threshold",
    "calibration": "calibration",
    "cv": "cv",
    "cv_repeats": "cv_repeats",
    "sample_weight": "sample_weight",
    "refit": "refit",
    "in_passes": "in_passes",
}


@dataclass(frozen=True)
class TrainingRequest:
    """The algorithm, columns and options of a training, before or after its defaults are filled in."""

    module: str
    class_name: str
    params: dict = field(default_factory=dict)
    target: str | None = AUTOMATIC
    features: list[str] | None = None
    test_size: float = 0.2
    random_state: int | None = 42
    description: str = ""
    timeout_s: int | None = None
    prepare: dict[str, str] = field(default_factory=dict)
    split: dict = field(default_factory=split_methods.usual)
    primary_metric: str | None = None  # to compare versions by; None means the default of the task
    threshold: float | dict | None = None  # see decision.check_threshold
    calibration: str | None = None
    cv: int | None = None
    cv_repeats: int = 1
    sample_weight: str | None = None
    refit: bool = False
    in_passes: bool = False  # since its table does not fit in memory; set when it is submitted

    @property
    def algorithm(self) -> algorithms.Algorithm:
        """Raises ValidationError (unknown_algorithm)."""
        return algorithms.get(self.module, self.class_name)

    @property
    def task(self) -> str:
        return self.algorithm.task

    @property
    def reserved(self) -> set[str]:
        """The columns that are no features unless they are named."""
        return split_methods.reserved(self.split, sample_weight=self.sample_weight)

    @property
    def fits(self) -> float:
        """How many fits on the training rows take as long as its fit, its folds and its refit."""
        return 1 + (self.cv_repeats * (self.cv - 1) if self.cv else 0) + self.refit

    @property
    def uses_test_size(self) -> bool:
        return self.split["method"] in ("random", "time", "group")

    @property
    def row_columns(self) -> list[str]:
        """The columns that say what to do with a row."""
        names = (split_methods.column_of(self.split), self.sample_weight)
        return [name for name in dict.fromkeys(names) if name is not None]

    @property
    def columns(self) -> list[str]:
        """The columns that a resolved request reads."""
        names = [*self.features, self.target, *self.row_columns]
        return [name for name in dict.fromkeys(names) if name is not None]

    def ensemble_members(self) -> list["TrainingRequest"]:
        """The trainings that an ensemble combines."""
        return [
            replace(self, module=one["module"], class_name=one["class"], params=one.get("params", {}))
            for one in self.params["members"]
        ]

    def to_dict(self) -> dict:
        """The request as a job stores it; `timeout_s` is not part of it but a column of the job."""
        request = {
            "model": {"module": self.module, "class": self.class_name, "params": self.params},
            "target_column": self.target,
            "features": self.features,
            "test_size": self.test_size,
            "random_state": self.random_state,
            "description": self.description,
            "prepare": self.prepare,
            "split": self.split,
            "primary_metric": self.primary_metric,
            "threshold": self.threshold,
            "calibration": self.calibration,
            "cv": self.cv,
            "cv_repeats": self.cv_repeats,
            "sample_weight": self.sample_weight,
            "refit": self.refit,
        }
        return request | ({"in_passes": True} if self.in_passes else {})

    @classmethod
    def from_dict(cls, data: dict) -> "TrainingRequest":
        """The request of a job, or of the body of `POST /train`: an absent key means its default."""
        values = {name: data[key] for name, key in KEYS.items() if key in data}
        model = data["model"]
        return cls(model["module"], model["class"], model.get("params", {}), **values)

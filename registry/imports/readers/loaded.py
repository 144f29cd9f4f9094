"""What is read from a model file."""

from dataclasses import dataclass, field

# How a model takes its rows: as a frame, by the names of columns; as an array; as an array of numbers.
FRAME, ARRAY, NUMBERS = "frame", "array", "numbers"


@dataclass
class Loaded:
    """A fitted estimator in the interface of scikit-learn, and what its file says of itself.

    `names` are those of its input columns, if it knows them, and `count` is how many there are.
    """

    estimator: object
    cells: str
    names: list[str] | None = None
    count: int | None = None
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def of_sklearn(cls, estimator, warnings: list[str]) -> "Loaded":
        names = getattr(estimator, "feature_names_in_", None)
        names = None if names is None else [str(name) for name in names]
        count = getattr(estimator, "n_features_in_", None)
        return cls(estimator, ARRAY if names is None else FRAME, names, count, warnings)

"""What is read from a model file."""

from dataclasses import dataclass, field


@dataclass
class Loaded:
    """A fitted estimator in the interface of scikit-learn, and what its file says of itself.

    `columns` are the names of its input columns, if it knows them, and `width` is how many there are. With
    `takes_frame`, it predicts frames by column name, else arrays.
    """

    estimator: object
    warnings: list[str] = field(default_factory=list)

    @property
    def columns(self) -> list[str] | None:
        names = getattr(self.estimator, "feature_names_in_", None)
        return None if names is None else [str(name) for name in names]

    @property
    def width(self) -> int | None:
        return getattr(self.estimator, "n_features_in_", None)

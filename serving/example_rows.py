"""Rows of a table to try a model with: its inputs, and the actual value that the model should predict."""

import logging
import secrets
from dataclasses import dataclass

from catalog.exploration import rows
from mlplatform.errors import NotFound, NotReady
from registry.models import ModelVersion
from registry.training import signature
from registry.training.columns import boolean_words

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExampleRow:
    """A row of the dataset version that a model was trained on; `number` counts from 1."""

    number: int
    inputs: dict
    actual: object  # None for a clusterer, and if it is missing

    @property
    def has_actual(self) -> bool:
        return self.actual is not None

    def is_correct(self, prediction: object) -> bool:
        """Whether the prediction is the actual class."""
        return str(prediction) == str(self.actual)

    def error_of(self, prediction: object) -> float | None:
        """The prediction minus the actual number; None if either is no number."""
        if all(isinstance(value, int | float) for value in (prediction, self.actual)):
            return prediction - self.actual
        return None


def numbered(model: ModelVersion, number: int | None) -> ExampleRow | None:
    """A row of the table, the first for None. Raises NotFound for a row that the table does not have.

    None if the table cannot be read now: the form then has the example of the signature.
    """
    source, number = model.dataset_version, 1 if number is None else number
    if not 1 <= number <= source.row_count:
        raise NotFound(
            f"`{model.dataset.name}` version {source.number} has {source.row_count:,} rows; there is no row {number}.",
            code="row_not_found",
        )
    names = [column["name"] for column in model.signature["inputs"]]
    target = None if model.task == "clustering" else model.target
    try:
        values = rows.one(source, number - 1, [*names, *([target] if target else [])])
    except NotReady as error:
        logger.warning("no row to try %s with: %s", model, error.messages[0])
        return None
    actual = values.get(target)
    if model.task == "classification":  # whose classes are the words of the file
        [column] = [one for one in signature.columns_of(source.recipe) if one["name"] == target]
        actual = boolean_words(column).get(actual, actual) if isinstance(actual, bool) else actual
    return ExampleRow(number, {name: values[name] for name in names}, actual)


def another(model: ModelVersion, row: ExampleRow) -> int | None:
    """The number of another row, at random; None if there is none."""
    others = model.dataset_version.row_count - 1
    return (row.number + secrets.randbelow(others)) % (others + 1) + 1 if others else None

"""Model names of the protocols that address a model by one word: `my_dataset`, `my_dataset@staging`."""

from mlplatform.errors import NotFound
from mlplatform.validation import integers
from registry.models import Stage

DEFAULT_STAGE = Stage.PRODUCTION


def resolve(model: str, version: str | None = None) -> tuple[str, str | None, int | None]:
    """The dataset, stage and version number that a model name and version refer to.

    A name alone is the production release; a version is that version in any stage. Raises NotFound if the stage does
    not exist or the version is not a number.
    """
    dataset, at, stage = model.partition("@")
    if at and stage not in Stage.values:
        raise NotFound(Stage.unknown(stage), code="unknown_stage")
    if version is None:
        return dataset, stage if at else DEFAULT_STAGE, None
    number = integers.parse(version)
    if number is None:
        raise NotFound(f"`{dataset[:100]}` has no version `{version[:50]}`.", code="no_live_model")
    return dataset, stage if at else None, number

"""How protocols that have one word for a model name ours: `my_dataset`, `my_dataset@staging`."""

from mlplatform.errors import NotFound
from registry.models import Stage

DEFAULT = Stage.PRODUCTION


def named(model: str, version: str | None = None) -> tuple[str, str | None, int | None]:
    """Dataset, stage and version number: a name is its production release, a version is itself wherever it is live.

    Raises NotFound for a version that is no number and for a stage that does not exist: no model is called so.
    """
    dataset, at, stage = model.partition("@")
    if at and stage not in Stage.values:
        raise NotFound(
            f"There is no stage `{stage[:50]}`: it is dev, staging or production.", code="unknown_stage"
        )
    if version is None:
        return dataset, stage if at else DEFAULT, None
    if not (version.isascii() and version.isdigit() and 0 < len(version) < 10):
        raise NotFound(f"`{dataset[:100]}` has no version `{version[:50]}`.", code="no_live_model")
    return dataset, stage if at else None, int(version)

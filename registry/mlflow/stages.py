"""MLflow's stages and aliases as ours. Translation only: promotion.py has the rules and checks the permissions.

The highest stage in which a version is live is its stage in MLflow; dev is `None` there. Each stage is an alias too,
and `champion` is production. Any other alias is a label without a release.
"""

from django.core.exceptions import ValidationError

from catalog.models import Dataset
from mlplatform.auth import permissions
from mlplatform.errors import Conflict, NotFound
from registry import labels
from registry.models import ModelVersion, Release, Stage
from registry.releases import history, promotion

NONE, STAGING, PRODUCTION, ARCHIVED = ALL = ("None", "Staging", "Production", "Archived")
RELEASED = {STAGING: Stage.STAGING, PRODUCTION: Stage.PRODUCTION}
ALIASES = {
    "dev": Stage.DEV,
    "staging": Stage.STAGING,
    "production": Stage.PRODUCTION,
    "champion": Stage.PRODUCTION,
}
LATEST = "latest"


def parse(text: str) -> str:
    """One of ALL, in any case. Raises ValidationError."""
    for stage in ALL:
        if text.lower() == stage.lower():
            return stage
    raise ValidationError(
        f"Invalid Model Version stage: {text[:50]}. Value must be one of {', '.join(ALL)}.",
        code="unknown_stage",
    )


def current(live: list[str], reached: str) -> str:
    """The stage of a version by the stages in which it is live, and the highest in which it ever was."""
    for name, stage in reversed(RELEASED.items()):
        if stage in live:
            return name
    return NONE if reached == Stage.DEV else ARCHIVED


def aliases_of(version: ModelVersion) -> list[str]:
    """Its aliases, sorted. Uses prefetched releases and aliases."""
    live = version.live_stages
    of_stages = [name for name, stage in ALIASES.items() if stage in live]
    return sorted({*of_stages, *(alias.name for alias in version.aliases.all())})


def transition(version: ModelVersion, *, stage: str, by) -> None:
    """Promote a version to Staging or Production; Archived retires the stages above dev in which it is live."""
    stage = parse(stage)
    if stage in RELEASED:
        _promote(version, RELEASED[stage], by)
    elif stage == ARCHIVED:
        _archive(version, by)
    elif current(version.live_stages, version.reached) != NONE:
        raise ValidationError(
            f"Version {version.number} was live above dev, so its stage cannot be None again. Archived retires it.",
            code="unknown_stage",
        )


def set_alias(version: ModelVersion, *, alias: str, by) -> None:
    """Release a version by the alias of a stage, or give it any other alias."""
    stage = ALIASES.get(alias.lower())
    if stage is None:
        labels.set_alias(version, alias=alias, by=by)
    elif stage != Stage.DEV:
        _promote(version, stage, by)
    elif stage in version.live_stages:
        permissions.check_release(by, stage)
    else:
        promotion.rollback(version.dataset, stage=stage, by=by, to_version=version.number)


def delete_alias(dataset: Dataset, *, alias: str, by) -> None:
    """Retire a stage by its alias, or delete any other; one that is not there is no error."""
    stage = ALIASES.get(alias.lower())
    if stage is None:
        labels.delete_alias(dataset, alias=alias, by=by)
        return
    try:
        promotion.retire(dataset, stage=stage, by=by)
    except (Conflict, NotFound) as error:
        if error.code not in {"already_retired", "no_live_model"}:
            raise


def resolve(dataset: Dataset, alias: str) -> int:
    """The number of the version that an alias names. Raises ValidationError, as MLflow does, if it names none."""
    if alias.lower() == LATEST:
        found = dataset.model_versions.order_by("-number").values_list("number", flat=True).first()
    elif stage := ALIASES.get(alias.lower()):
        live = history.live_release(dataset, stage)
        found = live and live.number
    else:
        found = dataset.aliases.filter(name=alias).values_list("model_version__number", flat=True).first()
    if found is None:
        sentence = f"Registered model alias {alias[:50]} not found."
        if ALIASES.get(alias.lower()):
            sentence += f" {history.nothing_live(dataset, ALIASES[alias.lower()])}"
        raise ValidationError(sentence, code="alias_not_found")
    return found


def _promote(version: ModelVersion, stage: Stage, by) -> None:
    """MLflow's calls can be repeated: a version that is live there already stays."""
    if stage in version.live_stages:
        permissions.check_release(by, stage)
        return
    try:
        promotion.promote(version, stage=stage, by=by, comment="By MLflow's API.")
    except ValidationError:
        if not Release.objects.live().filter(model_version=version, stage=stage).exists():
            raise  # otherwise the same call, at the same time, has done it


def _archive(version: ModelVersion, by) -> None:
    live = [stage for stage in RELEASED.values() if stage in version.live_stages]
    if not live and version.reached == Stage.DEV:
        raise ValidationError(
            f"Version {version.number} was never live in staging or production, so there is nothing to archive.",
            code="not_released",
        )
    for stage in reversed(live):
        promotion.retire(version.dataset, stage=stage, by=by, expected_live=version.number)

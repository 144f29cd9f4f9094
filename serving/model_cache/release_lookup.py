"""Which release answers a request: the queries behind the model cache."""

from django.core.exceptions import ValidationError

from catalog.models import Dataset
from catalog.names import normalize_name
from mlplatform.errors import NotFound
from registry.models import Release, Stage
from registry.releases import history


def normalized(name: str) -> str:
    """The dataset name that is meant. Raises NotFound for a name that no dataset can have."""
    try:
        return normalize_name(name)
    except ValidationError:
        Dataset.objects.named(name)  # raises NotFound with its sentence
        raise


def find_release(
    dataset: str, stage: str | None, version: int | None, *, current: Release | None = None
) -> Release:
    """The live release of a stage; with `version`, the newest one of that version in the stage, live or ended.

    With `version`, the stage can be None: any. A stage that is retired answers nothing. Returns `current` itself if it
    is still the one, which takes one small query. Raises ValidationError for an unknown stage and NotFound if there is
    no such release.
    """
    if stage not in Stage.values and (stage or version is None):
        raise ValidationError(Stage.unknown(stage), code="unknown_stage")
    releases = Release.objects.filter(dataset__name=dataset)
    if version is None:
        releases = releases.filter(stage=stage).live()
    else:
        releases = releases.filter(number=version, model_version__isnull=False)
        releases = (
            releases.with_stage_is_live().filter(stage=stage, stage_is_live=True) if stage else releases
        )
    if current and releases.values_list("pk", flat=True).first() == current.pk:
        return current
    if release := releases.with_versions().first():
        return release
    raise NotFound(_reason(Dataset.objects.named(dataset), stage, version), code="no_live_model")


def _reason(dataset: Dataset, stage: str | None, version: int | None) -> str:
    if version is None:
        return history.nothing_live(dataset, stage)
    releases = dataset.releases.filter(number=version)
    if releases.filter(model_version=None).exists():
        return f"Version {version} of `{dataset.name}` was deleted."
    if stage and releases.filter(stage=stage).exists():
        return history.nothing_live(dataset, stage)
    return f"Version {version} of `{dataset.name}` was never live{f' in {stage}' if stage else ''}."

"""Which release answers a request: the queries behind the model cache."""

from django.core.exceptions import ValidationError

from catalog.models import Dataset
from catalog.names import normalize_name
from mlplatform.errors import NotFound
from registry.models import Release, Stage


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

    With `version`, the stage can be None: any. Returns `current` itself if it is still the one, which takes one small
    query. Raises ValidationError for an unknown stage and NotFound if there is no such release.
    """
    if stage not in Stage.values and (stage or version is None):
        raise ValidationError(Stage.unknown(stage), code="unknown_stage")
    releases = Release.objects.filter(dataset__name=dataset)
    releases = releases.filter(stage=stage) if stage else releases
    releases = releases.live() if version is None else releases.filter(model_version__number=version)
    if current and releases.values_list("pk", flat=True).first() == current.pk:
        return current
    if release := releases.with_versions().first():
        return release
    name = Dataset.objects.named(dataset).name
    if version is None:
        sentence = f"No version of `{name}` is live in {stage}. Promote one first."
    else:
        sentence = f"Version {version} of `{name}` was never live{f' in {stage}' if stage else ''}."
    raise NotFound(sentence, code="no_live_model")

"""System checks of the settings of serving."""

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ValidationError

from catalog.names import normalize_name
from mlplatform.system_checks import TAG
from serving.protocols import naming


@register(TAG)
def invocations_model(app_configs, **kwargs) -> list[CheckMessage]:
    """INVOCATIONS_MODEL can be the name of a model: otherwise every request would be a 404."""
    model = settings.INVOCATIONS_MODEL
    try:
        if not model or normalize_name(dataset := naming.resolve(model)[0]) == dataset:
            return []
    except ValidationError:
        pass  # neither a stage nor a name
    return [
        Error(
            f"INVOCATIONS_MODEL={model!r} is not the name of a model.",
            hint="Set it to the name of a dataset, which means its production release, or to a dataset and a stage: "
            "my_dataset@dev, my_dataset@staging or my_dataset@production.",
            id="serving.E001",
        )
    ]

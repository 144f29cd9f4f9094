"""Settings that are right one by one and wrong together, as system checks with a hint."""

import re

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

TAG = "platform"
BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@register(TAG)
def object_storage(app_configs, **kwargs) -> list[CheckMessage]:
    found = []
    keys = [bool(settings.OBJECT_STORAGE_ACCESS_KEY), bool(settings.OBJECT_STORAGE_SECRET_KEY)]
    if settings.OBJECT_STORAGE == "s3" and any(keys) and not all(keys):
        found.append(
            Error(
                "Only one of OBJECT_STORAGE_ACCESS_KEY and OBJECT_STORAGE_SECRET_KEY is set.",
                hint="Set both, or neither to use the standard AWS credential chain (IAM roles).",
                id="platform.E001",
            )
        )
    if settings.OBJECT_STORAGE == "local" and (settings.OBJECT_STORAGE_ENDPOINT or any(keys)):
        found.append(
            Warning(
                "The OBJECT_STORAGE_* address and keys are not used: files go to DATA_DIR.",
                hint="Set OBJECT_STORAGE=s3 to use the object store.",
                id="platform.W001",
            )
        )
    return found


@register(TAG)
def buckets(app_configs, **kwargs) -> list[CheckMessage]:
    found = [
        Error(
            f"{name}={getattr(settings, name)!r} cannot be the name of a bucket.",
            hint="Use 3 to 63 small letters, digits, dots and hyphens, with a letter or digit at both ends.",
            id="platform.E002",
        )
        for name in ("DATASETS_BUCKET", "TRAINED_MODELS_BUCKET")
        if not BUCKET_NAME.fullmatch(getattr(settings, name))
    ]
    if settings.DATASETS_BUCKET == settings.TRAINED_MODELS_BUCKET:
        found.append(
            Error(
                "DATASETS_BUCKET and TRAINED_MODELS_BUCKET are the same.",
                hint="Give each a bucket of its own: who may read tables need not be able to change models.",
                id="platform.E003",
            )
        )
    return found

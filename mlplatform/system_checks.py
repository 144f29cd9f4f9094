"""System checks for settings that are valid alone but not in combination."""

import importlib.util
import os
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.urls import get_resolver

TAG = "platform"
BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@register(TAG)
def object_storage(app_configs, **kwargs) -> list[CheckMessage]:
    messages = []
    keys = [bool(settings.OBJECT_STORAGE_ACCESS_KEY), bool(settings.OBJECT_STORAGE_SECRET_KEY)]
    if settings.OBJECT_STORAGE == "s3" and any(keys) and not all(keys):
        messages.append(
            Error(
                "Only one of OBJECT_STORAGE_ACCESS_KEY and OBJECT_STORAGE_SECRET_KEY is set.",
                hint="Set both, or neither to use the standard AWS credential chain (IAM roles).",
                id="platform.E001",
            )
        )
    if settings.OBJECT_STORAGE == "local" and (settings.OBJECT_STORAGE_ENDPOINT or any(keys)):
        messages.append(
            Warning(
                "OBJECT_STORAGE_ENDPOINT and the OBJECT_STORAGE keys have no effect: files are stored in DATA_DIR.",
                hint="Set OBJECT_STORAGE=s3 to use the object store.",
                id="platform.W001",
            )
        )
    return messages


@register(TAG)
def buckets(app_configs, **kwargs) -> list[CheckMessage]:
    messages = [
        Error(
            f"{name}={getattr(settings, name)!r} is not a valid bucket name.",
            hint="Use 3 to 63 lower-case letters, digits, dots and hyphens; start and end with a letter or digit.",
            id="platform.E002",
        )
        for name in ("DATASETS_BUCKET", "TRAINED_MODELS_BUCKET")
        if not BUCKET_NAME.fullmatch(getattr(settings, name))
    ]
    if settings.DATASETS_BUCKET == settings.TRAINED_MODELS_BUCKET:
        messages.append(
            Error(
                "DATASETS_BUCKET and TRAINED_MODELS_BUCKET are the same.",
                hint="Use separate buckets, so that read access to tables does not require write access to models.",
                id="platform.E003",
            )
        )
    return messages


@register(TAG)
def proxies(app_configs, **kwargs) -> list[CheckMessage]:
    if not settings.HTTPS or settings.TRUSTED_PROXIES:
        return []
    return [
        Warning(
            "HTTPS is set without TRUSTED_PROXIES: all clients of the proxy share one sign-in limit.",
            hint="Set TRUSTED_PROXIES to the address or network of the proxy, or to the number of proxies.",
            id="platform.W002",
        )
    ]


@register(TAG)
def url_prefix(app_configs, **kwargs) -> list[CheckMessage]:
    """A proxy can remove the prefix or keep it: under /models, a request for /models could mean either page."""
    if not settings.URL_PREFIX:
        return []
    first = settings.URL_PREFIX.split("/")[1]
    own = {settings.STATIC_URL.strip("/"), *_first_segments(get_resolver().url_patterns)}
    if first not in own:
        return []
    return [
        Error(
            f"URL_PREFIX={settings.URL_PREFIX!r} begins with a path of the platform, /{first}.",
            hint="Choose another one, such as /ml.",
            id="platform.E004",
        )
    ]


@register(TAG)
def compute(app_configs, **kwargs) -> list[CheckMessage]:
    address, messages = settings.DASK_SCHEDULER, []
    files = {name: getattr(settings, name) for name in ("DASK_TLS_CA", "DASK_TLS_CERT", "DASK_TLS_KEY")}
    if settings.COMPUTE == "local":
        if address:
            hint = "Set COMPUTE=dask to use it."
            return [
                Warning("DASK_SCHEDULER has no effect with COMPUTE=local.", hint=hint, id="platform.W003")
            ]
        return []
    if not all(importlib.util.find_spec(name) for name in ("dask", "distributed", "cryptography")):
        hint = "Install it with `make run EXTRAS=dask`, or leave COMPUTE and DASK_SCHEDULER unset."
        messages.append(
            Error("COMPUTE=dask needs Dask, which is not installed.", hint=hint, id="platform.E005")
        )
    if not all(files.values()) and (any(files.values()) or address.startswith("tls:")):
        missing = ", ".join(name for name, path in files.items() if not path)
        hint = "TLS needs all three: the authority, and a certificate and a key that it has signed."
        messages.append(Error(f"Not set: {missing}.", hint=hint, id="platform.E006"))
    messages += [
        Error(
            f"{name}: {path} is not a file that this process can read.",
            hint="Create it, or correct the path.",
            id="platform.E007",
        )
        for name, path in files.items()
        if path and not os.access(path, os.R_OK)
    ]
    if address.startswith("tcp:") and any(files.values()):
        hint = "Write the address with tls://."
        messages.append(
            Error("DASK_TLS_* is set, and DASK_SCHEDULER is tcp://.", hint=hint, id="platform.E008")
        )
    if address.startswith("tcp:") and urlsplit(address).hostname not in ("127.0.0.1", "::1", "localhost"):
        messages.append(
            Warning(
                "DASK_SCHEDULER is tcp://: whoever reaches its port can run code on its workers and in trainings.",
                hint="Use tls:// with DASK_TLS_CA, DASK_TLS_CERT and DASK_TLS_KEY.",
                id="platform.W004",
            )
        )
    return messages


def _first_segments(patterns) -> Iterator[str]:
    for pattern in patterns:
        route = str(pattern.pattern)
        if route:
            yield route.partition("/")[0]
        else:
            yield from _first_segments(getattr(pattern, "url_patterns", ()))

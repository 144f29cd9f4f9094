"""What a child process keeps of the secrets of its parent.

A training reads its dataset, saves and signs its artifact, and writes its job and its model version: it needs the
database, the object store and the key of artifacts. It does not need SECRET_KEY, which also signs sessions, its
fallbacks, or the password of the first administrator.
"""

import os
import secrets

from django.conf import settings

from mlplatform import hashing

UNUSED = ("SECRET_KEY", "SECRET_KEY_FALLBACKS", "PLATFORM_ADMIN_USERNAME", "PLATFORM_ADMIN_PASSWORD")


def without_secrets() -> dict[str, str]:
    """The environment of a new interpreter that runs child processes. Its SECRET_KEY signs nothing that is accepted."""
    kept = {name: value for name, value in os.environ.items() if name not in UNUSED}
    return kept | {"SECRET_KEY": secrets.token_urlsafe(50), "ARTIFACT_KEY": hashing.artifact_keys()[0]}


def drop_secrets() -> None:
    """Forget them in this process, a fork of one that uses them."""
    environment = without_secrets()
    os.environ.clear()
    os.environ.update(environment)
    settings.SECRET_KEY, settings.ARTIFACT_KEY = environment["SECRET_KEY"], environment["ARTIFACT_KEY"]
    settings.SECRET_KEY_FALLBACKS, settings.PLATFORM_ADMIN_PASSWORD = [], ""

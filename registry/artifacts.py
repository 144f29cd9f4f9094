"""Fitted pipelines as bytes: written, signed, checked and read back. The only place that unpickles."""

import hashlib
import hmac
import io
import platform
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

import joblib
from django.conf import settings
from django.utils.crypto import salted_hmac

from mlplatform import storage
from mlplatform.errors import NotReady
from registry.models import ModelVersion

SALT = "registry.artifacts"
REMEMBERED = ("scikit-learn", "pandas", "numpy", "scipy", "joblib")


@dataclass(frozen=True)
class Artifact:
    content: bytes
    sha256: str
    hmac: str


class ArtifactRefused(NotReady):
    """The stored bytes are not what was saved, or were made with other libraries. They are not unpickled."""


@cache
def libraries() -> dict[str, str]:
    return {"python": platform.python_version()} | {name: version(name) for name in REMEMBERED}


def dump(pipeline, *, dataset_id: int) -> Artifact:
    """A fitted pipeline as joblib bytes, with their SHA-256 and the server's signature over it."""
    buffer = io.BytesIO()
    joblib.dump(pipeline, buffer)
    content = buffer.getvalue()
    sha256 = hashlib.sha256(content).hexdigest()
    return Artifact(content, sha256, _sign(dataset_id, sha256, settings.SECRET_KEY))


def _sign(dataset_id: int, sha256: str, secret: str) -> str:
    return salted_hmac(SALT, f"{dataset_id}:{sha256}", secret=secret, algorithm="sha256").hexdigest()


def read(model: ModelVersion, key: str) -> bytes:
    """The bytes under a key, checked to be those that were saved for this version.

    Raises ArtifactRefused when one bit differs or the signature is not this server's, and NotReady when
    the store does not answer.
    """
    with storage.open_file(storage.models(), key) as file, storage.faults_as_not_ready():
        content = file.read()
    sha256 = hashlib.sha256(content).hexdigest()
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    if not hmac.compare_digest(sha256, model.artifact_sha256):
        reason = "its bytes are not those that were saved"
    elif not any(
        hmac.compare_digest(_sign(model.dataset_id, sha256, secret), model.artifact_hmac)
        for secret in secrets
    ):
        reason = "its signature was not made with this server's SECRET_KEY"
    else:
        return content
    raise ArtifactRefused(
        f"The artifact of {model} is refused: {reason}. Restore it from a backup, or train again.",
        code="artifact_refused",
    )


def load(model: ModelVersion, key: str):
    """The fitted pipeline under a key. Raises what read() raises, and ArtifactRefused for other libraries."""
    made_with, here = model.libraries.get("scikit-learn"), libraries()["scikit-learn"]
    if made_with != here:
        raise ArtifactRefused(
            f"{model} was made with scikit-learn {made_with}, and this server runs {here}. Train it again, "
            "or run the server with that version.",
            code="artifact_incompatible",
        )
    return joblib.load(io.BytesIO(read(model, key)))

"""Artifacts: fitted pipelines as signed files. The only module that unpickles, and only what it has verified.

Artifacts can be as large as the memory of a process, so they are copied and verified in blocks, never held as bytes.
"""

import hmac
import platform
import shutil
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import version
from tempfile import SpooledTemporaryFile
from typing import IO

import joblib

from mlplatform import hashing, storage
from mlplatform.errors import NotReady
from registry.estimators.frameworks import extras, portable
from registry.models import ModelVersion

PURPOSE = "artifact"  # of signatures
RECORDED_LIBRARIES = ("scikit-learn", "pandas", "numpy", "scipy", "joblib")
# scikit-learn warns of an artifact of another version for each estimator in it; serving/model_cache/compatibility.py
# has verified it.
warnings.filterwarnings("ignore", message="Trying to unpickle estimator")
MAX_MEMORY = 8 * 1024**2  # bytes; larger artifacts are spooled to a temporary file on disk


@dataclass(frozen=True)
class Artifact:
    """A pipeline as joblib bytes in a temporary file, which the caller closes, with its digest."""

    file: IO[bytes]
    size: int
    sha256: str


class ArtifactRefused(NotReady):
    """The stored bytes differ from those that were saved, or need other libraries. They are not unpickled."""


@cache
def _library_versions() -> tuple[tuple[str, str], ...]:
    return tuple((name, version(name)) for name in RECORDED_LIBRARIES)


def libraries(frameworks: Iterable[str] = ()) -> dict[str, str]:
    """The versions of Python and of the libraries that an artifact depends on, also of these optional frameworks."""
    versions = {name: import_module(name).__version__ for name in frameworks}
    return {"python": platform.python_version()} | dict(_library_versions()) | versions


def is_of_installed_version(model: ModelVersion) -> bool:
    """Whether the installed scikit-learn saved the artifact.

    Raises ArtifactRefused if another major version did, of it or of an optional framework, or if that is not installed:
    other versions load the format of its model, and the golden rows show whether they predict the same.
    """
    frameworks = [name for name in extras.FRAMEWORKS if name in model.libraries]
    for name in frameworks:
        if not extras.FRAMEWORKS[name].is_installed:
            raise ArtifactRefused(extras.FRAMEWORKS[name].missing(str(model)), code=extras.NOT_INSTALLED)
    try:
        installed = libraries(frameworks)
    except (ImportError, OSError) as error:  # LightGBM without OpenMP
        sentence = (
            f"{model} needs {' and '.join(frameworks)}, which this server has but cannot load: {error}."
        )
        raise ArtifactRefused(sentence, code=extras.NOT_INSTALLED) from error
    for name in ("scikit-learn", *frameworks):
        saved_by = str(model.libraries.get(name))
        if saved_by.partition(".")[0] != installed[name].partition(".")[0]:
            raise ArtifactRefused(
                f"{model} was trained with {name} {saved_by}, and this server runs {installed[name]}, another major "
                "version. Retrain it, or run the server with that version.",
                code="artifact_incompatible",
            )
    return str(model.libraries.get("scikit-learn")) == installed["scikit-learn"]


def dump(pipeline) -> Artifact:
    """Serialise a fitted pipeline."""
    file = SpooledTemporaryFile(MAX_MEMORY)  # noqa: SIM115 - the caller closes it
    portable.register()
    joblib.dump(pipeline, file)
    return Artifact(file, file.tell(), hashing.sha256(file))


def sign(model: ModelVersion) -> str:
    """The signature of a version's artifact: it belongs to this dataset and number, and to these libraries."""
    return hashing.sign(PURPOSE, _signed(model))


def is_signed(model: ModelVersion) -> bool:
    """Whether sign() of this server has signed the artifact."""
    return hashing.is_signed(PURPOSE, _signed(model), model.artifact_hmac)


def has_former_signature(model: ModelVersion) -> bool:
    """Whether a release before migration 0008 has signed the artifact, with a key of this server."""
    message = f"{model.dataset_id}:{model.artifact_sha256}"
    return hashing.is_salted_hmac("registry.artifacts", message, model.artifact_hmac)


def _signed(model: ModelVersion) -> dict:
    return {
        "dataset": model.dataset_id,
        "number": model.number,
        "sha256": model.artifact_sha256,
        "libraries": model.libraries,
    }


def verify(model: ModelVersion, key: str) -> None:
    """Check that the bytes under a key are those that were saved for this version.

    Raises ArtifactRefused if they differ or were not signed by this server, and NotReady if the object store
    does not respond.
    """
    with storage.open_file(storage.models(), key) as file, storage.faults_as_not_ready():
        sha256 = hashing.sha256(file)
    _check(model, sha256)


def open_verified(model: ModelVersion, key: str) -> IO[bytes]:
    """A private copy of the bytes under a key, verified as by verify(): they cannot change after the check."""
    copy = SpooledTemporaryFile(MAX_MEMORY)  # noqa: SIM115 - the caller closes it
    try:
        with storage.open_file(storage.models(), key) as file, storage.faults_as_not_ready():
            source = hashing.HashingFile(file)
            shutil.copyfileobj(source, copy, hashing.BLOCK)
            sha256 = source.sha256()
        _check(model, sha256)
    except BaseException:
        copy.close()
        raise
    copy.seek(0)
    return copy


def load(model: ModelVersion, key: str):
    """The fitted pipeline under a key. Raises what verify() raises.

    An artifact of another version of scikit-learn may load and predict something else, or crash the process:
    serving/model_cache/compatibility.py decides.
    """
    with open_verified(model, key) as file:
        return joblib.load(file)


def load_copy(path: str, sha256: str):
    """The fitted pipeline in a private copy that another process has verified. Raises ValueError if it has changed."""
    with open(path, "rb") as file:
        if hashing.sha256(file) != sha256:
            raise ValueError("the copy has changed")
        file.seek(0)
        return joblib.load(file)


def _check(model: ModelVersion, sha256: str) -> None:
    """Raise ArtifactRefused unless this is the digest of the version's artifact, signed by this server."""
    if not hmac.compare_digest(sha256, model.artifact_sha256):
        reason = "its bytes have changed since it was saved"
    elif not is_signed(model):
        reason = "it was not signed with this server's SECRET_KEY for this version and these libraries"
    else:
        return
    raise ArtifactRefused(
        f"The artifact of {model} was rejected: {reason}. Restore it from a backup, or train the model again.",
        code="artifact_refused",
    )

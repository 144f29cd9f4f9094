"""Import a model that was trained elsewhere: the operation of the page and the API."""

import logging
import shutil
import tempfile
from pathlib import Path, PurePath
from typing import IO

from django.conf import settings

from catalog.models import DatasetVersion
from mlplatform import storage
from mlplatform.auth import permissions
from mlplatform.errors import TooLarge
from mlplatform.idempotency import keys as idempotency_keys
from mlplatform.jobs.children import calls
from registry import artifacts, verification
from registry.estimators.frameworks import extras
from registry.imports import declared, formats
from registry.imports.declared import in_field
from registry.imports.formats import Format
from registry.imports.request import Request
from registry.models import ModelVersion, Release, Stage
from registry.training import registration
from registry.training.columns import check_target

logger = logging.getLogger(__name__)

MB = 1024**2
MAX_FILE_MB = 200
MAX_UNPACKED_MB = 1_000
MEMORY_MB = 4_096
LIMIT_S = 50  # below the 60 seconds that proxies wait for a response

turns = calls.Turns(at_once=1, wait_s=30, purpose="load the model", busy="loading another model")


def import_model(
    file: IO[bytes],
    *,
    filename: str,
    source: DatasetVersion,
    by,
    target: str = "",
    features: list[str] | None = None,
    classes: list[str] | None = None,
    signature: dict | None = None,
    description: str = "",
    limit_s: float = LIMIT_S,
    memory_mb: int = MEMORY_MB,
) -> ModelVersion:
    """Register a fitted model as the next version of the dataset of `source`, live in dev.

    With a `target`, its inputs are columns of `source`, on whose rows it is measured. With a `signature`, that declares
    its inputs and target, and no rows are read. `classes` are the names of those of a model that predicts numbers. The
    file is
    loaded in a child process, which ends after `limit_s` seconds.

    Raises ValidationError by field: of the file, for a format, a type or a content that is not trusted, for what the
    model needs and `source` lacks, and for predictions that cannot be served. TooLarge, and NotReady if the object
    store does not respond or other imports do not end.
    """
    permissions.check(by, "train")
    size = _check_size(file)
    kind = formats.of_file(file, filename)
    with declared.about("file"):
        for name in kind.frameworks:
            extras.require(name, "This file")
    parsed = _check_columns(source, target=target, features=features, signature=signature)
    storage.require_temporary_space(2 * size)
    with tempfile.TemporaryDirectory(prefix="model-import-") as folder:
        path = Path(folder, "model")
        with path.open("wb") as copy:
            shutil.copyfileobj(file, copy)
        request = Request(
            path=str(path),
            artifact_path=str(Path(folder, "artifact")),
            format=kind.name,
            source=source,
            target=target,
            features=features,
            classes=classes,
            declared=parsed,
            max_unpacked_mb=MAX_UNPACKED_MB,
        )
        result = _in_child(request, limit_s=limit_s, memory_mb=memory_mb)
        return _register(result, request, kind, filename=filename, description=description, by=by)


def _check_size(file: IO[bytes]) -> int:
    size = file.seek(0, 2) or file.tell()
    limit_mb = min(MAX_FILE_MB, settings.MAX_UPLOAD_MB)
    if size > limit_mb * MB:
        raise TooLarge(f"The file is {-(-size // MB):,} MB; the limit is {limit_mb:,} MB.", code="too_large")
    return size


def _check_columns(
    source: DatasetVersion, *, target: str, features: list[str] | None, signature: dict | None
) -> dict | None:
    """Either a target or a signature is given, and fits the dataset. Returns the parts of the signature."""
    if signature is not None:
        if target or features is not None:
            raise in_field(
                "signature",
                "A signature names the target and the inputs; leave the others out.",
                "two_signatures",
            )
        inputs, column, example = declared.parse(signature)
        declared.check_fits(inputs, source)
        return {"inputs": inputs, "target": column, "example": example}
    if not target:
        raise in_field(
            "target_column",
            "Enter the column that the model predicts, or a signature for a model without data.",
            "required",
        )
    with declared.about("target_column"):
        check_target(source.columns, target)
    return None


def _in_child(request: Request, *, limit_s: float, memory_mb: int) -> dict:
    with turns.child("registry.imports.measuring.run", request=request, memory_mb=memory_mb) as child:
        try:
            result = calls.result(child, limit_s)
        except calls.ChildDied as death:
            logger.error("importing a model ended with %s: %s", death, child.log)
            raise in_field(
                "file",
                f"The process that loaded the model ended with {death}, as happens when it needs more than "
                f"{memory_mb:,} MB, or when the file is damaged.",
                "process_died",
            ) from death
    if result is None:
        raise in_field(
            "file",
            f"Loading and measuring the model exceeded the {limit_s:g}-second limit. Import a smaller model, or "
            "measure it on a smaller dataset version.",
            "import_timeout",
        )
    if result["lacking"]:
        logger.warning(
            "the process that loads models is confined without %s", " and ".join(result["lacking"])
        )
    return result


def _register(
    result: dict, request: Request, kind: Format, *, filename: str, description: str, by
) -> ModelVersion:
    source, signature = request.source, result["signature"]
    version = ModelVersion(
        dataset=source.dataset,
        dataset_version=source,
        reached=Stage.DEV,
        description=description,
        target=signature["target"]["name"],
        features=[column["name"] for column in signature["inputs"]],
        preparation=[],
        decision={},
        rows_train=0,
        artifact_size=result["artifact"]["size"],
        artifact_sha256=result["artifact"]["sha256"],
        libraries=artifacts.libraries(kind.frameworks),
        trained_by=by,
        imported_from=PurePath(filename.replace("\\", "/")).name[-255:],
        imported_format=kind.name,
        split={"method": "import"},
        **{
            name: result[name]
            for name in ("algorithm", "module", "task", "signature", "metrics", "parameters", "warnings")
        },
        measured=result["measured"],
        rows_test=result["rows_test"],
    )

    def save_records(version: ModelVersion) -> None:
        verification.save(result["verification"], version)
        idempotency_keys.attach(version)

    with open(request.artifact_path, "rb") as file:
        registration.save(
            version,
            ModelVersion.objects.none(),
            file=file,
            save_records=save_records,
            kind=Release.Kind.IMPORT,
        )
    return ModelVersion.objects.numbered(source.dataset.name, version.number)

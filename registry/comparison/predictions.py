"""On which rows two model versions predict differently: computed in a child process, never in a web process."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas
from django.core.exceptions import ValidationError

from catalog import files
from catalog.models import DatasetVersion
from mlplatform import storage
from mlplatform.jobs.children import calls
from registry import artifacts
from registry.comparison.differences import have_same_target
from registry.evaluation.cells import cell
from registry.models import ModelVersion
from registry.training import pipelines, signature
from registry.training import run as training
from registry.training.columns import feature_frame, with_labels
from registry.training.request import TrainingRequest

MAX_ROWS = 20_000
MAX_SOURCE_BYTES = 512 * 1024**2
MAX_SHOWN = 20
LIMIT_S = 25
MEMORY_MB = 1024

logger = logging.getLogger(__name__)
turns = calls.Turns(
    at_once=1, wait_s=20, purpose="compare the predictions", busy="comparing the predictions of other models"
)


@dataclass(frozen=True)
class Artifact:
    """What a child needs to load a version: no database."""

    version: ModelVersion
    key: str

    @classmethod
    def of(cls, version: ModelVersion) -> "Artifact":
        return cls(version, version.release.key)


def compare(live: ModelVersion, coming: ModelVersion, *, limit_s: float = LIMIT_S) -> dict:
    """The held-out rows of `coming` that the two versions predict differently.

    `rows`, how many were predicted, and `source`, which they are; `different`, how many predictions differ, and
    `largest`, the 20 largest differences: the inputs by name, the prediction of both (`live`, `coming`) and `actual`.
    Numbers also have `mean_difference`, of the absolute differences. Raises ValidationError (not_comparable,
    comparison_timeout, out_of_memory, process_died), NotReady and ArtifactRefused.
    """
    if not have_same_target(live, coming) or coming.task == "clustering":
        raise ValidationError("Only predictions of the same target can be compared.", code="not_comparable")
    if coming.dataset_version.size_bytes > MAX_SOURCE_BYTES:
        raise ValidationError(
            "The dataset is too large to compare predictions while you wait.", code="not_comparable"
        )
    arguments = {
        "live": Artifact.of(live),
        "coming": Artifact.of(coming),
        "source": DatasetVersion.objects.select_related("dataset").get(pk=coming.dataset_version_id),
        "request": _request(coming),
    }
    with turns.child(f"{__name__}.run", **arguments) as child:
        try:
            result = calls.result(child, limit_s)
        except calls.ChildDied as death:
            logger.error("comparing predictions with %s ended with %s: %s", coming, death, child.log)
            raise ValidationError(
                f"The comparison of the predictions ended with {death}.", code="process_died"
            ) from death
    if result is None:
        raise ValidationError(
            f"The comparison of the predictions exceeded its {limit_s:g}-second limit.",
            code="comparison_timeout",
        )
    return result


def _request(version: ModelVersion) -> TrainingRequest | None:
    """The request whose split can be repeated, or None."""
    if "dataset_version" in version.split:
        return None
    try:
        return training.request_of(version)
    except ValidationError:
        return None


def run(
    *, live: Artifact, coming: Artifact, source: DatasetVersion, request: TrainingRequest | None
) -> Iterator[dict]:
    """What the child process runs."""
    out_of_memory = ValidationError(
        f"The comparison of the predictions needs more than {MEMORY_MB} MB.", code="out_of_memory"
    )

    def answers():
        yield differences(live, coming, source=source, request=request)

    yield from calls.results(answers(), memory_mb=MEMORY_MB, out_of_memory=out_of_memory)


def differences(
    live: Artifact, coming: Artifact, *, source: DatasetVersion, request: TrainingRequest | None
) -> dict:
    """The result of compare(), in this process."""
    storage.require_temporary_space(source.size_bytes)
    frame, rows = _rows(live.version, coming.version, source, request)
    before, after = (_predictions(one, frame) for one in (live, coming))
    actual = frame[coming.version.target].to_numpy(dtype=object)
    if coming.version.task == "regression":
        before, after = before.astype(float), after.astype(float)
        size = np.abs(after - before)
        is_different = size > 1e-9 * np.maximum(np.abs(before), np.abs(after))
    else:
        is_different = before.astype(str) != after.astype(str)
        size = is_different.astype(float)
    largest = np.argsort(-size, kind="stable")[: min(MAX_SHOWN, int(is_different.sum()))]
    names = list(
        dict.fromkeys(one["name"] for side in (live, coming) for one in side.version.signature["inputs"])
    )
    result = {
        "rows": len(frame),
        "source": rows,
        "different": int(is_different.sum()),
        "largest": [
            {
                "inputs": {name: cell(frame[name].iloc[row]) for name in names},
                "live": cell(before[row]),
                "coming": cell(after[row]),
                "actual": cell(actual[row]),
            }
            for row in largest
        ],
    }
    if coming.version.task == "regression":
        result["mean_difference"] = float(size.mean()) if len(size) else 0.0
    return result


def _rows(
    live: ModelVersion, coming: ModelVersion, source: DatasetVersion, request: TrainingRequest | None
) -> tuple[pandas.DataFrame, str]:
    """The rows that both versions predict, and which they are."""
    columns = {column["name"]: column for column in signature.columns_of(source.recipe)}
    for version in (live, coming):
        for column in version.signature["inputs"]:
            if column["name"] not in columns:
                raise ValidationError(
                    f"Version {version.number} needs the column `{column['name']}`, which {source} does not have.",
                    code="not_comparable",
                )
    inputs = [column["name"] for version in (live, coming) for column in version.signature["inputs"]]
    names = dict.fromkeys([*inputs, *(request.columns if request else [coming.target])])
    frame, which = files.read_frame(source, columns=list(names)), f"rows of dataset version {source.number}"
    if request:
        _, _, split = pipelines.split_rows(frame, [columns[name] for name in names], request, None, [])
        frame, which = frame.loc[split.test.index], f"held-out rows of version {coming.number}"
    frame, _ = with_labels(frame, columns[coming.target])
    if len(frame) > MAX_ROWS:
        frame, which = frame.sample(MAX_ROWS, random_state=0), f"{which}, drawn at random from {len(frame):,}"
    return frame, which


def _predictions(artifact: Artifact, frame: pandas.DataFrame) -> np.ndarray:
    pipeline = artifacts.load(artifact.version, artifact.key)
    return np.ravel(pipeline.predict(feature_frame(frame, artifact.version.signature["inputs"])))

"""On which rows two model versions predict differently: computed in a child process, never in a web process."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from django.core.exceptions import ValidationError

from catalog import files
from catalog.models import DatasetVersion
from mlplatform import storage
from mlplatform.jobs.children import calls
from registry import artifacts
from registry.comparison import pairing
from registry.comparison.differences import have_same_target
from registry.comparison.pairing import Rows, Side
from registry.evaluation import definitions
from registry.evaluation.cells import cell
from registry.models import ModelVersion
from registry.training import run as training
from registry.training import signature
from registry.training.columns import with_labels
from registry.training.request import TrainingRequest

MAX_ROWS = 20_000
MAX_SOURCE_BYTES = 512 * 1024**2
MAX_SHOWN = 20
SHOWN_INPUTS = 8
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
    `largest`, the 20 largest differences (of classes, by how much more probable the new one is): `row`, its number in
    the dataset version of `coming` from 1, the inputs by name, the prediction of both (`live`, `coming`) and `actual`.
    Numbers also have `mean_difference`, of the absolute differences. `paired_metrics` are the differences of the
    metrics that can be tested, see pairing.differences(), and `paired` is that of the primary one, or None;
    `conclusion` says so in a sentence.
    Raises ValidationError (not_comparable, comparison_timeout, out_of_memory, process_died), NotReady and
    ArtifactRefused.
    """
    if not have_same_target(live, coming) or coming.task == "clustering":
        raise ValidationError("Only predictions of the same target can be compared.", code="not_comparable")
    if coming.dataset_version.size_bytes > MAX_SOURCE_BYTES:
        raise ValidationError(
            "The dataset is too large to compare predictions while you wait.", code="not_comparable"
        )
    request = _request(coming)
    arguments = {
        "live": Artifact.of(live),
        "coming": Artifact.of(coming),
        "source": DatasetVersion.objects.select_related("dataset").get(pk=coming.dataset_version_id),
        "request": request,
        "unpaired": pairing.why_unpaired(live, coming, request),
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


def context(result: dict) -> dict:
    """The result for a template: `rows` are the largest differences, with the first inputs as pairs, since a template
    takes `.items` for a column's name, and `tests` the tested differences with their metric."""
    shown = [row | {"inputs": list(row["inputs"].items())[:SHOWN_INPUTS]} for row in result["largest"]]
    tests = [one | {"metric": definitions.BY_NAME[one["metric"]]} for one in result["paired_metrics"]]
    return {"predictions": result, "rows": shown, "tests": tests}


def _request(version: ModelVersion) -> TrainingRequest | None:
    """The request whose split can be repeated, or None."""
    if "dataset_version" in version.split:
        return None
    try:
        return training.request_of(version)
    except ValidationError:
        return None


def run(
    *,
    live: Artifact,
    coming: Artifact,
    source: DatasetVersion,
    request: TrainingRequest | None,
    unpaired: str,
) -> Iterator[dict]:
    """What the child process runs."""
    out_of_memory = ValidationError(
        f"The comparison of the predictions needs more than {MEMORY_MB} MB.", code="out_of_memory"
    )

    def answers():
        yield differences(live, coming, source=source, request=request, unpaired=unpaired)

    yield from calls.results(answers(), memory_mb=MEMORY_MB, out_of_memory=out_of_memory)


def differences(
    live: Artifact,
    coming: Artifact,
    *,
    source: DatasetVersion,
    request: TrainingRequest | None,
    unpaired: str,
) -> dict:
    """The result of compare(), in this process."""
    storage.require_temporary_space(source.size_bytes)
    rows = _rows(live.version, coming.version, source, request)
    sides = [Side.of(one.version, artifacts.load(one.version, one.key), rows) for one in (live, coming)]
    found = [] if unpaired else pairing.differences(*sides, rows)
    primary = definitions.primary(coming.version.primary_metric, task=coming.version.task).name
    of_primary = next((one for one in found if one["metric"] == primary), None)
    return _changed(*sides, rows) | {
        "paired": of_primary,
        "paired_metrics": found,
        "conclusion": unpaired or pairing.conclusion(live.version, coming.version, of_primary),
    }


def _changed(live: Side, coming: Side, rows: Rows) -> dict:
    frame, before, after = rows.frame, live.predicted, coming.predicted
    actual, task = frame[coming.version.target].to_numpy(dtype=object), coming.version.task
    if task == "regression":
        before, after = before.astype(float), after.astype(float)
        size = np.abs(after - before)
        is_different = size > 1e-9 * np.maximum(np.abs(before), np.abs(after))
    else:
        is_different = before.astype(str) != after.astype(str)
        size = _size_of_flips(live, coming, is_different)
    largest = np.argsort(-size, kind="stable")[: min(MAX_SHOWN, int(is_different.sum()))]
    inputs = (one for side in (live, coming) for one in side.version.signature["inputs"])
    names = list(dict.fromkeys(one["name"] for one in inputs))
    result = {
        "rows": len(frame),
        "source": rows.source,
        "different": int(is_different.sum()),
        "largest": [
            {
                "row": int(frame.index[row]) + 1,
                "inputs": {name: cell(frame[name].iloc[row]) for name in names},
                "live": cell(before[row]),
                "coming": cell(after[row]),
                "actual": cell(actual[row]),
            }
            for row in largest
        ],
    }
    if task == "regression":
        result["mean_difference"] = float(size.mean()) if len(size) else 0.0
    return result


def _size_of_flips(live: Side, coming: Side, is_different: np.ndarray) -> np.ndarray:
    """For each row how much more probable the class of `coming` became, above 0 only if the class is another one.

    1 without probabilities.
    """
    size = is_different.astype(float)
    flipped = np.flatnonzero(is_different)
    before, after = (side.probabilities(flipped, coming.predicted[flipped]) for side in (live, coming))
    if before is not None and after is not None:
        size[flipped] = 1 + after - before  # above that of a row that is predicted alike
    return size


def _rows(
    live: ModelVersion, coming: ModelVersion, source: DatasetVersion, request: TrainingRequest | None
) -> Rows:
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
    y = groups = None
    if request:
        table = training.Table(frame, [columns[name] for name in names], measured_on=None, profile=[])
        _, split = training.repeated_split(coming, request, table)
        frame, which = frame.loc[split.test.index], f"held-out rows of version {coming.number}"
        y, groups = split.y_test, None if split.groups is None else split.test_keys
    frame, _ = with_labels(frame, columns[coming.target])
    if len(frame) <= MAX_ROWS:
        return Rows(frame, which, y, groups)
    drawn = np.random.default_rng(0).choice(len(frame), MAX_ROWS, replace=False)
    return Rows(
        frame.iloc[drawn],
        f"{which}, drawn at random from {len(frame):,}",
        *(None if values is None else values[drawn] for values in (y, groups)),
    )

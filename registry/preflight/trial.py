"""A training to check before it is queued, with the profile of its columns and a sample of its rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas

from catalog import files
from catalog.models import DatasetVersion
from catalog.profiling import sample
from catalog.readers.tables import Column
from registry.estimators.algorithms import Algorithm
from registry.evaluation import split_leakage
from registry.training.request import TrainingRequest
from registry.training.splits import target_values

MAX_COLUMNS = 2_000  # to read and check; reading 5,000 takes a second


@dataclass(frozen=True)
class Source:
    """What the checks need of a dataset version: no database and no object store. `sample` is a Parquet file."""

    columns: list[dict]
    profile: list[dict]
    rows: int
    sample: bytes

    @classmethod
    def of(cls, version: DatasetVersion) -> "Source":
        """Raises NotReady if the object store does not respond."""
        return cls(version.columns, version.profile, version.row_count, files.sample_file(version))


@dataclass(frozen=True)
class Trial:
    """A requested training with the profile of its columns.

    `target` is None for clustering; `profile` is by column name and counts all `rows`; `frame` is a sample of
    them, or all of them if `is_whole`.
    """

    request: TrainingRequest
    inputs: list[dict]
    target: dict | None
    rows: int
    profile: dict[str, dict]
    frame: pandas.DataFrame
    is_whole: bool

    @property
    def algorithm(self) -> Algorithm:
        return self.request.algorithm

    @property
    def target_profile(self) -> dict:
        return self.profile[self.target["name"]]

    @property
    def rows_with_target(self) -> int:
        return self.rows - self.target_profile["missing"]

    @property
    def target_sample(self) -> np.ndarray:
        """The targets of the sampled rows that have one, as a training reads them."""
        return target_values(self.frame[self.target["name"]].dropna(), self.target["type"])


def read(source: Source, *, request: TrainingRequest, inputs: list[dict], target: dict | None) -> Trial:
    """Read the sample of a dataset version."""
    target = None if request.task == "clustering" else target
    used = [column["name"] for column in [*inputs[:MAX_COLUMNS], *([target] if target else [])]]
    others = split_leakage.group_columns(source.profile, rows=source.rows) if target else []
    names = list(dict.fromkeys([*used, *request.row_columns, *others]))
    columns = [Column.from_dict(column) for column in source.columns]
    frame = sample.from_parquet(source.sample, columns, names=names)
    return Trial(
        request=request,
        inputs=inputs,
        target=target,
        rows=source.rows,
        profile={column["name"]: column for column in source.profile},
        frame=frame,
        is_whole=len(frame) == source.rows,
    )


def warning(code: str, field: str | None, detail: str) -> dict:
    """A warning as it is stored with a job: `field` names the field of the request that it is about."""
    return {"code": code, "field": field, "detail": detail}


def subject(names: Sequence[str]) -> str:
    """ "Column `a`", "Columns `a` and `b`", "Columns `a`, `b`, `c`, `d`, `e` and 3 more" """
    if len(names) == 1:
        return f"Column `{names[0]}`"
    listed = [f"`{name}`" for name in names[:5]]
    last = f"{len(names) - 5:,} more" if len(names) > 5 else listed.pop()
    return f"Columns {', '.join(listed)} and {last}"

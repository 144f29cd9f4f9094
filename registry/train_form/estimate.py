"""What a training is expected to take, before it is requested."""

from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ValidationError

from registry.jobs import limits
from registry.train_form.forms import TrainForm
from registry.train_form.request_panel import Entered
from registry.training import split_methods
from registry.training.out_of_core import memory
from registry.training.request import TrainingRequest

CELL_BYTES = {"integer": 8, "number": 8, "date": 8, "boolean": 2}
TEXT_OVERHEAD = 8  # bytes of a text in a table, besides its characters


@dataclass(frozen=True)
class Estimate:
    """Seconds and bytes by earlier trainings of the algorithm, None without one; `table_bytes` by the profile."""

    algorithm: str
    seconds: float | None
    memory_bytes: int | None
    table_bytes: int
    budget_s: int | None  # of a group
    measured: str  # completes the sentence "Measured on ..."; empty for clustering
    in_passes: bool = False  # since it does not fit in memory
    refusal: str = ""  # why that is not possible
    incremental: tuple[str, ...] = ()  # the algorithms that could be trained in passes

    @property
    def exceeds(self) -> str:
        """The limit that the training would exceed, for a sentence."""
        if (
            not self.incremental
            and (self.memory_bytes or self.table_bytes) > settings.TRAIN_MEMORY_MB * 1024**2
        ):
            return f"{settings.TRAIN_MEMORY_MB:,} MB of memory"
        if (self.seconds or 0) > settings.TRAIN_TIMEOUT_S:
            return f"{settings.TRAIN_TIMEOUT_S:,} seconds"
        return ""


def of(form: TrainForm, entered: Entered, *, features: int) -> Estimate | None:
    """None without an algorithm. Several algorithms take the sum of their times, and the most memory of them."""
    request, plan = entered.request, entered.plan
    if request is None:
        return None
    rows, fits = form.source.row_count, request.fits
    if plan and plan.ranges:  # a trial fits all but one fold each time
        fits = 1 + plan.n_trials * plan.base.cv_repeats * (plan.folds(rows) - 1)
    names = [model["class"] for model in plan.models] if plan and plan.models else [request.class_name]
    passes = _in_passes(form, entered)
    common = {"rows": rows, "in_passes": passes.get("in_passes", False)}
    seconds = [limits.expected_seconds(name, fits=fits, **common) for name in names]
    sizes = [limits.expected_bytes(name, features=features, **common) for name in names]
    return Estimate(
        names[0] if len(names) == 1 else "all of these",
        None if None in seconds else sum(seconds),
        None if None in sizes else max(sizes),
        table_bytes(form.source.profile, rows=rows),
        plan and not plan.models and plan.time_budget_s,
        _measured(request),
        **passes,
    )


def _in_passes(form: TrainForm, entered: Entered) -> dict:
    """Whether the training has to read its table in passes, as fields of the estimate."""
    source, plan, limit_mb = form.source, entered.plan, settings.TRAIN_MEMORY_MB
    request = plan.first_request if plan else entered.request
    try:
        found = memory.excess(
            request, columns=source.columns, profile=source.profile, rows=source.row_count, limit_mb=limit_mb
        )
    except ValidationError:  # the form says it
        return {}
    if found is None:
        return {}
    refusal = memory.refusal_of_group(found) if plan else " ".join(memory.refusals(request, found).values())
    names = tuple(one.name for one in found.algorithms(request.task))
    return {"in_passes": not refusal, "refusal": refusal, "incremental": names}


def table_bytes(profile: list[dict], *, rows: int) -> int:
    """The size of a table in memory."""
    widths = (CELL_BYTES.get(one["type"]) or TEXT_OVERHEAD + (one.get("mean_length") or 0) for one in profile)
    return round(rows * sum(widths))


def _measured(request: TrainingRequest) -> str:
    """Empty for a split that is not complete yet."""
    needed = split_methods.METHODS[request.split["method"]]
    if request.task == "clustering" or (needed and needed not in request.split):
        return ""
    return split_methods.description(request.split, test_size=request.test_size)

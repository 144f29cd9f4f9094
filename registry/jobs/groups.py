"""Submit, repeat and cancel training groups."""

import dataclasses

from django.conf import settings
from django.core.exceptions import ValidationError

from catalog.models import DatasetVersion
from mlplatform.auth import permissions
from mlplatform.jobs import leases
from registry.estimators import algorithms
from registry.estimators.algorithms import Algorithm
from registry.jobs import submission
from registry.jobs.submission import NeedsConfirmation, collected
from registry.models import TrainingGroup, TrainingJob
from registry.preflight import dry_run_process
from registry.search import objective, space
from registry.search.plan import MAX_MODELS, USUAL_BUDGET_S, USUAL_TRIALS, GroupPlan
from registry.training.columns import check_target, default_target, supervised_tasks
from registry.training.out_of_core import memory
from registry.training.request import AUTOMATIC, TrainingRequest


def submit(
    dataset_version: DatasetVersion, *, plan: GroupPlan, by, accept_warnings: bool = True
) -> TrainingGroup:
    """Validate a plan, try its first candidate that can be fitted on a sample of the rows, and queue it as one job.

    Raises the errors of submission.submit(), by the field of the plan.
    """
    permissions.check(by, "train")
    requested, plan = plan.base, resolve(dataset_version, plan=plan)
    first, warnings = _tried_out(dataset_version, plan)
    if warnings and not accept_warnings:
        raise NeedsConfirmation(warnings)
    warnings = [*submission.identifiers_left_out(requested, first), *warnings]
    job = submission.new_job(dataset_version, request=first, by=by, warnings=warnings)
    job.request, job.expected_s = plan.to_dict(), plan.time_budget_s
    group = TrainingGroup(
        job=job,
        kind=plan.kind,
        algorithm=plan.base.class_name if plan.kind == "search" else "",
        metric=plan.metric,
        keep=plan.keep,
        n_trials=len(plan.models) or plan.n_trials,
        time_budget_s=plan.time_budget_s,
    )
    leases.enqueue(job, parts=[group])
    return group


def _tried_out(dataset_version: DatasetVersion, plan: GroupPlan) -> tuple[TrainingRequest, list[dict]]:
    """The first candidate that can be fitted on a sample, and its warnings; the error of the first if none can."""
    failures = []
    for request in plan.first_requests:
        try:
            return request, dry_run_process.check(dataset_version, request=request)
        except ValidationError as error:
            if getattr(error, "code", None) != "fit_failed":
                raise
            failures.append(error)
    raise failures[0]


def resolve(dataset_version: DatasetVersion, *, plan: GroupPlan) -> GroupPlan:
    """The plan with its defaults filled in. Raises ValidationError with the sentences about each of its fields."""
    errors: dict = {}
    if plan.kind == "auto":
        plan = _with_task(dataset_version, plan)
    tried = _tried(plan, errors)
    try:
        base = submission.resolve(dataset_version, request=_checked_request(plan))
    except ValidationError as error:
        known = {name: one for name, one in error.error_dict.items() if name not in errors}
        if plan.kind != "search":
            known = {name: one for name, one in known.items() if not name.startswith("model")}
        errors |= known
    if not errors:
        _check_tasks(tried, errors)
    field = {"search": "search.", "auto": "auto."}.get(plan.kind, "")
    if not errors:
        profile = next(one for one in dataset_version.profile if one["name"] == base.target)
        metric = (
            plan.metric
            or plan.base.primary_metric
            or objective.usual_metric(tried[0].task, classes=profile["distinct"], algorithms=tried)
        )
        with collected(errors, f"{field}metric"):
            objective.check_metric(metric, task=tried[0].task, algorithms=tried)
    with collected(errors, f"{field}time_budget_s"):
        time_budget_s = _time_budget(plan)
    if errors:
        raise ValidationError(errors)
    if plan.kind != "search":
        base = dataclasses.replace(base, module="", class_name="", params={})
    n_trials = plan.n_trials or (USUAL_TRIALS if plan.kind == "search" else None)
    _check_memory(dataset_version, dataclasses.replace(plan, base=base))
    return dataclasses.replace(plan, base=base, metric=metric, time_budget_s=time_budget_s, n_trials=n_trials)


def _check_memory(source: DatasetVersion, plan: GroupPlan) -> None:
    """The trials share one frame. Raises ValidationError (too_large) by the field of what to try."""
    found = memory.excess(
        plan.first_request,
        columns=source.columns,
        profile=source.profile,
        rows=source.row_count,
        limit_mb=settings.TRAIN_MEMORY_MB,
    )
    if found:
        field = {"models": "models", "auto": "auto"}.get(plan.kind, "model")
        raise ValidationError({field: memory.too_large(memory.refusal_of_group(found))})


def _checked_request(plan: GroupPlan) -> TrainingRequest:
    """A training of the group for the checks that all share; without an algorithm that is unknown."""
    first = plan.first_request
    try:
        return dataclasses.replace(first, params=algorithms.check_params(first.algorithm, first.params))
    except ValidationError:
        return first if plan.kind == "search" else dataclasses.replace(first, params={})


def _tried(plan: GroupPlan, errors: dict) -> list[Algorithm]:
    """The algorithms that the group names, with the errors about them and their parameters."""
    if plan.kind == "models":
        return _given(plan, errors)
    try:
        algorithm = plan.first_request.algorithm
    except ValidationError:
        return []  # an error of `model`
    if plan.kind == "search":
        try:
            space.read(algorithm, plan.ranges, fixed=plan.base.params)
        except ValidationError as error:
            if hasattr(error, "error_dict"):
                errors |= {f"search.params.{name[:100]}": one for name, one in error.error_dict.items()}
            else:
                errors["search.params"] = error
    return [algorithm]


def _given(plan: GroupPlan, errors: dict) -> list[Algorithm]:
    found, sentences = [], []
    if len(plan.models) > MAX_MODELS:
        sentence = f"A group can try {MAX_MODELS} models, not {len(plan.models):,}."
        errors["models"] = ValidationError(sentence, code="too_many_models")
        return []
    for number, model in enumerate(plan.models, 1):
        try:
            algorithm = algorithms.get(model["module"], model["class"])
            algorithms.check_params(algorithm, model["params"])
            found.append(algorithm)
        except ValidationError as error:
            sentences += [
                ValidationError(f"Item {number}: {one.messages[0]}".replace("%", "%%"), code=one.code)
                for one in error.error_list
            ]
    if sentences:
        errors["models"] = ValidationError(sentences)
    return found


def _check_tasks(tried: list[Algorithm], errors: dict) -> None:
    """All must be classifiers, or all regressors."""
    other = next((one for one in tried if one.task != tried[0].task), None)
    field = "models" if len(tried) > 1 else "model"
    if tried[0].task == "clustering":
        sentence = f"{tried[0].name} is a clusterer; a group compares classifiers or regressors."
        errors[field] = ValidationError(sentence, code="clusterer")
    elif other:
        sentence = f"{tried[0].name} is for {tried[0].task} and {other.name} for {other.task}; use one task."
        errors[field] = ValidationError(sentence, code="different_tasks")


def _with_task(source: DatasetVersion, plan: GroupPlan) -> GroupPlan:
    """An automatic plan with its target and task: that which fits the target's values better, unless it is given."""
    target = plan.base.target
    if target == AUTOMATIC:
        target = default_target(source.columns, task="classification")
    with_field: dict = {}
    with collected(with_field, "target_column"):
        if target is None:
            raise ValidationError("Name the column to predict.", code="no_target")
        check_target(source.columns, target)
        profile = next(one for one in source.profile if one["name"] == target)
        tasks = supervised_tasks(profile, rows=source.row_count)
        if not tasks:
            raise ValidationError(
                f"`{target}` contains dates, which cannot be predicted; select another target.",
                code="date_target",
            )
    if with_field:
        raise ValidationError(with_field)
    base = dataclasses.replace(plan.base, target=target)
    return dataclasses.replace(plan, base=base, task=plan.task or tasks[0])


def _time_budget(plan: GroupPlan) -> int | None:
    limit = min(plan.base.timeout_s or settings.TRAIN_TIMEOUT_S, settings.TRAIN_TIMEOUT_S)
    budget = plan.time_budget_s
    if budget is None and plan.kind == "auto" and plan.n_trials is None:
        return min(USUAL_BUDGET_S, limit)
    if budget is not None and not 1 <= budget <= limit:
        raise ValidationError(
            f"The time budget must be an integer from 1 to {limit}, the time limit of the training.",
            code="time_budget",
        )
    return budget


def retry(job: TrainingJob, *, by) -> TrainingJob:
    """Submit the request of a finished job again, as a new job: that of a group, or that of a single training.

    Raises Conflict if the job has not finished or its dataset was deleted, and the errors of submit().
    """
    if not job.is_group:
        return submission.retry(job, by=by)
    source, plan = submission.repeatable(job), GroupPlan.from_dict(job.request)
    base = dataclasses.replace(plan.base, timeout_s=job.timeout_s)
    return submit(source, plan=dataclasses.replace(plan, base=base), by=by).job

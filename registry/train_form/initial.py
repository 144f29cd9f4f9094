"""The initial values of the training form: of an address, or of an earlier training."""

from django.conf import settings
from django.http import QueryDict

from catalog.models import DatasetVersion
from registry.estimators.algorithms import ENSEMBLES
from registry.jobs import submission
from registry.models import ModelVersion, TrainingJob
from registry.train_form import column_fields, measure_fields, parameter_fields, try_fields
from registry.train_form.forms import UNSUPERVISED
from registry.training.preparation import LEAVE_OUT
from registry.training.request import TrainingRequest


def of_query(query: QueryDict) -> dict:
    lists = {name: query.getlist(name) for name in ("algorithms",) if name in query}
    return query.dict() | lists


def of_earlier(earlier: TrainingJob | ModelVersion, *, source: DatasetVersion) -> dict:
    """What repeats an earlier training on a dataset version, as far as this has its columns."""
    if isinstance(earlier, ModelVersion):
        return _from_version(earlier, source=source)
    return _from_job(earlier, source=source)


def _from_job(job: TrainingJob, *, source: DatasetVersion) -> dict:
    model = {"module": "", "class": ""}  # of a group of several
    initial = _of_request(TrainingRequest.from_dict({"model": model} | job.request), source=source)
    initial |= try_fields.initial_of(job.request)
    if job.timeout_s != settings.TRAIN_TIMEOUT_S:
        initial["timeout_s"] = job.timeout_s
    return initial


def _from_version(version: ModelVersion, *, source: DatasetVersion) -> dict:
    """Of its job or, if that was deleted, as far as the version says it."""
    if hasattr(version, "trial"):
        request = submission.requested(version.training_job, version.training_request)
        return _of_request(request, source=source)
    if version.job and not version.job.is_group:
        return _from_job(version.job, source=source)
    request = TrainingRequest(
        module=version.module,
        class_name=version.algorithm,
        target=version.target,
        features=version.features,
        test_size=version.test_size,
        random_state=version.random_state,
        description=version.description,
        prepare={
            one["column"]: one["prepare"]
            for one in version.preparation
            if one["reason"] == "requested" or one["prepare"] == LEAVE_OUT
        },
    )
    return _of_request(request, source=source)


def _of_request(request: TrainingRequest, *, source: DatasetVersion) -> dict:
    choices = column_fields.choices_of_request(request, columns=source.columns, profile=source.profile)
    params = (
        {} if request.class_name in ENSEMBLES else request.params
    )  # the form has no fields for their members
    initial = parameter_fields.initial_of(params, {})
    if len(source.columns) <= column_fields.MAX_FIELDS:
        initial |= {column_fields.PREFIX + name: choice for name, choice in choices.items()}
    else:
        initial["prepare"] = column_fields.as_text(choices)
    return (
        initial
        | measure_fields.initial_of(request)
        | {
            "target": request.target or UNSUPERVISED,
            "description": request.description,
        }
    )

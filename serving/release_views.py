"""The pages that change what is live in a stage: rollback and retirement."""

from django.http import Http404
from django.urls import reverse

from catalog.models import Dataset
from mlplatform.auth import permissions
from registry.comparison.differences import Replacement
from registry.models import Stage
from registry.releases import confirmation, history, promotion
from registry.releases.confirmation import Question
from registry.releases.forms import RetireForm, RollbackForm


@permissions.page(permissions.of_stage, query=None, fields=None)
def rollback(request, dataset, environment):
    """A GET asks for confirmation; a POST rolls back, or leads to the confirmation if a version would be replaced."""
    dataset, back = _dataset(dataset, environment)
    form = confirmation.bound(request, RollbackForm)

    def plan(values: dict) -> Question:
        live, target = promotion.plan_rollback(
            dataset, stage=environment, by=request.user, to_version=values["to_version"]
        )
        title, submit = f"Roll back {environment} to version {target.number}?", f"Roll back {environment}"
        if not history.is_before(target, live):
            title = f"Release version {target.number} in {environment} again?"
            submit = f"Release version {target.number} again"
        return Question(
            title=title,
            submit=submit,
            dataset=dataset.name,
            stage=environment,
            live=live,
            number=target.number,
            replacement=Replacement(target.model_version, live and live.model_version),
            values={"to_version": target.number},
            why_named=_why_named(environment),
        )

    def run(values: dict, question: Question) -> str:
        confirmation.check_name(values, question)
        release = promotion.rollback(dataset, stage=environment, by=request.user, **values)
        return f"Version {release.number} is live in {environment} again."

    response = confirmation.change(request, form, back=back, plan=plan, run=run)
    return response or confirmation.refused(request, form, back=back)


@permissions.page(permissions.of_stage, query=None, fields=None)
def retire(request, dataset, environment):
    """A GET asks for confirmation; a POST retires the stage."""
    dataset, back = _dataset(dataset, environment)
    form = confirmation.bound(request, RetireForm)

    def plan(values: dict) -> Question:
        return Question(
            title=f"Retire {dataset.name} from {environment}?",
            submit=f"Retire {environment}",
            dataset=dataset.name,
            stage=environment,
            live=promotion.plan_retirement(dataset, stage=environment, by=request.user),
            why_named=_why_named(environment),
        )

    def run(values: dict, question: Question) -> str:
        confirmation.check_name(values, question)
        promotion.retire(dataset, stage=environment, by=request.user, **values)
        return f"{dataset.name} was retired from {environment}."

    response = confirmation.change(request, form, back=back, plan=plan, run=run)
    return response or confirmation.refused(request, form, back=back)


def _why_named(environment: str) -> str:
    return "production changes" if environment == Stage.PRODUCTION else ""


def _dataset(name: str, environment: str) -> tuple[Dataset, str]:
    """The dataset and the URL of its stage. Raises Http404 or NotFound."""
    if environment not in Stage.values:
        raise Http404(Stage.unknown(environment))
    dataset = Dataset.objects.named(name)
    return dataset, reverse("serving:stage", args=[dataset.name, environment])

"""The page of the training form."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django_htmx.http import replace_url

from catalog.models import Dataset
from mlplatform.auth import permissions
from mlplatform.validation import unknown_names
from mlplatform.validation.forms import integer
from registry.estimators.algorithms import ENSEMBLES
from registry.jobs import groups, submission
from registry.models import ModelVersion, TrainingJob
from registry.train_form import estimate, initial, request_panel, target_picture
from registry.train_form.column_fields import MAX_ROWS
from registry.train_form.forms import AUTOMATIC, TrainForm


@permissions.page("train", query=None, fields=None)
def train(request):
    """The training form, filled in with an earlier `job` or model `version` of the `dataset`.

    A POST with `refresh` shows it for another dataset, target or algorithm, with the same input.
    """
    if request.method == "POST":
        unknown_names.check_query(request.GET, ())
        query, earlier = request.POST, None
    else:
        query, earlier = request.GET, _earlier(request.GET)
    name = query.get("dataset") or (earlier and earlier.dataset_name)
    dataset = Dataset.objects.named(name) if name else Dataset.objects.order_by("-created_at").first()
    if dataset is None:
        return render(request, "registry/train_empty.html")
    repeated = earlier.algorithm if earlier and earlier.algorithm not in ENSEMBLES else None
    algorithm = query.get("algorithm") or repeated or AUTOMATIC
    if request.method != "POST" or "refresh" in request.POST:
        values = initial.of_earlier(earlier, source=dataset.version()) if earlier else initial.of_query(query)
        form = TrainForm(dataset=dataset, algorithm=algorithm, initial=values)
        unknown_names.check_query(request.GET, ["job", "version", *form.fields], lists=["algorithms"])
        errors = form.query_errors(request.GET)
        for error in errors:
            messages.error(request, error)
        return _render(request, form, status=400 if errors else 200)
    form = TrainForm(request.POST, dataset=dataset, algorithm=algorithm)
    if form.is_valid():
        entered = request_panel.read(form)
        options = {"by": request.user, "accept_warnings": "accept_warnings" in request.POST}
        try:
            if entered.plan:
                group = groups.submit(form.source, plan=entered.plan, **options)
                return redirect("registry:group", pk=group.pk)
            job = submission.submit(form.source, request=entered.request, **options)
        except ValidationError as error:
            form.add_operation_error(error)
        else:
            return redirect("registry:job", pk=job.pk)
    return _render(request, form, status=422)


def _earlier(query) -> TrainingJob | ModelVersion | None:
    """The job or the version of an address."""
    if (number := integer(query, "job")) is not None:
        return TrainingJob.objects.numbered(number)
    if (number := integer(query, "version")) is not None:
        return ModelVersion.objects.numbered(query.get("dataset", ""), number)
    return None


def _render(request, form: TrainForm, *, status: int):
    table, entered = form.column_table(), request_panel.read(form)
    rows = table.rows() if table else []
    context = {
        "form": form,
        "source": form.source,
        "algorithm": form.algorithm,
        "rows": rows[:MAX_ROWS] if form.is_wide else rows,
        "rows_not_shown": max(len(rows) - MAX_ROWS, 0) if form.is_wide else 0,
        "summary": table and table.summary(rows),
        "target": target_picture.of(form),
        "estimate": estimate.of(form, entered, features=sum(not row.is_left_out for row in rows)),
        "panel": request_panel.of(form, entered, url=request.build_absolute_uri(reverse("api-train"))),
    }
    response = render(request, "registry/train.html", context, status=status)
    if request.htmx:
        selected = {
            name: form[name].value() for name in ("dataset", "target", "algorithm") if name in form.fields
        }
        replace_url(response, f"{reverse('registry:train')}?{urlencode(selected)}")
    return response

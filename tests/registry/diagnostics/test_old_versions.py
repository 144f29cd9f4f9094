"""The diagnostics of versions that were registered without: on their page, by the API and by `manage.py evaluate`."""

import io

import pytest
from django.core.management import CommandError, call_command

from registry.diagnostics import curves
from registry.diagnostics.schema import (
    SectionsSerializer,
    SliceSerializer,
    SlicesSerializer,
    WorstRowSerializer,
)
from registry.evaluation.metrics import json_safe
from registry.models import Diagnostics, Evaluation, TrainingJob
from registry.training import run
from registry.training.request import TrainingRequest
from tests.registry.diagnostics.test_curves import held_out

PAGE = "/registry/models/flowers/1/"
URL = "/models/flowers/1/diagnostics"


def evaluate(*args):
    out, err = io.StringIO(), io.StringIO()
    call_command("evaluate", *args, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_api_computes_them_on_the_rows_that_the_training_held_out(make_version, api):
    version = make_version(params={"max_depth": 1})
    missing = api.get(URL)
    assert (missing.status_code, missing.json()["code"]) == (404, "no_diagnostics")
    response = api.post(URL)
    body = response.json()
    assert response.status_code == 201, body
    assert (body["rows"], body["metrics"]["accuracy"]) == (version.rows_test, version.metrics["accuracy"])
    assert body["metrics"]["confusion_matrix"] == version.metrics["confusion_matrix"]
    found = api.get(URL).json()
    assert (found["model"], found["version"], found["sections"]["slices"]["rows"]) == ("flowers", 1, 5)
    assert api.get("/models/flowers/1/evaluations").json()["results"] == []  # those are on other data


def test_they_are_those_that_the_training_computes_itself(make_version, api):
    version = make_version(params={"max_depth": 1}, features=["width"])
    api.post(URL)
    request = TrainingRequest.from_dict(version.job.request)
    fitted = run.fit(version.dataset_version, request=request, progress=lambda *args: None)
    with fitted.artifact.file:
        stored, computed = Diagnostics.objects.get(), dict(fitted.result.diagnostics)
        assert stored.background == computed.pop("background")
        assert stored.sections == computed


@pytest.mark.parametrize(
    "fields",
    [
        {"split": {"method": "group", "column": "width"}},
        {"module": "cluster", "class_name": "KMeans", "target": None, "params": {"n_clusters": 2}},
        {"module": "cluster", "class_name": "DBSCAN", "target": None},
        {"module": "linear_model", "class_name": "LinearRegression", "target": "width"},
    ],
    ids=["by group", "KMeans", "DBSCAN", "regression"],
)
def test_every_split_and_task_can_be_repeated(make_version, api, fields):
    make_version(features=["length"], **fields)
    response = api.post(URL)
    assert response.status_code == 201, response.json()


def test_rows_of_another_dataset_version_are_numbered_there(make_version, make_dataset, api):
    source = make_dataset("steps", "x,y\n" + "".join(f"{i},{i}\n" for i in range(30)))
    make_dataset("steps", "x,y\n1,1\n2,2\n3,900\n4,4\n", new_version=True)
    line = {"module": "linear_model", "class_name": "LinearRegression", "target": "y"}
    make_version(source, split={"method": "dataset_version", "dataset_version": 2}, **line)
    api.post("/models/steps/1/diagnostics")
    [worst, *_] = api.get("/models/steps/1/diagnostics").json()["sections"]["worst_rows"]["rows"]
    assert (worst["row"], worst["actual"]) == (3, 900)


def test_a_version_that_was_fitted_again_on_all_rows_is_refused_with_the_reason(make_version, api, page):
    make_version(refit=True)
    refused = api.post(URL)
    assert (refused.status_code, refused.json()["code"]) == (400, "refit")
    assert "was fitted again on all rows" in page.get(PAGE).text


def test_a_version_whose_training_job_was_deleted_is_refused(make_version, api):
    make_version()
    TrainingJob.objects.all().delete()
    assert api.post(URL).json()["code"] == "split_unknown"


def test_two_requests_at_once_are_one_job(make_version, api, settings):
    make_version()
    settings.JOB_QUEUED_HOOK = ""
    first, second = (api.post(URL, headers={"Prefer": "respond-async"}) for _ in range(2))
    assert (first.status_code, first.json()["url"]) == (202, second.json()["url"])
    assert Evaluation.objects.count() == 1


def test_the_page_queues_them_at_the_first_look_of_someone_who_may_train(make_version, page, settings):
    make_version()
    assert 'hx-trigger="load, submit"' in page.get(PAGE).text
    settings.JOB_QUEUED_HOOK = ""
    page.post(f"{PAGE}diagnose/")
    text = page.get(PAGE).text
    assert "The diagnostics are computed" in text
    assert f'hx-get="{PAGE}diagnostics/"' in text
    settings.JOB_QUEUED_HOOK = "tests.jobs_at_once.run"
    page.post(f"{PAGE}diagnose/")  # nothing more: the one in the queue is the job
    assert Evaluation.objects.count() == 1


HTMX = {"HX-Request": "true"}


def test_while_they_are_computed_the_page_asks_for_their_state_only(make_version, page, settings):
    make_version()
    assert page.get(f"{PAGE}diagnostics/").url == PAGE
    settings.JOB_QUEUED_HOOK = ""
    page.post(f"{PAGE}diagnose/")
    assert f'hx-get="{PAGE}diagnostics/"' in page.get(PAGE).text
    part = page.get(f"{PAGE}diagnostics/", headers=HTMX)
    assert "HX-Retarget" not in part.headers
    assert part.text.strip().startswith('<div class="card-head" id="diagnostics-state" hx-get')
    Evaluation.objects.update(state="failed")
    whole = page.get(f"{PAGE}diagnostics/", headers=HTMX)
    assert whole.headers["HX-Retarget"] == "#diagnostics"
    assert whole.text.strip().startswith('<div class="stack" id="diagnostics">')


def test_the_curves_of_a_class_are_a_part_of_the_page(make_version, page):
    found = json_safe({"curves": curves.measure(held_out(("ant", "bee", "fly")))})
    Diagnostics.objects.record(make_version(), sections=found, duration_s=1)
    assert page.get(f"{PAGE}?class=fly").context["diagnostics"]["curves"]["of_class"]["class"] == "fly"
    part = page.get(f"{PAGE}diagnostics/?class=bee", headers=HTMX).text
    assert "bee against all others" in part and "<h2" not in part
    assert page.get(f"{PAGE}diagnostics/?class=bee").url == f"{PAGE}?class=bee"
    for address in (f"{PAGE}?class=owl", f"{PAGE}diagnostics/?class=owl"):
        assert page.get(address, headers=HTMX).status_code == 404


def test_others_see_a_sentence(make_version, sign_in):
    make_version()
    viewer = sign_in("viewer")
    assert "Someone who can train models" in viewer.get(PAGE).text
    assert viewer.post(f"{PAGE}diagnose/").status_code == 403


def test_a_failed_computation_is_shown_and_not_repeated_by_itself(make_version, page, settings, admin):
    make_version()
    settings.JOB_QUEUED_HOOK = ""
    page.post(f"{PAGE}diagnose/")
    Evaluation.objects.update(state="out_of_memory", error="It ran out of memory.")
    text = page.get(PAGE).text
    assert "It ran out of memory." in text
    assert "hx-trigger" not in text.partition('id="diagnostics"')[2].partition("</section>")[0]


def test_the_command_computes_those_of_all_versions_without_any(make_version):
    make_version()
    make_version(refit=True)
    out, err = evaluate()
    assert "1 of 2 versions have new diagnostics" in out
    assert "was fitted again" in err
    assert "0 of 1 versions" in evaluate()[0]
    assert "1 of 1 versions" in evaluate("flowers", "1")[0]
    assert "1 of 2 versions" in evaluate("flowers", "--all")[0]
    with pytest.raises(CommandError, match="no model version 9"):
        evaluate("flowers", "9")


def test_the_schema_names_every_section_and_field_that_the_api_returns(make_version, api):
    make_version(params={"max_depth": 1})
    make_version(module="linear_model", class_name="LinearRegression", target="width")
    for number in (1, 2):
        api.post(f"/models/flowers/{number}/diagnostics")
        sections = api.get(f"/models/flowers/{number}/diagnostics").json()["sections"]
        assert set(sections) <= set(SectionsSerializer().fields)
        assert set(sections["slices"]) == set(SlicesSerializer().fields)
        assert {name for one in sections["slices"]["slices"] for name in one} <= set(SliceSerializer().fields)
        assert {name for one in sections["worst_rows"]["rows"] for name in one} <= set(
            WorstRowSerializer().fields
        )


def test_a_refused_request_is_not_sent_again_by_the_answer(make_version, page, settings):
    make_version()
    settings.MAX_QUEUED_JOBS = 0
    answer = page.post(f"{PAGE}diagnose/", headers={"HX-Request": "true"}, follow=True)
    assert "You have 0 queued evaluations, which is the limit" in answer.text
    assert 'hx-trigger="load' not in answer.text and f'action="{PAGE}diagnose/"' in answer.text
    boosted = page.get(PAGE, headers={"HX-Request": "true", "HX-Boosted": "true"})
    assert 'hx-trigger="load, submit"' in boosted.text

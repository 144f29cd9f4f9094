"""The pages of training, jobs and models: what they show, to whom, and what they keep after a mistake."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.models import Dataset
from registry.models import ModelVersion, TrainingJob
from registry.promotion import promote
from tests.conftest import LONELY

FILLED = {
    "dataset": "flowers",
    "algorithm": "DecisionTreeClassifier",
    "target": "species",
    "test_size": "0.25",
    "random_state": "7",
    "description": "a first try",
}
WIDE = "signature|metrics|parameters|features|request|traceback|log|recipe|profile|preview"
READ_WHOLE = re.compile(rf'(?:SELECT|,) "?\w+"?\."(?:{WIDE})"')  # not in JSON_EXTRACT( of one of its keys
HOUSES = "rooms,price\n" + "".join(f"{1 + i % 5},{100.5 + i * 3.25}\n" for i in range(30))


@pytest.fixture
def sign_in(client, make_user):
    def as_(role):
        client.force_login(make_user(role))
        return client

    return as_


class TestTrainForm:
    def test_without_a_dataset_it_says_what_to_do_first(self, page):
        assert "There is no dataset to train on yet" in page.get("/registry/train/").text

    def test_it_starts_with_sensible_choices(self, page, make_dataset):
        make_dataset()
        form = page.get("/registry/train/").context["form"]
        assert form["dataset"].value() == "flowers"
        assert form["target"].value() == "species"
        assert form["algorithm"].value() == "RandomForestClassifier"
        assert form["param-n_estimators"].value() is None

    def test_it_lists_the_algorithms_by_task(self, page, make_dataset):
        make_dataset()
        text = page.get("/registry/train/").text
        for task in ("classification", "regression", "clustering"):
            assert f'<optgroup label="{task}">' in text
        assert '<option value="RandomForestClassifier" selected>' in text

    def test_a_parameter_says_what_it_allows_and_its_default(self, page, make_dataset):
        make_dataset()
        text = page.get("/registry/train/").text
        assert "The number of trees in the forest. An integer from 1 to" in text
        assert 'placeholder="100"' in text

    def test_sending_it_trains_and_leads_to_the_job(self, page, make_dataset):
        make_dataset()
        answer = page.post("/registry/train/", FILLED | {"param-max_depth": "3", "leave_out": ["colour"]})
        job = TrainingJob.objects.get()
        assert answer["Location"] == f"/registry/jobs/{job.pk}/"
        assert job.request["features"] == ["length", "width"]
        assert job.request["model"]["params"] == {"max_depth": 3}
        assert (job.request["test_size"], job.request["random_state"]) == (0.25, 7)

    @pytest.mark.parametrize(
        ("wrong", "field", "sentence"),
        [
            ({"test_size": "1.5"}, "test_size", "above 0 and below 1"),
            ({"target": "specie"}, "target", "did you mean"),
            ({"param-max_depth": "0"}, "param-max_depth", "max_depth of DecisionTreeClassifier must be"),
            ({"param-criterion": "ginny"}, "param-criterion", "Select a valid choice|did you mean"),
            ({"random_state": "-1"}, "random_state", "integer from 0"),
            ({"leave_out": ["length", "width", "colour"]}, "leave_out", "No feature columns are left"),
        ],
    )
    def test_a_mistake_stands_at_its_field_and_the_rest_is_kept(
        self, page, make_dataset, wrong, field, sentence
    ):
        make_dataset()
        answer = page.post("/registry/train/", FILLED | wrong)
        assert answer.status_code == 422
        said = answer.context["form"].errors[field][0]
        assert any(part in said for part in sentence.split("|"))
        assert "a first try" in answer.text
        assert not TrainingJob.objects.exists()

    def test_another_algorithm_brings_its_parameters_and_keeps_what_was_typed(self, page, make_dataset):
        make_dataset()
        sent = FILLED | {"algorithm": "LogisticRegression", "param-max_iter": "77", "refresh": "1"}
        answer = page.post("/registry/train/", sent)
        assert answer.status_code == 200
        form = answer.context["form"]
        assert "param-C" in form.fields
        assert "param-max_depth" not in form.fields
        assert form["param-max_iter"].value() == "77"
        assert (form["description"].value(), form["test_size"].value()) == ("a first try", "0.25")
        assert not TrainingJob.objects.exists()

    def test_another_dataset_keeps_only_the_columns_that_it_has(self, page, make_dataset):
        make_dataset()
        make_dataset("houses", HOUSES)
        sent = FILLED | {"dataset": "houses", "leave_out": ["colour"], "refresh": "1"}
        form = page.post("/registry/train/", sent).context["form"]
        assert form["target"].value() == "price"
        assert form["leave_out"].value() == []

    def test_htmx_gets_an_address_that_can_be_reloaded(self, page, make_dataset):
        make_dataset()
        answer = page.post("/registry/train/", FILLED | {"refresh": "1"}, headers={"HX-Request": "true"})
        assert answer["HX-Replace-Url"] == (
            "/registry/train/?dataset=flowers&algorithm=DecisionTreeClassifier"
        )

    def test_a_clusterer_has_no_test_share_and_may_have_no_target(self, page, make_dataset):
        make_dataset(content=HOUSES, name="houses")
        form = page.get("/registry/train/?dataset=houses&algorithm=KMeans").context["form"]
        assert "test_size" not in form.fields
        assert form["target"].value() == ""
        page.post(
            "/registry/train/",
            {"dataset": "houses", "algorithm": "KMeans", "target": "", "param-n_clusters": "2"},
        )
        assert TrainingJob.objects.get().state == "succeeded"

    def test_one_that_cannot_predict_says_so(self, page, make_dataset):
        make_dataset()
        assert "take one such as KMeans" in page.get("/registry/train/?algorithm=DBSCAN").text

    def test_a_job_is_filled_in_again(self, page, make_job, make_dataset):
        job = make_job(
            make_dataset(), target="species", features=["length"], test_size=0.3, params={"max_depth": 2}
        )
        form = page.get(f"/registry/train/?job={job.pk}").context["form"]
        assert form["leave_out"].value() == ["width", "colour"]
        assert form["param-max_depth"].value() == "2"
        assert form["test_size"].value() == 0.3
        assert form["algorithm"].value() == "DecisionTreeClassifier"

    def test_an_unknown_algorithm_names_the_nearest(self, page, make_dataset):
        make_dataset()
        answer = page.get(
            "/registry/train/?algorithm=RandomForrestClassifier", headers={"Accept": "text/html"}
        )
        assert answer.status_code == 400
        assert "RandomForestClassifier" in answer.text

    def test_5000_columns_are_typed_not_ticked(self, page, make_dataset):
        names = [f"c{number}" for number in range(5_000)]
        make_dataset(content="\n".join([",".join(names), *[",".join("1" for _ in names)] * 2]))
        text = page.get("/registry/train/").text
        assert 'type="checkbox"' not in text
        assert text.count("<option") > 5_000
        answer = page.post("/registry/train/", FILLED | {"target": "c1", "leave_out": "c2\r\nnothing\r\n"})
        assert answer.context["form"].errors["leave_out"] == ["`nothing` is not a column of this dataset."]

    def test_markup_in_a_column_name_stays_text(self, page, make_dataset):
        make_dataset(content='"<b>""x",y\n1,2\n3,4\n')
        assert "<b>" not in page.get("/registry/train/").text


class TestJobs:
    def test_a_job_that_ended_stops_asking(self, page, make_job):
        job = make_job()
        text = page.get(f"/registry/jobs/{job.pk}/", headers={"HX-Request": "true"}).text
        assert "hx-trigger" not in text
        assert "<html" not in text
        assert "Succeeded" in text
        assert "Open version 1" in text

    def test_a_job_that_runs_asks_every_second_and_can_be_reloaded(self, page, make_job):
        job = make_job()
        TrainingJob.objects.filter(pk=job.pk).update(state="running", stage="fitting", finished_at=None)
        text = page.get(f"/registry/jobs/{job.pk}/").text
        assert 'hx-trigger="every 1s"' in text
        assert "Fitting the model" in text
        assert "Reload" in text

    def test_a_failed_job_says_why_and_offers_to_run_again(self, page, make_job, make_dataset):
        job = make_job(make_dataset("lonely", LONELY))
        text = page.get(f"/registry/jobs/{job.pk}/").text
        assert "No model was made" in text
        assert "needs at least 2" in text
        assert f'href="/registry/train/?job={job.pk}"' in text

    def test_the_traceback_is_for_administrators(self, page, client, make_job, make_user):
        job = make_job()
        TrainingJob.objects.filter(pk=job.pk).update(state="failed", traceback="Traceback: line 7")
        assert "Traceback: line 7" in page.get(f"/registry/jobs/{job.pk}/").text
        client.force_login(make_user("release manager"))
        assert "Traceback" not in client.get(f"/registry/jobs/{job.pk}/").text

    def test_a_running_job_can_be_cancelled_by_who_may_train(self, page, client, make_job, make_user):
        job = make_job()
        TrainingJob.objects.filter(pk=job.pk).update(state="queued", finished_at=None)
        assert "Cancel" in page.get(f"/registry/jobs/{job.pk}/").text
        client.force_login(make_user("viewer"))
        assert "Cancel" not in client.get(f"/registry/jobs/{job.pk}/").text
        assert client.post(f"/registry/jobs/{job.pk}/").status_code == 403
        client.force_login(make_user("data scientist", username="dan"))
        assert "Cancelled by dan." in client.post(f"/registry/jobs/{job.pk}/", follow=True).text

    def test_cancelling_what_has_ended_says_so(self, page, make_job):
        assert "has already finished" in page.post(f"/registry/jobs/{make_job().pk}/", follow=True).text

    def test_a_job_shows_how_long_each_step_took(self, page, make_job):
        text = page.get(f"/registry/jobs/{make_job().pk}/").text
        for step in ("Reading the dataset", "Fitting the model", "Saving the model"):
            assert step in text

    def test_the_list_asks_again_only_while_a_job_runs(self, page, make_job):
        job = make_job()
        assert "every 1s" not in page.get("/registry/jobs/").text
        TrainingJob.objects.filter(pk=job.pk).update(state="queued")
        assert "every 1s" in page.get("/registry/jobs/").text

    def test_the_list_filters_by_state(self, page, make_job):
        make_job()
        assert len(page.get("/registry/jobs/?state=succeeded").context["page"]) == 1
        assert "No job matches" in page.get("/registry/jobs/?state=failed").text

    def test_a_job_of_a_deleted_dataset_is_still_shown(self, page, make_job):
        job = make_job()
        TrainingJob.objects.filter(pk=job.pk).update(dataset_version=None)
        assert "deleted since" in page.get(f"/registry/jobs/{job.pk}/").text


class TestModels:
    def test_a_classifier_shows_its_metrics_matrix_parameters_and_lineage(self, page, make_version):
        make_version()
        text = page.get("/registry/models/flowers/1/").text
        for wanted in (
            "Accuracy",
            "Confusion matrix",
            "By class",
            "max_depth",
            "Dataset flowers, version 1",
            "sha",
        ):
            assert wanted.lower() in text.lower()
        assert 'href="/models/flowers/1/artifact"' in text

    def test_a_regressor_shows_its_residuals(self, page, make_version, make_dataset):
        source = make_dataset("houses", HOUSES)
        make_version(source, module="linear_model", class_name="LinearRegression")
        text = page.get("/registry/models/houses/1/").text
        assert "Actual and predicted" in text
        assert "Confusion matrix" not in text

    def test_a_clusterer_shows_its_clusters(self, page, make_version):
        make_version(module="cluster", class_name="KMeans", target=None, params={"n_clusters": 2})
        text = page.get("/registry/models/flowers/1/").text
        assert "Cluster sizes" in text
        assert "cluster 1" in text

    def test_promoting_comes_back_with_a_message_and_a_comment_in_the_lineage(self, page, make_version):
        make_version()
        form = {"stage": "staging", "comment": "Better than the last."}
        answer = page.post("/registry/models/flowers/1/promote/", form, follow=True)
        assert answer.redirect_chain == [("/registry/models/flowers/1/", 302)]
        assert "Version 1 is live in staging." in answer.text
        assert "Better than the last." in answer.text

    def test_a_refused_promotion_keeps_the_comment(self, page, make_version, admin):
        promote(make_version(), stage="production", by=admin)
        answer = page.post("/registry/models/flowers/1/promote/", {"stage": "dev", "comment": "kept words"})
        assert answer.status_code == 422
        assert "moves a version up" in answer.text
        assert "kept words" in answer.text

    def test_each_role_is_offered_the_stages_that_it_may_release_to(self, sign_in, make_version):
        make_version()
        text = sign_in("data scientist").get("/registry/models/flowers/1/").text
        assert 'value="staging"' in text
        assert 'value="production"' not in text

    def test_the_server_checks_the_role_whatever_the_form_offers(self, sign_in, make_version):
        make_version()
        scientist = sign_in("data scientist")
        answer = scientist.post("/registry/models/flowers/1/promote/", {"stage": "production"})
        assert answer.status_code == 403
        assert ModelVersion.objects.get().stage == "dev"

    def test_a_viewer_sees_no_form_and_no_delete(self, sign_in, make_version):
        make_version()
        viewer = sign_in("viewer")
        text = viewer.get("/registry/models/flowers/1/").text
        assert "/promote/" not in text
        assert "/delete/" not in text
        assert viewer.post("/registry/models/flowers/1/promote/", {"stage": "staging"}).status_code == 403
        assert viewer.get("/registry/train/").status_code == 403

    def test_deleting_asks_first(self, page, make_version):
        make_version()
        assert "This cannot be undone." in page.get("/registry/models/flowers/1/delete/").text
        assert page.post("/registry/models/flowers/1/delete/")["Location"] == "/registry/models/"
        assert not ModelVersion.objects.exists()

    def test_the_list_shows_the_tasks_own_figure(self, page, make_version, make_dataset):
        version = make_version()
        row = page.get("/registry/models/").context["page"][0]
        assert row.headline == pytest.approx(version.metrics["accuracy"])

    def test_the_list_filters_and_sorts(self, page, make_version, make_dataset):
        source = make_dataset()
        make_version(source)
        make_version(source, module="neighbors", class_name="KNeighborsClassifier")
        numbers = [model.number for model in page.get("/registry/models/?ordering=version").context["page"]]
        assert numbers == [1, 2]
        assert [m.number for m in page.get("/registry/models/?q=neighbors").context["page"]] == [2]
        assert "No model version matches" in page.get("/registry/models/?dataset=nothing").text


def crowd(version, start, end):
    """Copies of one model version, its job and its release under other numbers."""
    for number in range(start, end):
        job = TrainingJob.objects.get(pk=version.job_id)
        job.pk = None
        job.save(force_insert=True)
        release = version.releases.first()
        copy = ModelVersion.objects.get(pk=version.pk)
        copy.pk, copy.number, copy.job = None, number, job
        copy.save(force_insert=True)
        release.pk, release.model_version, release.ended_at = None, copy, release.started_at
        release.save(force_insert=True)


@pytest.mark.parametrize(
    "path", ["/registry/models/", "/registry/jobs/", "/", "/serving/", "/serving/flowers/dev/"]
)
def test_more_rows_cost_no_further_query_and_no_wide_column(
    page, make_version, path, django_assert_max_num_queries
):
    version = make_version()
    crowd(version, 2, 4)
    with CaptureQueriesContext(connection) as few:
        page.get(path)
    crowd(version, 4, 31)
    with django_assert_max_num_queries(len(few)) as many:
        assert page.get(path).status_code == 200
    if path != "/serving/flowers/dev/":  # its form is built from one signature, read by itself
        read = [query["sql"].partition(" FROM ")[0] for query in many.captured_queries]
        assert not [sql for sql in read if READ_WHOLE.search(sql)]


def test_the_train_form_costs_the_same_with_many_datasets(page, make_dataset, django_assert_max_num_queries):
    make_dataset()
    with CaptureQueriesContext(connection) as few:
        page.get("/registry/train/?dataset=flowers")
    Dataset.objects.bulk_create(Dataset(name=f"more_{number}") for number in range(30))
    with django_assert_max_num_queries(len(few)):
        assert "more_29" in page.get("/registry/train/?dataset=flowers").text


def test_what_the_dry_run_finds_odd_stands_by_its_field_and_can_be_accepted(page, make_dataset):
    make_dataset("leaky", "a,b,y\n" + "".join(f"{i % 3},{'xz'[i % 2]},{'xz'[i % 2]}\n" for i in range(60)))
    form = {"dataset": "leaky", "algorithm": "DecisionTreeClassifier", "target": "y", "test_size": "0.2"}
    asked = page.post("/registry/train/", form)
    shown = asked.content.decode()
    assert asked.status_code == 422
    assert "<code>b</code> alone predicts <code>y</code> almost perfectly" in shown
    assert "Train anyway" in shown
    assert not TrainingJob.objects.exists()
    assert page.post("/registry/train/", form | {"accept_warnings": "1"}).status_code == 302
    assert TrainingJob.objects.get().warnings[0]["code"] == "leak"


def test_a_time_limit_over_the_platform_s_stands_by_its_field(page, make_dataset):
    make_dataset()
    form = {
        "dataset": "flowers",
        "algorithm": "DecisionTreeClassifier",
        "target": "species",
        "test_size": "0.2",
    }
    refused = page.post("/registry/train/", form | {"timeout_s": "99999999"})
    assert refused.status_code == 422
    assert "timeout_s" in refused.context["form"].errors

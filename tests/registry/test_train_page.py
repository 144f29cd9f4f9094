"""The page of the training form."""

import pytest

from registry.models import TrainingJob
from registry.train_form import column_fields
from tests.conftest import FLOWERS

FILLED = {
    "dataset": "flowers",
    "algorithm": "DecisionTreeClassifier",
    "target": "species",
    "test_size": "0.25",
    "random_state": "7",
    "description": "a first try",
}
HOUSES = "rooms,price\n" + "".join(f"{1 + i % 5},{100.5 + i * 3.25}\n" for i in range(30))


def test_the_train_page_without_a_dataset_links_to_the_upload(page):
    assert "No datasets yet" in page.get("/registry/train/").text


def test_the_train_form_selects_no_target_unless_a_column_is_named_like_one(page, make_dataset):
    make_dataset()
    form = page.get("/registry/train/").context["form"]
    assert form["dataset"].value() == "flowers"
    assert (form["target"].value(), form["algorithm"].value()) == ("", "")
    assert form.fields["algorithm"].required
    assert form.parameter_fields() == []
    make_dataset("named", FLOWERS.replace("colour", "Label"))
    form = page.get("/registry/train/?dataset=named").context["form"]
    assert (form["target"].value(), form["algorithm"].value()) == ("Label", "RandomForestClassifier")
    assert form["param-n_estimators"].value() is None


@pytest.mark.parametrize(
    ("target", "tasks"),
    [
        ("name", ["classification", "clustering"]),
        ("price", ["regression", "clustering"]),
        ("grade", ["classification", "regression", "clustering"]),
        ("age", ["regression", "classification", "clustering"]),
    ],
)
def test_the_train_form_offers_algorithms_that_fit_the_target(page, make_dataset, target, tasks):
    rows = "".join(f"{'ab'[i % 2]},{i * 1.5},{i % 3},{i % 20}\n" for i in range(60))
    make_dataset("people", "name,price,grade,age\n" + rows)
    form = page.get(f"/registry/train/?dataset=people&target={target}").context["form"]
    assert [task for task, _ in form.fields["algorithm"].widget.choices] == tasks
    suffix = {"classification": "Classifier", "regression": "Regressor"}[tasks[0]]
    assert form["algorithm"].value() == f"RandomForest{suffix}"


def test_the_train_form_replaces_an_algorithm_that_does_not_fit_the_target(page, make_dataset):
    make_dataset("houses", HOUSES)
    sent = {"dataset": "houses", "target": "price", "algorithm": "SVC", "refresh": "1"}
    form = page.post("/registry/train/", sent).context["form"]
    assert form["algorithm"].value() == "RandomForestRegressor"
    assert form.fields["algorithm"].help_text.startswith("SVC does not fit the target.")


@pytest.mark.parametrize(
    ("content", "target"), [(FLOWERS, "species"), (HOUSES, "price"), ("x,y\n1,a\n2,b\n3,a\n4,b\n5,b\n", "y")]
)
def test_the_defaults_of_the_train_form_train_a_model_for_any_target(page, make_dataset, content, target):
    make_dataset("table", content)
    form = page.get(f"/registry/train/?dataset=table&target={target}").context["form"]
    values = {field.name: field.value() for field in form if field.value() not in (None, [])}
    response = page.post("/registry/train/", values | {"algorithm": "", "accept_warnings": "1"})
    assert response.status_code == 302
    assert TrainingJob.objects.get().state == "succeeded"


def test_a_training_without_a_target_names_the_field(page, make_dataset):
    make_dataset()
    response = page.post("/registry/train/", {"dataset": "flowers", "target": "", "algorithm": ""})
    assert response.context["form"].errors["target"] == ["Select the column to predict."]
    assert "algorithm" not in response.context["form"].errors


def test_without_a_target_the_train_form_lists_all_algorithms_by_task(page, make_dataset):
    make_dataset()
    text = page.get("/registry/train/").text
    for task in ("classification", "regression", "clustering"):
        assert f'<optgroup label="{task}">' in text
    assert '<option value="" selected>Random forest, to fit the target</option>' in text


def test_a_parameter_field_shows_the_allowed_values_and_the_default(page, make_dataset):
    make_dataset()
    text = page.get("/registry/train/?target=species").text
    assert "The number of trees in the forest. An integer from 1 to" in text
    assert 'placeholder="100"' in text


def test_submitting_the_train_form_creates_a_job_and_redirects_to_it(page, make_dataset):
    make_dataset()
    response = page.post("/registry/train/", FILLED | {"param-max_depth": "3", "prepare-colour": "leave_out"})
    job = TrainingJob.objects.get()
    assert response["Location"] == f"/registry/jobs/{job.pk}/"
    assert job.request["features"] == ["length", "width"]
    assert job.request["model"]["params"] == {"max_depth": 3}
    assert (job.request["test_size"], job.request["random_state"]) == (0.25, 7)


@pytest.mark.parametrize(
    ("wrong", "field", "sentence"),
    [
        ({"test_size": "1.5"}, "test_size", "above 0 and below 1"),
        ({"target": "specie"}, "target", "did you mean"),
        ({"param-max_depth": "0"}, "param-max_depth", "max_depth of DecisionTreeClassifier must be"),
        ({"param-criterion": "ginny"}, "param-criterion", "did you mean"),
        ({"random_state": "-1"}, "random_state", "Must be at least 0."),
        (
            {f"prepare-{name}": "leave_out" for name in ("length", "width", "colour")},
            "prepare",
            "No feature columns are left",
        ),
        ({"prepare-colour": "scale"}, "prepare-colour", "`colour` cannot be prepared by scale"),
        ({"prepare-colour": "native"}, "prepare-colour", "has no native categories; use one_hot"),
    ],
)
def test_an_invalid_train_form_shows_the_error_at_its_field_and_keeps_the_input(
    page, make_dataset, wrong, field, sentence
):
    make_dataset()
    response = page.post("/registry/train/", FILLED | wrong)
    assert response.status_code == 422
    error = response.context["form"].errors[field][0]
    assert any(part in error for part in sentence.split("|"))
    assert "a first try" in response.text
    assert not TrainingJob.objects.exists()


def test_selecting_another_algorithm_shows_its_parameters_and_keeps_the_input(page, make_dataset):
    make_dataset()
    sent = FILLED | {"algorithm": "LogisticRegression", "param-max_iter": "77", "refresh": "1"}
    response = page.post("/registry/train/", sent)
    assert response.status_code == 200
    form = response.context["form"]
    assert "param-C" in form.fields
    assert "param-max_depth" not in form.fields
    assert form["param-max_iter"].value() == "77"
    assert (form["description"].value(), form["test_size"].value()) == ("a first try", "0.25")
    assert not TrainingJob.objects.exists()


def test_selecting_another_dataset_keeps_only_columns_that_it_has(page, make_dataset):
    make_dataset()
    make_dataset("houses", HOUSES)
    sent = FILLED | {"dataset": "houses", "prepare-colour": "leave_out", "refresh": "1"}
    form = page.post("/registry/train/", sent).context["form"]
    assert form["target"].value() == ""
    assert column_fields.entered(form) == {}


def test_a_refreshed_train_form_has_a_url_that_can_be_reloaded(page, make_dataset):
    make_dataset()
    response = page.post("/registry/train/", FILLED | {"refresh": "1"}, headers={"HX-Request": "true"})
    url = "/registry/train/?dataset=flowers&target=species&algorithm=DecisionTreeClassifier"
    assert response["HX-Replace-Url"] == url


def test_clustering_has_no_test_size_and_needs_no_target(page, make_dataset):
    make_dataset(content=HOUSES, name="houses")
    form = page.get("/registry/train/?dataset=houses&algorithm=KMeans").context["form"]
    assert "test_size" not in form.fields
    assert form["target"].value() == ""
    page.post(
        "/registry/train/",
        {"dataset": "houses", "algorithm": "KMeans", "target": "", "param-n_clusters": "2"},
    )
    assert TrainingJob.objects.get().state == "succeeded"


def test_the_train_form_says_that_a_clusterer_predicts_no_column(page, make_dataset):
    make_dataset()
    text = page.get("/registry/train/?algorithm=KMeans").text
    assert "KMeans is a clusterer: it groups similar rows" in text
    assert "A selected one is left out of the features." in text


def test_an_algorithm_that_cannot_predict_new_rows_has_a_notice(page, make_dataset):
    make_dataset()
    assert "select another algorithm, such as KMeans" in page.get("/registry/train/?algorithm=DBSCAN").text


def test_running_a_job_again_fills_in_its_request(page, make_job, make_dataset):
    job = make_job(
        make_dataset(), target="species", features=["length"], test_size=0.3, params={"max_depth": 2}
    )
    form = page.get(f"/registry/train/?job={job.pk}").context["form"]
    assert column_fields.entered(form) == {"width": "leave_out", "colour": "leave_out"}
    assert form["param-max_depth"].value() == "2"
    assert form["test_size"].value() == 0.3
    assert form["algorithm"].value() == "DecisionTreeClassifier"


def test_the_train_page_of_an_unknown_algorithm_names_the_nearest(page, make_dataset):
    make_dataset()
    response = page.get("/registry/train/?algorithm=RandomForrestClassifier", headers={"Accept": "text/html"})
    assert response.status_code == 400
    assert "RandomForestClassifier" in response.text


def test_the_choices_of_a_wide_dataset_are_entered_as_text(page, make_dataset):
    names = [f"c{number}" for number in range(2_000)]
    make_dataset(content="\n".join([",".join(names), *[",".join("12" for _ in names)] * 2]))
    response = page.get("/registry/train/?target=c1&prepare=c700")
    assert 'name="prepare-' not in response.text
    assert [row.name for row in response.context["rows"]][:2] == ["c700", "c0"]
    assert response.context["rows_not_shown"] == 1_949
    response = page.post(
        "/registry/train/", FILLED | {"target": "c1", "prepare": "c2\r\nc3: scale\r\nnothing\r\n"}
    )
    form = response.context["form"]
    assert form.errors["prepare"] == ["`nothing` is not a feature of this training."]
    assert column_fields.entered(form) == {"c2": "leave_out", "c3": "scale", "nothing": "leave_out"}


def test_markup_in_a_column_name_is_escaped(page, make_dataset):
    make_dataset(content='"<b>""x",y\n1,2\n3,4\n')
    assert "<b>" not in page.get("/registry/train/").text


def test_warnings_of_the_dry_run_are_shown_at_their_field_and_can_be_accepted(page, make_dataset):
    make_dataset("leaky", "a,b,y\n" + "".join(f"{i % 3},{'xz'[i % 2]},{'xz'[i % 2]}\n" for i in range(60)))
    form = {"dataset": "leaky", "algorithm": "DecisionTreeClassifier", "target": "y", "test_size": "0.2"}
    response = page.post("/registry/train/", form)
    assert response.status_code == 422
    assert "<code>b</code> alone predicts <code>y</code> almost perfectly" in response.text
    assert "Train anyway" in response.text
    assert not TrainingJob.objects.exists()
    assert page.post("/registry/train/", form | {"accept_warnings": "1"}).status_code == 302
    assert TrainingJob.objects.get().warnings[0]["code"] == "leak"


def test_a_time_limit_above_the_platforms_limit_is_an_error_at_its_field(page, make_dataset):
    make_dataset()
    form = {
        "dataset": "flowers",
        "algorithm": "DecisionTreeClassifier",
        "target": "species",
        "test_size": "0.2",
    }
    response = page.post("/registry/train/", form | {"timeout_s": "99999999"})
    assert response.status_code == 422
    assert "timeout_s" in response.context["form"].errors


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("algorithm=zz", "<code>algorithm=zz</code>: Unknown algorithm &quot;zz&quot;;"),
        ("target=zz", "<code>target=zz</code>: this dataset has no such column."),
        ("prepare=zz", "<code>prepare=zz</code>: <code>zz</code> is not a feature of this training."),
        ("test_size=zz", "<code>test_size=zz</code>: Must be a number."),
        ("random_state=-1", "<code>random_state=-1</code>: Must be at least 0."),
    ],
)
def test_an_address_with_an_invalid_value_shows_the_form_and_names_field_and_value(
    page, make_dataset, query, sentence
):
    make_dataset()
    response = page.get(f"/registry/train/?dataset=flowers&{query}")
    assert response.status_code == 400
    assert sentence in response.text
    assert response.context["form"]["dataset"].value() == "flowers"


def test_an_unknown_algorithm_is_an_error_of_its_field_and_keeps_the_input(page, make_dataset):
    make_dataset()
    response = page.post("/registry/train/", FILLED | {"algorithm": "zz"})
    assert response.status_code == 422
    assert 'Unknown algorithm "zz"' in response.context["form"].errors["algorithm"][0]
    assert "a first try" in response.text


def test_the_errors_of_parameters_and_options_are_shown_together(page, make_dataset):
    make_dataset()
    wrong = {"param-max_depth": "0", "test_size": "2", "timeout_s": "0", "random_state": "-1"}
    response = page.post("/registry/train/", FILLED | wrong)
    assert response.status_code == 422
    assert set(response.context["form"].errors) == set(wrong)

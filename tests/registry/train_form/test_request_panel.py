"""The JSON beside the training form is the request that the form makes."""

import json

import pytest

from registry.jobs.submission import resolve
from registry.models import TrainingJob
from registry.train_form import column_fields, initial, request_panel
from registry.train_form.forms import TrainForm
from registry.training.request import TrainingRequest
from tests.registry.train_form.test_column_fields import PEOPLE

FILLED = {"dataset": "people", "target": "risk", "algorithm": "DecisionTreeClassifier", "test_size": "0.3"}


@pytest.fixture
def panel(make_dataset):
    def make(algorithm="DecisionTreeClassifier", **values):
        version = make_dataset("people", PEOPLE)
        form = TrainForm(dataset=version.dataset, algorithm=algorithm, initial=FILLED | values)
        return version, request_panel.of(form, request_panel.read(form), url="http://here/train")

    return make


@pytest.fixture
def without_worker(settings):
    """A training is queued, not run."""
    settings.JOB_QUEUED_HOOK = ""


@pytest.mark.usefixtures("without_worker")
@pytest.mark.parametrize(
    "values",
    [
        {},
        {"split_method": "time", "split_column": "joined", "cv": "3", "refit": "on", "sample_weight": "age"},
        {
            "split_method": "group",
            "split_column": "city",
            "threshold": "number",
            "threshold_number": "0.6",
            "primary_metric": "f1_score",
        },
        {
            "threshold": "costs",
            "cost_false_positive": "1",
            "cost_false_negative": "4.5",
            "calibration": "sigmoid",
        },
        {
            "threshold": "number",
            "threshold_number": "0.3",
            "split_method": "group",
            "split_column": "city",
            "prepare-city": "one_hot",
        },
        {"prepare-id": "use", "prepare-city": "leave_out", "prepare-age": "scale"},
        {
            "cv": "3",
            "cv_repeats": "2",
            "random_state": "",
            "timeout_s": "60",
            "description": "it's",
            "param-max_depth": "3",
            "test_size": "0.25",
        },
    ],
)
def test_the_form_requests_what_its_json_says(page, panel, values):
    version, shown = panel(**values)
    body = json.loads(shown.body)
    assert (body["dataset_name"], shown.problems) == ("people", [])
    response = page.post(
        "/registry/train/", FILLED | {"random_state": "42"} | values | {"accept_warnings": "1"}
    )
    assert response.status_code == 302, response.context["form"].errors
    request = resolve(version, request=TrainingRequest.from_dict(body))
    job = TrainingJob.objects.get()
    assert job.request == request.to_dict()
    again = TrainForm(
        dataset=version.dataset, algorithm=job.algorithm, initial=initial.of_earlier(job, source=version)
    )
    repeated = request_panel.read(again)
    assert (resolve(version, request=repeated.request).to_dict(), repeated.problems) == (job.request, {})


def test_a_field_with_an_error_is_left_out_of_the_request_and_named(panel):
    _, shown = panel(test_size="2", **{"param-max_depth": "0", "prepare-age": "words"})
    body = json.loads(shown.body)
    assert "params" not in body["model"]
    assert "test_size" not in body
    problems = dict(shown.problems)
    assert problems["Test size"].startswith("The test size must be a number above 0")
    assert "max_depth of DecisionTreeClassifier must be" in problems["max_depth"]
    assert problems["Preparation of age"].startswith("`age` cannot be prepared by words")


def test_there_is_no_request_without_a_target(panel):
    _, shown = panel(algorithm="", target="")
    assert (shown.body, shown.problems) == ("", [("Target", "Select the column to predict.")])


def test_the_command_quotes_what_the_shell_would_read(panel):
    _, shown = panel(description="it's $5")
    assert "it'\\''s $5" in shown.curl


def test_the_page_has_the_request_the_classes_of_the_target_and_no_estimate_yet(page, make_dataset):
    make_dataset("people", PEOPLE)
    text = page.get("/registry/train/?dataset=people&target=risk").text
    assert "&quot;target_column&quot;: &quot;risk&quot;" in text
    assert "curl -X POST http://testserver/train" in text
    assert "2 classes in 60 rows" in text
    assert "Measured on 20 % of the rows, drawn at random." in text
    assert "No estimate of the time yet: RandomForestClassifier has not been trained here." in text


def test_training_differently_fills_in_the_request_of_the_version(page, make_version, make_dataset):
    source = make_dataset("people", PEOPLE)
    make_version(
        source, target="risk", prepare={"id": "one_hot", "age": "leave_out"}, params={"max_depth": 2}
    )
    response = page.get("/registry/train/?dataset=people&version=1")
    form = response.context["form"]
    assert column_fields.entered(form) == {"id": "one_hot", "age": "leave_out"}
    assert form["param-max_depth"].value() == "2"
    assert "Takes about" in response.text


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"split_method": "time"}, "split_column", "The split `time` needs a `column`."),
        ({"split_method": "group", "split_column": "zz"}, "split_column", "did you mean"),
        ({"cv": "1"}, "cv", "Must be at least 2."),
        (
            {"threshold": "number", "threshold_number": "2"},
            "threshold",
            "It must be a number above 0 and below 1",
        ),
        ({"sample_weight": "city"}, "sample_weight", "`city`"),
    ],
)
def test_an_error_of_the_measurement_is_at_its_field(page, panel, values, field, sentence):
    panel()
    response = page.post("/registry/train/", FILLED | {"random_state": "1"} | values)
    assert sentence.partition("did you mean")[0] in response.context["form"].errors[field][0]


def test_the_fields_of_the_measurement_follow_the_dataset_and_the_task(page, panel, make_dataset):
    panel()
    form = page.get("/registry/train/?dataset=people&target=risk").context["form"]
    methods = [value for value, _ in form.fields["split_method"].choices]
    assert methods == ["random", "time", "group", "column"]
    assert {"threshold", "calibration"} <= set(form.fields)
    form = page.get("/registry/train/?dataset=people&target=age").context["form"]
    assert not {"threshold", "calibration"} & set(form.fields)
    make_dataset("people", PEOPLE + "P9,Ulm,20,2026-01-11,one two three,low\n", new_version=True)
    address = "/registry/train/?dataset=people&target=risk&split_method=dataset_version"
    form = page.get(address).context["form"]
    assert [value for value, _ in form.fields["split_dataset_version"].choices] == ["", 1]
    assert "test_size" not in form.fields


def test_classes_that_are_booleans_are_shown_in_the_words_of_the_file(page, make_dataset):
    make_dataset(
        "fees", "fee,paid\n" + "".join(f"{i % 7},{['Ja', 'Ja', 'Nein'][i % 3]}\n" for i in range(30))
    )
    target = page.get("/registry/train/?dataset=fees&target=paid").context["target"]
    assert [one["value"] for one in target["classes"]] == ["Ja", "Nein"]


@pytest.mark.usefixtures("without_worker")
def test_several_algorithms_are_requested_as_a_group(page, panel):
    names = ["LogisticRegression", "DecisionTreeClassifier"]
    _, shown = panel(algorithm="", what_to_try="several", algorithms=names)
    body = json.loads(shown.body)
    assert [model["class"] for model in body["models"]] == names
    assert "model" not in body
    values = FILLED | {
        "random_state": "42",
        "what_to_try": "several",
        "algorithms": names,
        "accept_warnings": "1",
    }
    response = page.post(
        "/registry/train/", {name: value for name, value in values.items() if name != "algorithm"}
    )
    job = TrainingJob.objects.get()
    assert response["Location"] == f"/registry/groups/{job.group.pk}/"
    assert [model["class"] for model in job.request["models"]] == names
    assert page.get(f"/registry/train/?job={job.pk}").context["form"]["algorithms"].value() == names
    assert page.get(f"/registry/jobs/{job.pk}/", follow=True).status_code == 200


def test_the_best_is_searched_within_the_minutes_of_the_form(panel):
    _, shown = panel(algorithm="", what_to_try="auto", minutes="0.5")
    assert json.loads(shown.body)["auto"] == {"time_budget_s": 30, "task": "classification"}


def test_an_algorithm_is_tuned_within_the_ranges_of_the_form(page, panel):
    tuned = {
        "what_to_try": "tuned",
        "n_trials": "3",
        "param-max_depth": "2 to 6",
        "param-ccp_alpha": ".001 to 1e-1 log",
        "param-min_samples_leaf": "0.1 to 0.4 step .1",
        "param-criterion": "gini | entropy",
        "param-splitter": "random",
    }
    ranges = {
        "max_depth": {"low": 2, "high": 6},
        "ccp_alpha": {"low": 0.001, "high": 0.1, "log": True},
        "min_samples_leaf": {"low": 0.1, "high": 0.4, "step": 0.1},
        "criterion": ["gini", "entropy"],
    }
    _, shown = panel(**tuned)
    body = json.loads(shown.body)
    assert body["search"] == {"params": ranges, "method": "tpe", "n_trials": 3}
    assert body["model"] == {
        "module": "tree",
        "class": "DecisionTreeClassifier",
        "params": {"splitter": "random"},
    }
    values = FILLED | {"random_state": "42", "accept_warnings": "1"} | tuned
    response = page.post("/registry/train/", values)
    job = TrainingJob.objects.get()
    assert response["Location"] == f"/registry/groups/{job.group.pk}/"
    assert job.request["search"]["params"] == ranges
    repeated = page.get(f"/registry/train/?job={job.pk}").context["form"]
    assert repeated["what_to_try"].value() == "tuned"
    assert {name: repeated[name].value() for name in tuned} == tuned | {
        "n_trials": 3,
        "param-ccp_alpha": "0.001 to 0.1 log",
        "param-min_samples_leaf": "0.1 to 0.4 step 0.1",
    }


def test_a_tuned_algorithm_starts_with_its_usual_ranges(page, make_dataset):
    make_dataset("people", PEOPLE)
    address = "/registry/train/?dataset=people&target=risk&what_to_try=tuned&algorithm="
    form = page.get(address + "HistGradientBoostingClassifier").context["form"]
    assert form["param-learning_rate"].value() == "0.01 to 0.3 log"
    assert form["param-l2_regularization"].value() == "0 | 0.01 | 0.1 | 1 | 10"
    form = page.get(address + "RandomForestClassifier").context["form"]
    assert form["param-max_features"].value() == "sqrt | 0.33 | 0.6 | 1.0"
    form = page.get(address + "GaussianNB").context["form"]
    assert not form["param-var_smoothing"].value()


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        (
            {"what_to_try": "tuned", "algorithm": "DecisionTreeClassifier", "n_trials": "2"},
            "__all__",
            "Name at least one parameter with its range.",
        ),
        (
            {"what_to_try": "tuned", "algorithm": "DecisionTreeClassifier", "param-max_depth": "9 to 3"},
            "param-max_depth",
            "max_depth: low (9) must be less than high (3).",
        ),
        (
            {
                "what_to_try": "tuned",
                "algorithm": "DecisionTreeClassifier",
                "param-criterion": "gini | ginny",
            },
            "param-criterion",
            "criterion",
        ),
        (
            {"what_to_try": "tuned", "algorithm": "DecisionTreeClassifier", "n_trials": "0"},
            "n_trials",
            "Must be at least 1.",
        ),
        ({"what_to_try": "auto", "minutes": "0"}, "minutes", "The time budget must be an integer from 1"),
        ({"what_to_try": "auto", "minutes": "1e308"}, "minutes", "Must be at most 1,000,000."),
        ({"what_to_try": "several"}, "algorithms", "Select the algorithms to try."),
    ],
)
def test_an_error_of_a_group_is_at_its_field(page, panel, values, field, sentence):
    panel(**values)
    filled = {"dataset": "people", "target": "risk", "test_size": "0.3", "random_state": "1"} | values
    response = page.post("/registry/train/", filled)
    assert response.context["form"].errors[field][0].startswith(sentence)


def test_a_threshold_is_tuned_for_the_metric_of_the_form(panel):
    _, shown = panel(threshold="metric:f1")
    assert json.loads(shown.body)["threshold"] == {"metric": "f1"}

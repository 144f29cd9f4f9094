"""Training groups by the API and their pages: what they try and keep, and what they refuse."""

import pytest

from mlplatform.jobs import leases
from registry.jobs import attempt, groups, submission
from registry.models import ModelVersion, TrainingJob, Trial
from registry.search.plan import GroupPlan
from tests import jobs_at_once

TREE = {"module": "tree", "class": "DecisionTreeClassifier"}
STUMP = TREE | {"params": {"max_depth": 1}}
BAYES = {"module": "naive_bayes", "class": "GaussianNB"}
KMEANS = {"module": "cluster", "class": "KMeans"}
RIDGE = {"module": "linear_model", "class": "Ridge"}
DEPTHS = {"params": {"max_depth": {"low": 1, "high": 20}, "criterion": ["gini", "entropy"]}, "n_trials": 6}


@pytest.fixture
def train(api, make_dataset):
    make_dataset()

    def post(**fields):
        return api.post("/train", {"dataset_name": "flowers", "target_column": "species"} | fields)

    return post


@pytest.fixture
def search(make_dataset, admin, settings):
    """A search of six trials that no worker has claimed yet."""
    settings.JOB_QUEUED_HOOK = ""
    source = make_dataset()

    def submit():
        plan = GroupPlan.from_dict({"model": TREE, "search": DEPTHS, "target_column": "species"})
        return groups.submit(source, plan=plan, by=admin)

    return submit


def test_the_best_of_several_models_becomes_a_version(train, api, page):
    body = train(models=[BAYES, STUMP]).json()
    group = api.get(f"/groups/{body['group']}").json()
    assert (group["state"], group["kind"], group["metric"]) == ("succeeded", "models", "roc_auc")
    assert [len(trial["fold_scores"]) for trial in group["trials"]] == [5, 5]
    assert group["trials"][0]["mean"] >= group["trials"][1]["mean"]
    assert group["trials"][0]["version"] == body["version"] == group["result"]["version"] == 1
    assert ModelVersion.objects.get().algorithm == group["trials"][0]["algorithm"]
    html = page.get(f"/registry/groups/{body['group']}/").text
    assert "Promote the best" in html and "max_depth=1" in html and "GaussianNB" in html
    assert page.get(f"/registry/jobs/{body['job']}/").url == f"/registry/groups/{body['group']}/"
    assert "Several algorithms" in page.get("/registry/groups/").text
    assert "Several algorithms" in page.get("/").text


def test_the_best_of_a_group_is_the_trial_that_became_the_version(train, page):
    group = train(models=[BAYES, STUMP]).json()["group"]
    Trial.objects.filter(model_version=None).update(mean=2.5)  # its last fit has failed
    assert page.get(f"/registry/groups/{group}/").context["best"].model_version.number == 1


def test_all_trials_can_become_versions_of_which_the_best_is_live_in_dev(train, api, page, admin):
    body = train(models=[BAYES, STUMP, RIDGE | {"class": "RidgeClassifier"}], keep="all").json()
    trials = api.get(f"/groups/{body['group']}").json()["trials"]
    assert [trial["version"] for trial in trials] == [3, 2, 1]
    assert [version.live_stages for version in ModelVersion.objects.order_by("number")] == [[], [], ["dev"]]
    path = f"/registry/groups/{body['group']}/"
    html = page.get(path).text
    assert f'name="next" value="{path}"' in html
    assert [f'name="model" value="flowers/{number}"' in html for number in (1, 2, 3)] == [True] * 3
    worst = ModelVersion.objects.get(number=1)
    again = submission.retrain(worst, by=admin)
    again.refresh_from_db()
    assert (again.model_version.algorithm, again.retrained_from) == (worst.algorithm, 1)


def test_a_group_that_goes_on_has_the_trials_that_it_would_have_had(search):
    """Its worker was killed during the fourth trial: the first three are there, and that one is run again."""
    fields = ("number", "module", "algorithm", "params", "state", "fold_scores", "mean")
    whole = search()
    jobs_at_once.run(whole.job)
    expected = list(whole.trials.values(*fields))
    assert [row["number"] for row in expected] == [1, 2, 3, 4, 5, 6]
    rest = search()
    Trial.objects.bulk_create(Trial(group=rest, **row) for row in expected[:3])
    Trial.objects.create(group=rest, **expected[3] | {"state": "running", "fold_scores": [], "mean": None})
    before = list(rest.trials.values_list("pk", flat=True)[:3])
    jobs_at_once.run(rest.job)
    assert list(rest.trials.values(*fields)) == expected
    assert list(rest.trials.values_list("pk", flat=True)[:3]) == before


def test_the_train_form_repeats_a_version_of_a_group(train, page):
    voting = {"members": [TREE, BAYES], "weights": [2, 1]}
    train(models=[STUMP])
    assert 'value="1"' in page.get("/registry/train/?dataset=flowers&version=1").text
    train(models=[{"module": "ensemble", "class": "VotingClassifier", "params": voting}])
    assert page.get("/registry/train/?dataset=flowers&version=2").status_code == 200
    assert page.get("/registry/models/flowers/2/").status_code == 200
    assert page.get("/serving/flowers/dev/").status_code == 200


def test_a_cancelled_group_makes_no_model(search, api):
    group = search()
    body = api.post(f"/groups/{group.pk}/cancel").json()
    assert (body["state"], body["trials"], body["result"]) == ("cancelled", [], None)
    assert api.post(f"/groups/{group.pk}/cancel").status_code == 409


def test_a_trial_that_its_job_left_running_is_not_shown(search, api):
    group = search()
    Trial.objects.create(group=group, number=1, fold_scores=[1.0], mean=1.0)
    assert len(api.get(f"/groups/{group.pk}").json()["trials"]) == 1
    TrainingJob.objects.filter(pk=group.job_id).update(state="lost")
    assert api.get(f"/groups/{group.pk}").json()["trials"] == []


def test_trials_with_parameters_that_only_python_takes_for_equal_are_both_run(train, api):
    forest = {"module": "ensemble", "class": "ExtraTreesClassifier"}
    models = [forest | {"params": {"n_estimators": 2, "max_features": value}} for value in (1, 1.0)]
    trials = api.get(f"/groups/{train(models=models).json()['group']}").json()["trials"]
    assert all(trial["duration_s"] > 0 for trial in trials)


def test_the_version_of_a_group_is_compared_on_its_held_out_rows(train, api):
    train(model=STUMP)
    train(models=[BAYES, STUMP], keep="all")
    body = {"dataset_name": "flowers", "target_stage": "production"}
    api.post("/promote", body | {"version": 1})
    for version in (2, 3):
        changed = api.post("/promote", body | {"version": version, "dry_run": True}).json()["predictions"]
        assert (changed["rows"], changed["source"]) == (5, f"held-out rows of version {version}")


def test_a_group_that_was_cancelled_after_some_of_its_models_were_kept_says_so(search, page, make_version):
    group = search()
    TrainingJob.objects.filter(pk=group.job_id).update(state="cancelled", error="Cancelled by ada.")
    assert "No model was created" in page.get(f"/registry/groups/{group.pk}/").text
    version = make_version(group.job.dataset_version)
    Trial.objects.create(group=group, number=1, state="complete", mean=1.0, model_version=version)
    assert "The best model was not created" in page.get(f"/registry/groups/{group.pk}/").text


def test_an_attempt_that_lost_its_job_writes_no_trial(search):
    group = search()
    job = leases.claim(TrainingJob, worker="lost")
    TrainingJob.objects.filter(pk=job.pk).update(attempt=2)
    attempt.run(job)
    assert not group.trials.exists()


def test_a_finished_group_is_retried_as_a_new_group(train, admin):
    first = TrainingJob.objects.get(pk=train(models=[BAYES]).json()["job"])
    second = groups.retry(first, by=admin)
    assert second.request == first.request
    assert second.group.pk != first.group.pk


def test_a_trial_that_fails_does_not_end_its_group(train, api):
    broken = {
        "module": "discriminant_analysis",
        "class": "QuadraticDiscriminantAnalysis",
        "params": {"priors": [1]},
    }
    body = train(models=[broken, STUMP]).json()
    failed = api.get(f"/groups/{body['group']}").json()["trials"][-1]
    assert (failed["state"], failed["mean"], failed["version"]) == ("failed", None, None)
    assert failed["error"].startswith("QuadraticDiscriminantAnalysis could not be fitted:")


def test_a_group_of_which_no_model_can_be_fitted_is_refused(train):
    broken = {"module": "discriminant_analysis", "class": "QuadraticDiscriminantAnalysis"}
    response = train(models=[broken | {"params": {"priors": [1]}}] * 2)
    assert (response.status_code, response.json()["code"]) == (400, "fit_failed")


LOSS = {"params": {"C": [1]}, "metric": "log_loss"}
BAD = [
    ({"models": [TREE] * 21}, "models", "at most 20 items"),
    ({"models": []}, "models", "empty"),
    ({"models": [TREE, TREE | {"class": "DecisionTreeClasifier"}]}, "models", "Item 2: Unknown algorithm"),
    ({"models": [TREE, STUMP | {"params": {"max_dept": 1}}]}, "models", "did you mean max_depth?"),
    ({"models": [TREE, RIDGE]}, "models", "use one task"),
    ({"models": [KMEANS]}, "model", "is a clusterer"),
    ({"models": [TREE], "model": TREE}, "models", "cannot be combined with `model`"),
    ({"auto": {}, "models": [TREE]}, "auto", "cannot be combined with `models`"),
    ({"search": DEPTHS, "auto": {}}, "search", "needs the `model`"),
    ({"model": TREE, "keep": "all"}, "keep", "Only for"),
    ({}, "model", "required"),
    ({"auto": {"time_budget_s": 0}}, "auto", "time_budget_s: Must be at least 1"),
    ({"auto": {"time_budget_s": 10**9}}, "auto.time_budget_s", "time limit"),
    ({"auto": {"metric": "rmse"}}, "auto.metric", "is not a metric of a classification"),
    ({"auto": {"metric": "roc_acu"}}, "auto.metric", "did you mean roc_auc?"),
    ({"auto": {"n_trial": 3}}, "auto.n_trial", "Unknown field"),
    ({"auto": {}, "target_column": "specie"}, "target_column", "did you mean `species`?"),
    ({"model": TREE, "search": {"params": {}}}, "search.params", "at least one parameter"),
    ({"model": TREE, "search": {"params": {"max_dept": [1]}}}, "search.params.max_dept", "did you mean max_depth?"),
    (
        {"model": TREE, "search": {"params": {"max_depth": {"low": 5, "high": 2}}}},
        "search.params.max_depth",
        "must be less than high",
    ),
    ({"model": TREE, "search": DEPTHS | {"method": "grid"}}, "search", "method: "),
    ({"model": TREE, "search": DEPTHS | {"n_trials": 501}}, "search", "n_trials: Must be at most 500"),
    (
        {"model": BAYES | {"class": "LinearSVC", "module": "svm"}, "search": LOSS},
        "search.metric",
        "has no probabilities",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "field", "sentence"), BAD)
def test_a_group_that_cannot_run_is_refused_by_field_before_its_job(train, fields, field, sentence):
    response = train(**fields)
    body = response.json()
    assert response.status_code == 400, body
    assert sentence in body["fields"][field][0]
    assert not TrainingJob.objects.exists()

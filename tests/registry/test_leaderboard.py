"""The list of model versions as a leaderboard: ordered by a metric, on the page and in the API."""

from importlib import import_module

import pytest
from django.apps import apps

from registry.discovery import leaderboard
from registry.models import MetricValue, ModelVersion


@pytest.fixture
def ranked(make_version, make_dataset):
    """Versions 1 to 3 of one target with a log loss of 0.5, 0.9 and none; 4 predicts another column."""
    source = make_dataset()
    for value in (0.5, 0.9, None):
        version = make_version(source)
        values = MetricValue.objects.filter(model_version=version, name="log_loss")
        if value is None:
            values.delete()
        else:
            values.update(value=value, low=value - 0.1 * version.number, high=value + 0.1, train=1 - value)
    make_version(source, target="colour")
    MetricValue.objects.filter(model_version__number=4, name="log_loss").update(value=0.1)


@pytest.mark.parametrize(
    ("ordering", "numbers"),
    [
        ("log_loss", [1, 2, 3]),
        ("-log_loss", [2, 1, 3]),
        ("train_log_loss", [2, 1, 3]),
        ("interval_log_loss", [1, 2, 3]),
    ],
)
def test_versions_are_ordered_by_a_metric_with_those_that_have_none_last(ranked, api, ordering, numbers):
    results = api.get(f"/models?ordering={ordering}&target=species").json()["results"]
    assert [row["version"] for row in results] == numbers


def test_versions_of_another_target_are_not_ranked_among_them(ranked, api):
    results = api.get("/models?ordering=log_loss").json()["results"]
    assert [row["version"] for row in results] == [4, 1, 2, 3]
    results = api.get("/models?ordering=-log_loss").json()["results"]
    assert [row["version"] for row in results] == [4, 2, 1, 3]


def test_a_row_of_the_api_has_the_metric_that_it_is_ordered_by_with_its_interval(ranked, api):
    row = api.get("/models?ordering=log_loss&target=species").json()["results"][0]
    assert row["metrics"]["log_loss"] == 0.5
    assert row["intervals"]["log_loss"] == pytest.approx([0.4, 0.6])
    assert row["training_s"] > 0
    assert "log_loss" not in api.get("/models").json()["results"][0]["metrics"]


def test_the_recorded_metrics_are_those_of_the_version(make_version):
    version = make_version()
    recorded = {one.name: one for one in version.metric_values.all()}
    assert recorded["accuracy"].value == version.metrics["accuracy"]
    assert [recorded["f1_score"].low, recorded["f1_score"].high] == version.metrics["intervals"]["f1_score"]
    assert recorded["log_loss"].train == version.metrics["train"]["log_loss"]


def test_an_upgrade_records_the_metrics_and_the_training_time_of_earlier_versions(make_job):
    version = make_job(target="species").model_version
    rows = list(version.metric_values.values_list("name", "value", "low", "high", "train"))
    MetricValue.objects.all().delete()
    ModelVersion.objects.update(training_s=None)
    for _ in range(2):
        import_module("registry.migrations.0019_record_metrics").record_metrics(apps, None)
    assert sorted(version.metric_values.values_list("name", "value", "low", "high", "train")) == sorted(rows)
    assert ModelVersion.objects.get().training_s > 0


def test_the_versions_of_a_dataset_and_target_are_a_leaderboard_by_their_primary_metric(ranked, page):
    ModelVersion.objects.filter(number=3).update(primary_metric="log_loss")
    response = page.get("/registry/models/?dataset=flowers&target=species")
    [group] = response.context["groups"]
    assert response.context["board"].metric.name == "log_loss"
    assert [row.version.number for row in group.rows] == [1, 2, 3]
    assert (group.low, group.high) == pytest.approx((0.4, 1.0))
    bars = [row.bar for row in group.rows]
    assert (bars[0].start, bars[0].mark) == pytest.approx((0, 100 / 6))
    assert bars[2] is None
    assert "0.4000 to 0.6000" in response.text


def test_a_version_that_is_far_from_all_others_leaves_the_scale_to_them(make_version, make_dataset, page):
    source = make_dataset()
    for value in (0.5, 0.52, 0.54, 0.56, 9.0):
        values = MetricValue.objects.filter(model_version=make_version(source), name="log_loss")
        values.update(value=value, low=value - 0.1, high=value + 0.1)
    response = page.get("/registry/models/?dataset=flowers&target=species&ordering=log_loss")
    [group] = response.context["groups"]
    assert (group.low, group.high) == pytest.approx((0.4, 0.66))
    assert [row.bar is None for row in group.rows] == [False] * 4 + [True]
    assert "8.9000 to 9.1000" in response.text


def test_each_target_has_its_own_group_and_its_own_leaderboard(ranked, page):
    response = page.get("/registry/models/?dataset=flowers&ordering=-accuracy")
    assert [(one.first.target, len(one.rows)) for one in response.context["groups"]] == [
        ("colour", 1), ("species", 3)
    ]  # fmt: skip
    assert "?dataset=flowers&amp;task=classification&amp;target=colour" in response.text
    assert leaderboard.targets("flowers")[0] == leaderboard.Target("classification", "species", 3)


def test_the_pages_of_a_version_and_of_its_dataset_lead_to_the_leaderboard(make_version, page):
    make_version()
    link = "/registry/models/?dataset=flowers&amp;task=classification&amp;target=species"
    assert f'href="{link}">Leaderboard</a>' in page.get("/registry/models/flowers/1/").text
    assert (
        'href="/registry/models/?dataset=flowers">Models and leaderboards'
        in page.get("/catalog/flowers/").text
    )


def test_clusterers_have_a_leaderboard_without_a_target(make_version, make_dataset, page):
    make_version(make_dataset(), module="cluster", class_name="KMeans", params={"n_clusters": 2})
    response = page.get("/registry/models/?dataset=flowers&task=clustering")
    assert response.context["board"].metric.name == "silhouette_score"
    assert "Clusters of" in response.text


@pytest.mark.parametrize(
    "query",
    ["trained_by=ada", "trained_after=2020-01-01", "trained_before=2999-01-01", "target=species"],
)
def test_who_when_and_how_filter_the_list(make_version, api, query):
    make_version()
    assert api.get(f"/models?{query}").json()["count"] == 1
    field = query.partition("=")[0]
    other = {"trained_after": "2999-01-01", "trained_before": "2020-01-01"}.get(field, "someone")
    assert api.get(f"/models?{field}={other}").json()["count"] == 0


def test_a_number_that_is_no_training_group_is_rejected(api):
    assert api.get("/models?group=1").json()["count"] == 0
    assert api.get("/models?group=first").status_code == 400


def test_versions_are_ordered_by_training_time_and_size(make_version, make_dataset, api):
    source = make_dataset()
    for seconds, size in ((2, 10), (1, 20)):
        version = make_version(source)
        ModelVersion.objects.filter(pk=version.pk).update(training_s=seconds, artifact_size=size)
    for ordering, numbers in (("training_s", [2, 1]), ("artifact_size", [1, 2]), ("-artifact_size", [2, 1])):
        rows = api.get(f"/models?ordering={ordering}").json()["results"]
        assert [row["version"] for row in rows] == numbers


def test_a_list_can_be_ordered_by_a_few_metrics_only(ranked, api):
    few, many = (",".join(list(leaderboard.RANKINGS)[:count]) for count in (5, 6))
    assert api.get(f"/models?ordering={few},-accuracy,version").status_code == 200
    response = api.get(f"/models?ordering={many}")
    assert (response.status_code, list(response.json()["fields"])) == (400, ["ordering"])

"""The release history as a list: what was live when, on the page and in the API."""

from datetime import timedelta

import pytest

from registry.models import Release
from registry.releases import timeline
from registry.releases.promotion import promote

HOUR = timedelta(hours=1)


@pytest.fixture
def history(two, admin):
    """Version 1 was live in production for an hour, then version 2; returns when version 1 went live."""
    for version in two:
        promote(version, stage="production", by=admin, comment=f"the {version.number}.")
    first, second = Release.objects.filter(stage="production").order_by("pk")
    start = second.started_at - HOUR
    Release.objects.filter(pk=first.pk).update(started_at=start)
    return start


def test_the_versions_that_were_live_at_a_time_are_listed(history, api):
    def live_at(time):
        query = {"dataset": "flowers", "environment": "production", "at": time.isoformat()}
        return [row["version"] for row in api.get("/releases", query).json()["results"]]

    assert live_at(history - HOUR) == []
    assert live_at(history) == [1]
    assert live_at(history + HOUR / 2) == [1]
    assert live_at(history + HOUR) == live_at(history + 2 * HOUR) == [2]


def test_a_release_says_who_what_and_why(history, api):
    rows = api.get("/releases?environment=production").json()["results"]
    assert [(row["version"], row["is_live"], row["ending"]) for row in rows] == [
        (2, True, ""),
        (1, False, "replaced"),
    ]
    assert (rows[1]["comment"], rows[1]["released_by"], rows[1]["ended_by"]) == ("the 1.", "ada", "ada")


@pytest.mark.parametrize("query", ["at=yesterday", "at=0001-01-01T00:00:00%2B14:00", "environment=prod"])
def test_an_invalid_filter_is_a_sentence(history, api, query):
    assert api.get(f"/releases?{query}").status_code == 400


def test_the_timeline_has_a_bar_for_each_release_as_long_as_it_was_live(history, two):
    rows = dict(timeline.of_dataset(two[0].dataset).rows)
    first, second = rows["production"]
    assert (first.start, first.release.number, second.release.number) == (0, 1, 2)
    assert first.length > 0.9
    assert second.start + second.length == pytest.approx(1)
    assert len(rows["dev"]) == 2
    assert rows["staging"] == []


def test_the_page_lists_releases_and_draws_those_of_one_dataset(history, page):
    everything = page.get("/registry/releases/").text
    assert "the 2." in everything
    assert "timeline-row" not in everything
    assert "1 releases" not in page.get("/registry/releases/?dataset=flowers").text
    assert page.get("/registry/releases/?dataset=flowers").text.count("timeline-row") == 3
    assert "No releases" in page.get("/registry/releases/?dataset=nothing").text

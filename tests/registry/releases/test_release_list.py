"""The release history as a list: what was live when, on the page and in the API."""

from datetime import timedelta

import pytest

from registry.models import Release, Stage
from registry.releases import timeline
from registry.releases.promotion import promote, rollback

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


def test_the_page_says_at_which_time_nothing_was_live(history, page):
    assert "Nothing was live at 2001-02-03 00:00 UTC" in page.get("/registry/releases/?at=2001-02-03").text
    assert "No releases" in page.get("/registry/releases/?dataset=other").text


@pytest.mark.parametrize("query", ["at=yesterday", "at=0001-01-01T00:00:00%2B14:00", "environment=prod"])
def test_an_invalid_filter_is_a_sentence(history, api, query):
    assert api.get(f"/releases?{query}").status_code == 400


def test_the_timeline_has_a_bar_for_each_release_as_long_as_it_was_live(history, two):
    rows = dict(timeline.of_dataset(two[0].dataset).rows)
    first, second = rows["production"]
    assert (first.start, first.release.number, second.release.number) == (0, 1, 2)
    assert first.length > 0.9
    assert second.start + second.length == pytest.approx(1)
    assert (first.label, second.label) == ("version 1", "")
    assert float(first.middle.rstrip("%")) == pytest.approx(50 * first.length, abs=0.01)
    assert len(rows["dev"]) == 2
    assert rows["staging"] == []


def test_the_timeline_of_all_datasets_has_a_row_for_each_dataset_of_a_stage(history, two):
    drawn = timeline.of_stage(Stage.PRODUCTION, at=history + HOUR / 4)
    assert drawn.title == "Releases in production by dataset"
    [(label, bars)] = drawn.rows
    assert (label, [bar.release.number for bar in bars]) == ("flowers", [1, 2])
    assert 0.2 < drawn.at < 0.3
    assert timeline.of_stage(Stage.STAGING) is None


def test_the_page_lists_releases_and_draws_those_of_one_dataset_or_one_stage(history, page):
    everything = page.get("/registry/releases/").text
    assert "the 2." in everything
    assert everything.count("timeline-row") == 1
    assert "Releases in dev by dataset" in page.get("/registry/releases/?environment=dev").text
    assert "1 releases" not in page.get("/registry/releases/?dataset=flowers").text
    marked = page.get("/registry/releases/", {"dataset": "flowers", "at": (history + HOUR / 2).isoformat()})
    assert marked.text.count("timeline-row") == 3
    assert 'class="at"' in marked.text
    assert "No releases" in page.get("/registry/releases/?dataset=nothing").text


def test_a_release_that_is_not_live_leads_to_a_rollback_that_asks_for_the_name_of_the_dataset(history, page):
    address = "/serving/flowers/production/rollback/?to_version=1"
    assert address in page.get("/registry/releases/?dataset=flowers&environment=production").text
    asked = page.get(address)
    assert "Roll back production to version 1?" in asked.text
    form = {"to_version": "1", "expected_live": "2", "reason": "better last week"}
    assert page.post(address.partition("?")[0], form | {"typed_name": "flower"}).status_code == 400
    page.post(address.partition("?")[0], form | {"typed_name": "flowers"})
    newest = Release.objects.live().get(stage="production")
    assert (newest.number, newest.kind, newest.comment) == (1, "rollback", "better last week")


def test_what_a_rollback_has_left_can_be_released_again(history, page, two, admin):
    rollback(two[0].dataset, stage="production", by=admin)
    text = page.get("/registry/releases/?environment=production").text
    assert "Release again<" in text
    assert text.count("Roll back<") == 0  # the only older release is of the live version
    address = "/serving/flowers/production/rollback/"
    assert "Release version 2 in production again?" in page.get(f"{address}?to_version=2").text
    page.post(address, {"to_version": "2", "expected_live": "1", "typed_name": "flowers"})
    assert Release.objects.live().get(stage="production").number == 2


def test_only_who_may_change_a_stage_is_offered_its_releases_again(history, sign_in):
    text = sign_in("data scientist").get("/registry/releases/").text
    assert "/serving/flowers/production/rollback/" not in text
    assert "/serving/flowers/dev/rollback/" in text

"""The pages that change what is live in a stage: retirement and rollback."""

import pytest

from registry.models import Release
from registry.releases.promotion import promote, retire, rollback


def hidden_fields(response) -> dict[str, str]:
    """The values that a confirmation page sends."""
    form = response.context["form"]
    return {field.name: field.value() or "" for field in form}


class TestRetire:
    def test_retirement_names_the_version_and_is_done_after_its_confirmation(self, page, make_version, admin):
        promote(make_version(), stage="production", by=admin)
        assert 'href="/serving/flowers/production/retire/"' in page.get("/serving/flowers/production/").text
        asked = page.get("/serving/flowers/production/retire/")
        assert "Version 1 stops serving" in asked.text
        form = hidden_fields(asked) | {"reason": "no longer used", "typed_name": "flowers"}
        response = page.post("/serving/flowers/production/retire/", form, follow=True)
        assert "flowers was retired from production." in response.text
        assert "by ada: no longer used" in response.text
        assert "No live version" in response.text

    def test_a_retired_stage_is_listed_and_its_version_can_be_restored(self, page, make_version, admin):
        version = make_version()
        retire(version.dataset, stage="dev", by=admin)
        assert 'href="/serving/flowers/dev/">nothing live' in page.get("/serving/").text
        page.post("/serving/flowers/dev/rollback/", {"to_version": "1"})
        assert Release.objects.live().get().number == 1

    def test_a_stage_without_a_live_version_cannot_be_retired(self, page, make_version):
        make_version()
        response = page.get("/serving/flowers/staging/retire/", follow=True)
        assert "No version of <code>flowers</code> is live in staging" in response.text
        assert page.get("/serving/flowers/nowhere/retire/").status_code == 404

    def test_another_version_than_the_confirmed_one_is_not_retired(self, page, make_version, make_dataset):
        source = make_dataset()
        make_version(source)
        form = hidden_fields(page.get("/serving/flowers/dev/retire/"))
        make_version(source)
        response = page.post("/serving/flowers/dev/retire/", form | {"reason": "kept words"})
        assert "Version 1 is no longer live in dev" in response.text
        assert "Version 2, DecisionTreeClassifier," in response.text
        assert "kept words" in response.text
        assert Release.objects.live().get().number == 2

    def test_a_retirement_that_names_no_version_is_asked_for(self, page, make_version):
        make_version()
        response = page.post("/serving/flowers/dev/retire/", {"reason": "old"})
        assert response["Location"] == "/serving/flowers/dev/retire/?reason=old"

    def test_production_is_not_retired_without_the_typed_name(self, page, make_version, admin):
        promote(make_version(), stage="production", by=admin)
        form = hidden_fields(page.get("/serving/flowers/production/retire/")) | {"typed_name": "roses"}
        refused = page.post("/serving/flowers/production/retire/", form)
        assert refused.status_code == 400
        assert "Type <code>flowers</code>, the name of the dataset, to confirm that production changes." in (
            refused.text
        )
        assert Release.objects.live().filter(stage="production").exists()

    def test_a_retired_production_asks_for_the_name_before_a_version_goes_live(
        self, page, make_version, admin
    ):
        version = make_version()
        promote(version, stage="production", by=admin)
        retire(version.dataset, stage="production", by=admin)
        asked = page.post("/serving/flowers/production/rollback/", {"to_version": "1"}, follow=True)
        assert "Release version 1 in production again?" in asked.text
        form = hidden_fields(asked)
        assert page.post("/serving/flowers/production/rollback/", form).status_code == 400
        page.post("/serving/flowers/production/rollback/", form | {"typed_name": "flowers"})
        assert Release.objects.live().filter(stage="production").exists()

    def test_a_data_scientist_cannot_retire_production(self, sign_in, make_version, admin):
        promote(make_version(), stage="production", by=admin)
        scientist = sign_in("data scientist")
        assert "/retire/" not in scientist.get("/serving/flowers/production/").text
        assert scientist.get("/serving/flowers/production/retire/").status_code == 403
        assert "/retire/" in scientist.get("/serving/flowers/dev/").text


class TestRollback:
    @pytest.fixture
    def three(self, make_version, make_dataset):
        source = make_dataset()
        return [make_version(source) for _ in range(3)]

    def test_rollback_names_both_versions_and_is_done_after_its_confirmation(self, page, three):
        response = page.post("/serving/flowers/dev/rollback/", {"reason": "worse"})
        assert response["Location"] == "/serving/flowers/dev/rollback/?to_version=2&reason=worse"
        asked = page.get(response["Location"])
        assert "Roll back dev to version 2?" in asked.text
        assert "Version 2 replaces version 3," in asked.text
        assert 'hx-get="/registry/models/flowers/2/promote/predictions/?stage=dev"' in asked.text
        assert Release.objects.live().get().number == 3
        response = page.post("/serving/flowers/dev/rollback/", hidden_fields(asked), follow=True)
        assert "Version 2 is live in dev again." in response.text
        assert "worse" in response.text

    def test_a_stale_rollback_is_refused_and_keeps_the_reason(self, page, three, admin):
        confirmed = hidden_fields(page.get("/serving/flowers/dev/rollback/?to_version=1&reason=worse"))
        rollback(three[0].dataset, stage="dev", by=admin)
        refused = page.post("/serving/flowers/dev/rollback/", confirmed)
        assert "Version 3 is no longer live in dev: version 2 is live there now." in refused.text
        assert "Version 1 replaces version 2," in refused.text
        assert hidden_fields(refused)["reason"] == "worse"
        assert Release.objects.live().get().number == 2

    def test_no_version_is_selected_when_nothing_earlier_is_left(self, page, three, admin):
        assert '<option value="2">version 2</option>' in page.get("/serving/flowers/dev/").text
        for _ in range(2):
            rollback(three[0].dataset, stage="dev", by=admin)
        text = page.get("/serving/flowers/dev/").text
        assert text.index("Select a version</option>") < text.index('<option value="2">version 2</option>')
        response = page.post("/serving/flowers/dev/rollback/", {"to_version": ""}, follow=True)
        assert "There is no earlier version" in response.text
        assert Release.objects.live().get().number == 1

    def test_rollback_restores_a_chosen_version(self, page, three):
        choices = page.get("/serving/flowers/dev/").context["rollback"].fields["to_version"].widget.choices
        assert [number for number, _ in choices] == [2, 1]
        page.post("/serving/flowers/dev/rollback/", {"to_version": "1", "expected_live": "3"})
        assert Release.objects.live().get().model_version.number == 1

    def test_the_first_choice_is_the_version_to_which_the_api_rolls_back(self, page, three, admin):
        promote(three[0], stage="staging", by=admin)
        for expected in ([1, 3], ["", 2, 3]):
            rollback(three[0].dataset, stage="dev", by=admin)
            form = page.get("/serving/flowers/dev/").context["rollback"]
            assert [number for number, _ in form.fields["to_version"].widget.choices] == expected

    def test_an_address_that_confirms_nothing_leads_back_to_the_stage(self, page, three):
        response = page.get("/serving/flowers/dev/rollback/?to_version=9", follow=True)
        assert response.redirect_chain == [("/serving/flowers/dev/", 302)]
        assert "Version 9 of <code>flowers</code> was never live in dev." in response.text

    def test_a_viewer_cannot_roll_back(self, sign_in, three):
        viewer = sign_in("viewer")
        assert "Roll back" not in viewer.get("/serving/flowers/dev/").text
        assert viewer.post("/serving/flowers/dev/rollback/").status_code == 403

    def test_a_data_scientist_cannot_roll_back_production(self, sign_in, three, admin):
        for version in three[:2]:
            promote(version, stage="production", by=admin)
        scientist = sign_in("data scientist")
        assert "Roll back" not in scientist.get("/serving/flowers/production/").text
        assert scientist.post("/serving/flowers/production/rollback/").status_code == 403
        assert "Roll back" in scientist.get("/serving/flowers/dev/").text

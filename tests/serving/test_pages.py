"""Home, what is live, and the page to try a live model."""

import json

import pytest

from registry.models import Release
from registry.promotion import promote

ROW = {"input-0": "9", "input-1": "1.6", "input-2": "red"}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def sign_in(client, make_user):
    def as_(role):
        client.force_login(make_user(role))
        return client

    return as_


class TestHome:
    def test_an_empty_platform_offers_an_upload_or_an_example(self, page):
        text = page.get("/").text
        assert 'href="/catalog/upload/"' in text
        assert 'action="/catalog/add-example/"' in text

    def test_an_empty_platform_tells_a_viewer_who_can_fill_it(self, sign_in):
        text = sign_in("viewer").get("/").text
        assert "A data scientist can upload the first one." in text
        assert "/catalog/upload/" not in text

    def test_it_shows_the_catalog_what_is_live_and_the_jobs(self, page, make_version, admin):
        version = make_version()
        promote(version, stage="staging", by=admin)
        text = page.get("/").text
        for link in ("/catalog/flowers/", "/serving/flowers/staging/", f"/registry/jobs/{version.job_id}/"):
            assert link in text

    def test_an_account_without_a_role_is_told_whom_to_ask(self, sign_in):
        answer = sign_in(None).get("/", headers={"Accept": "text/html"})
        assert answer.status_code == 403
        assert "Ask an administrator" in answer.text


class TestLive:
    def test_a_row_a_dataset_and_a_cell_a_stage(self, page, make_version, admin):
        promote(make_version(), stage="production", by=admin)
        text = page.get("/serving/").text
        assert "/serving/flowers/dev/" in text
        assert "/serving/flowers/production/" in text
        assert "/serving/flowers/staging/" not in text

    def test_it_can_be_searched(self, page, make_version):
        make_version()
        assert "flowers" in page.get("/serving/?q=flow").text
        assert "No datasets match" in page.get("/serving/?q=nothing").text

    def test_nothing_live_says_so(self, page):
        assert "No live models yet" in page.get("/serving/").text


class TestTry:
    def test_the_form_is_filled_with_a_row_of_the_training_data(self, page, make_version):
        version = make_version()
        form = page.get("/serving/flowers/dev/").context["form"]
        example = version.signature["example"]
        assert form["input-0"].value() == example["length"]
        assert form.fields["input-2"].choices[0] == ("", "missing")

    def test_a_viewer_gets_a_prediction_its_probabilities_and_the_code(self, sign_in, make_version):
        make_version()
        answer = sign_in("viewer").post("/serving/flowers/dev/", ROW)
        assert answer.status_code == 200
        assert answer.context["prediction"] in {"tulip", "rose"}
        assert {label for label, _ in answer.context["probabilities"]} == {"tulip", "rose"}
        for wanted in ("curl -X POST", "import json, os", "&quot;length&quot;: 9"):
            assert wanted in answer.text

    def test_the_shown_body_is_what_the_api_takes(self, page, api, make_version):
        make_version()
        context = page.post("/serving/flowers/dev/", ROW).context
        sent = json.loads(context["curl"].split("-d '")[1].rstrip("'"))
        assert api.post("/predict", sent).json()["predictions"] == [context["prediction"]]

    def test_htmx_gets_the_part_alone(self, page, make_version):
        make_version()
        answer = page.post("/serving/flowers/dev/", ROW, headers=HTMX)
        assert "<html" not in answer.text
        assert 'id="try"' in answer.text

    def test_an_empty_field_is_a_missing_value(self, page, make_version):
        make_version()
        answer = page.post("/serving/flowers/dev/", {"input-0": "", "input-1": "", "input-2": ""})
        assert answer.status_code == 200
        assert "&quot;length&quot;: null" in answer.text

    def test_a_mistake_keeps_what_was_typed(self, page, make_version):
        make_version()
        answer = page.post("/serving/flowers/dev/", ROW | {"input-0": "tall"})
        assert answer.status_code == 422
        assert answer.context["form"].errors["input-0"] == ["Enter a number."]
        assert 'value="tall"' in answer.text

    def test_many_columns_are_one_json_text(self, page, make_version, make_dataset):
        names = [f"c{number}" for number in range(150)]
        rows = [",".join([str(i % 3)] * 150 + [f"k{i % 2}"]) for i in range(20)]
        make_version(make_dataset("wide", "\n".join([",".join([*names, "kind"]), *rows])))
        form = page.get("/serving/wide/dev/").context["form"]
        assert list(form.fields) == ["row"]
        assert page.post("/serving/wide/dev/", {"row": form["row"].value()}).context["prediction"] in {
            "k0",
            "k1",
        }
        assert page.post("/serving/wide/dev/", {"row": "[1]"}).status_code == 422
        assert page.post("/serving/wide/dev/", {"row": '{"c0": 1}'}).status_code == 422

    def test_probabilities_are_offered_where_there_are_some(self, page, make_version, make_dataset):
        make_version()
        assert 'name="probabilities"' in page.get("/serving/flowers/dev/").text
        table = "x,y\n" + "".join(f"{i},{i * 2.5}\n" for i in range(30))
        make_version(make_dataset("line", table), module="linear_model", class_name="Ridge")
        assert 'name="probabilities"' not in page.get("/serving/line/dev/").text

    def test_the_address_of_a_refused_file_leads_back(self, page, make_version):
        make_version()
        answer = page.get("/serving/flowers/dev/file/")
        assert (answer.status_code, answer["Location"]) == (302, "/serving/flowers/dev/")

    def test_the_page_of_a_version_says_what_predicts_it(self, page, make_version, make_dataset):
        make_version()
        assert "optimised trees" in page.get("/registry/models/flowers/1/").text
        table = "x,y\n" + "".join(f"{i},{'abcde'[i % 5]}\n" for i in range(30))
        lots = {"module": "dummy", "class_name": "DummyClassifier", "params": {"strategy": "uniform"}}
        make_version(make_dataset("lots", table), random_state=None, **lots)
        text = page.get("/registry/models/lots/1/").text
        assert "full pipeline, because its predictions are not deterministic" in text

    def test_a_clusterer_that_cannot_predict_says_so(self, page, make_version):
        make_version(module="cluster", class_name="DBSCAN", target=None)
        assert "This model cannot predict new rows" in page.get("/serving/flowers/dev/").text

    def test_a_stage_without_a_version_says_so(self, page, make_version):
        make_version()
        assert "No live version" in page.get("/serving/flowers/production/").text
        assert page.get("/serving/flowers/nowhere/").status_code == 404


class TestRollback:
    @pytest.fixture
    def three(self, make_version, make_dataset):
        source = make_dataset()
        return [make_version(source) for _ in range(3)]

    def test_it_goes_back_to_the_version_before(self, page, three):
        answer = page.post("/serving/flowers/dev/rollback/", {"reason": "worse"}, follow=True)
        assert "Version 2 is live in dev again." in answer.text
        assert "worse" in answer.text

    def test_it_goes_back_to_a_chosen_version(self, page, three):
        choices = page.get("/serving/flowers/dev/").context["rollback"].fields["to_version"].widget.choices
        assert [number for number, _ in choices] == [2, 1]
        page.post("/serving/flowers/dev/rollback/", {"to_version": "1"})
        assert Release.objects.live().get().model_version.number == 1

    def test_a_viewer_is_not_offered_it_and_may_not(self, sign_in, three):
        viewer = sign_in("viewer")
        assert "Roll back" not in viewer.get("/serving/flowers/dev/").text
        assert viewer.post("/serving/flowers/dev/rollback/").status_code == 403

    def test_production_is_the_release_managers_own(self, sign_in, three, admin):
        for version in three[:2]:
            promote(version, stage="production", by=admin)
        scientist = sign_in("data scientist")
        assert "Roll back" not in scientist.get("/serving/flowers/production/").text
        assert scientist.post("/serving/flowers/production/rollback/").status_code == 403
        assert "Roll back" in scientist.get("/serving/flowers/dev/").text

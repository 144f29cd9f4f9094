"""The pages of serving: home, live models, and one stage."""

import json

import pytest

from registry.releases.promotion import promote

ROW = {"input-0": "9", "input-1": "1.6", "input-2": "red"}
HTMX = {"HX-Request": "true"}


class TestHome:
    def test_an_empty_platform_offers_an_upload_or_an_example(self, page):
        text = page.get("/").text
        assert 'href="/catalog/upload/"' in text
        assert 'action="/catalog/add-example/"' in text

    def test_an_empty_platform_tells_a_viewer_who_can_upload(self, sign_in):
        text = sign_in("viewer").get("/").text
        assert "A data scientist can upload the first one." in text
        assert "/catalog/upload/" not in text

    def test_home_shows_datasets_releases_and_jobs(self, page, make_version, admin):
        version = make_version()
        promote(version, stage="staging", by=admin)
        text = page.get("/").text
        for link in ("/catalog/flowers/", "/serving/flowers/staging/", f"/registry/jobs/{version.job_id}/"):
            assert link in text

    def test_an_account_without_a_role_is_referred_to_an_administrator(self, sign_in):
        response = sign_in(None).get("/", headers={"Accept": "text/html"})
        assert response.status_code == 403
        assert "Ask an administrator" in response.text


class TestLive:
    def test_live_versions_are_listed_by_dataset_and_stage(self, page, make_version, admin):
        promote(make_version(), stage="production", by=admin)
        text = page.get("/serving/").text
        assert "/serving/flowers/dev/" in text
        assert "/serving/flowers/production/" in text
        assert "/serving/flowers/staging/" not in text

    def test_live_versions_can_be_filtered_by_dataset(self, page, make_version):
        make_version()
        assert "flowers" in page.get("/serving/?q=flow").text
        assert "No matching datasets" in page.get("/serving/?q=nothing").text

    def test_without_releases_the_page_is_empty(self, page):
        assert "No live models yet" in page.get("/serving/").text


class TestTry:
    def test_a_text_column_of_few_categories_is_a_list_with_a_missing_value(self, page, make_version):
        make_version()
        form = page.get("/serving/flowers/dev/").context["form"]
        assert form.fields["input-2"].choices[0] == ("", "missing")

    def test_a_viewer_gets_a_prediction_with_probabilities_and_code(self, sign_in, make_version):
        make_version()
        response = sign_in("viewer").post("/serving/flowers/dev/", ROW)
        assert response.status_code == 200
        assert response.context["prediction"] in {"tulip", "rose"}
        assert {label for label, _ in response.context["probabilities"]} == {"tulip", "rose"}
        for text in ("curl -X POST", "import json, os", "&quot;length&quot;: 9", "models:/flowers@dev"):
            assert text in response.text

    def test_a_prediction_is_shown_with_its_reasons(self, page, make_version):
        make_version()
        response = page.post("/serving/flowers/dev/", ROW)
        assert "contributes to the probability of <code>" in response.text and "raises it" in response.text
        reasons = response.context["reasons"]
        parts = sum(row["contribution"] for row in reasons["shown"])
        assert reasons["base_value"] + parts == pytest.approx(reasons["prediction"])

    def test_sampled_reasons_are_shown_with_their_error(self, page, make_version):
        make_version(module="neighbors", class_name="KNeighborsClassifier")
        text = page.post("/serving/flowers/dev/", ROW).text
        assert "Sampled Shapley values" in text and "± 0." in text

    def test_the_shown_curl_body_is_accepted_by_the_api(self, page, api, make_version):
        make_version()
        context = page.post("/serving/flowers/dev/", ROW).context
        sent = json.loads(context["curl"].split("-d '")[1].rstrip("'"))
        assert api.post("/predict", sent).json()["predictions"] == [context["prediction"]]

    def test_htmx_gets_the_fragment_only(self, page, make_version):
        make_version()
        response = page.post("/serving/flowers/dev/", ROW, headers=HTMX)
        assert "<html" not in response.text
        assert 'id="try"' in response.text

    def test_an_empty_field_is_a_missing_value(self, page, make_version):
        make_version()
        response = page.post("/serving/flowers/dev/", {"input-0": "", "input-1": "", "input-2": ""})
        assert response.status_code == 200
        assert "&quot;length&quot;: null" in response.text
        assert "<code>length</code> is missing and was imputed." in response.text

    def test_a_prediction_shows_the_input_warnings(self, page, make_version, make_dataset):
        make_version()
        response = page.post("/serving/flowers/dev/", ROW | {"input-0": "999"})
        assert response.context["warnings"] == ["`length`: 999 is outside the training range, 5 to 11."]
        assert page.post("/serving/flowers/dev/", ROW).context["warnings"] == []
        rows = "".join(f"k{i % 40},{'ab'[i % 2]}\n" for i in range(80))
        make_version(make_dataset("codes", "code,kind\n" + rows))
        response = page.post("/serving/codes/dev/", {"input-0": "new"})
        assert response.context["warnings"] == ["`code`: `new` is not in the training data."]

    def test_a_version_that_is_not_live_can_be_tried_from_its_page(
        self, page, api, make_version, make_dataset
    ):
        source = make_dataset()
        for depth in (1, 3):
            make_version(source, params={"max_depth": depth})
        assert 'href="/serving/flowers/versions/1/"' in page.get("/registry/models/flowers/1/").text
        assert 'href="/serving/flowers/dev/"' in page.get("/registry/models/flowers/2/").text
        assert "This version is not live." in page.get("/serving/flowers/versions/1/").text
        response = page.post("/serving/flowers/versions/1/", ROW, headers=HTMX)
        assert "predicted by version 1" in response.text
        assert "models:/flowers/1" in response.context["mlflow"]
        sent = json.loads(response.context["curl"].split("-d '")[1].rstrip("'"))
        answer = api.post("/predict", sent).json()
        assert (answer["version"], answer["predictions"]) == (1, [response.context["prediction"]])

    def test_all_digits_of_an_integer_are_predicted(self, page, make_version, make_dataset):
        rows = "".join(f"{12345678901234567 + i},{'ab'[i % 2]}\n" for i in range(24))
        make_version(make_dataset("orders", "order,kind\n" + rows))
        response = page.post("/serving/orders/versions/1/", {"input-0": "12345678901234567"})
        assert "&quot;order&quot;: 12345678901234567" in response.text
        assert "&#x27;environment&#x27;: &#x27;dev&#x27;" in response.text

    def test_trying_a_version_requires_the_permission_to_predict(self, sign_in, make_version):
        make_version()
        assert sign_in(None).get("/serving/flowers/versions/1/").status_code == 403
        assert sign_in("viewer").get("/serving/flowers/versions/2/").status_code == 404

    def test_the_answer_is_where_a_form_without_javascript_leads(self, page, make_version):
        make_version()
        text = page.post("/serving/flowers/dev/", ROW).text
        assert 'action="/serving/flowers/dev/?row=1#answer"' in text
        assert 'id="answer" data-answer' in text

    def test_an_invalid_value_stays_in_the_form(self, page, make_version):
        make_version()
        response = page.post("/serving/flowers/dev/", ROW | {"input-0": "tall"})
        assert response.status_code == 422
        assert response.context["form"].errors["input-0"] == ["Must be a number."]
        assert 'value="tall"' in response.text

    def test_more_than_a_hundred_columns_are_entered_as_json(self, page, make_version, make_dataset):
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

    def test_probabilities_are_offered_for_classifiers_only(self, page, make_version, make_dataset):
        make_version()
        assert 'name="probabilities"' in page.get("/serving/flowers/dev/").text
        table = "x,y\n" + "".join(f"{i},{i * 2.5}\n" for i in range(30))
        make_version(make_dataset("line", table), module="linear_model", class_name="Ridge")
        assert 'name="probabilities"' not in page.get("/serving/line/dev/").text

    def test_reloading_after_a_rejected_file_redirects_to_the_stage(self, page, make_version):
        make_version()
        response = page.get("/serving/flowers/dev/file/")
        assert (response.status_code, response["Location"]) == (302, "/serving/flowers/dev/")

    def test_a_versions_page_names_its_inference_engine(self, page, make_version, make_dataset):
        make_version()
        assert "optimised trees" in page.get("/registry/models/flowers/1/").text
        table = "x,y\n" + "".join(f"{i},{'abcde'[i % 5]}\n" for i in range(30))
        random_classifier = {
            "module": "dummy",
            "class_name": "DummyClassifier",
            "params": {"strategy": "uniform"},
        }
        make_version(make_dataset("random", table), random_state=None, **random_classifier)
        text = page.get("/registry/models/random/1/").text
        assert "full pipeline, because its predictions are not deterministic" in text

    def test_a_clusterer_that_cannot_predict_has_no_form(self, page, make_version):
        make_version(module="cluster", class_name="DBSCAN", target=None)
        assert "This model cannot predict new rows" in page.get("/serving/flowers/dev/").text

    def test_a_stage_without_a_live_version_is_empty(self, page, make_version):
        make_version()
        sentence = "No version of <code>flowers</code> is live in production. Promote a version first."
        assert sentence in page.get("/serving/flowers/production/").text
        assert page.get("/serving/flowers/nowhere/").status_code == 404

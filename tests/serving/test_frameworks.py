"""Models of optional frameworks are trained, promoted and served as those of scikit-learn, if these are installed."""

import sys
from functools import partial

import pandas
import pytest

from registry import artifacts
from registry.artifacts import ArtifactRefused
from registry.releases.promotion import promote
from serving.model_cache import compatibility
from serving.prediction import predict
from tests.registry.estimators import boosters, networks, without_frameworks

ROW = {"length": 9, "width": 1.6, "colour": "blue"}
BOOSTERS = {"xgboost": "XGBClassifier", "lightgbm": "LGBMClassifier", "catboost": "CatBoostClassifier"}
each_booster = pytest.mark.parametrize("module", boosters.INSTALLED)
BODY = {
    "dataset_name": "flowers",
    "use_example": False,
    "model": {"module": "xgboost", "class": "XGBClassifier", "params": {"n_estimators": 5}},
    "target_column": "species",
}


@pytest.fixture
def make_booster(make_version):
    def make(module="xgboost", name="XGBClassifier"):
        return make_version(module=module, class_name=name, params={"n_estimators": 5})

    return make


@each_booster
def test_a_training_is_checked_and_its_model_predicts(make_job, admin, module):
    trees = {"iterations" if module == "catboost" else "n_estimators": 5}
    job = make_job(module=module, class_name=BOOSTERS[module], params=trees)
    version = job.model_version
    assert version.libraries[module].count(".") == 2
    assert version.verification.engine == "estimator"
    promote(version, stage="staging", by=admin)
    result = predict(
        version.dataset, stage="staging", rows=[ROW, dict.fromkeys(ROW)], by=admin, probabilities=True
    )
    pipeline = artifacts.load(version, version.release.key)
    assert result.predictions[0] == pipeline.predict(pandas.DataFrame([ROW]))[0]
    assert sum(result.probabilities[0]) == pytest.approx(1)
    reasons = predict(version.dataset, stage="staging", rows=[ROW], by=admin, explain=True).explanation
    assert (reasons.method, reasons.unit, set(reasons.rows[0].contributions)) == (
        "tree_shap",
        "log_odds",
        set(ROW),
    )


@pytest.mark.parametrize("module", networks.EACH)
def test_a_network_is_checked_trained_and_served_where_its_framework_is_missing(
    make_job, admin, page, monkeypatch, module
):
    name = f"{networks.PREFIXES[module]}MLPClassifier"
    job = make_job(module=module, class_name=name, params={"max_epochs": 3})
    version = job.model_version
    without_frameworks.hide(monkeypatch)
    assert compatibility.report()["refused"] == 0
    assert version.verification.engine == "estimator"
    promote(version, stage="staging", by=admin)
    rows = [ROW, dict.fromkeys(ROW), ROW | {"colour": "never seen"}]
    result = predict(version.dataset, stage="staging", rows=rows, by=admin, probabilities=True)
    assert [sum(row) for row in result.probabilities] == pytest.approx([1, 1, 1])
    reasons = predict(version.dataset, stage="staging", rows=[ROW], by=admin, explain=True).explanation
    assert (reasons.method, reasons.unit) == ("sampled_shapley", "probability")
    assert name in page.get(f"/registry/models/flowers/{version.number}/").text


@pytest.mark.parametrize(("saved_by", "code"), [("3.0.5", None), ("2.1.4", "artifact_incompatible")])
def test_a_model_of_another_patch_release_is_served_and_one_of_another_major_version_is_not(
    make_booster, admin, saved_by, code
):
    version = make_booster()
    version.libraries |= {"xgboost": saved_by}
    version.artifact_hmac = artifacts.sign(version)
    version.save()
    call = partial(predict, version.dataset, stage="dev", rows=[ROW], by=admin)
    if code is None:
        assert call().predictions
        return
    with pytest.raises(ArtifactRefused, match=r"trained with xgboost 2\.1\.4") as caught:
        call()
    assert caught.value.code == code


def test_a_model_of_a_framework_that_is_missing_here_says_so(make_booster, admin, page, monkeypatch):
    version = make_booster()
    assert compatibility.report()["refused"] == 0
    without_frameworks.hide(monkeypatch)
    assert compatibility.report()["refused"] == 1
    with pytest.raises(ArtifactRefused, match="make run EXTRAS=xgboost") as caught:
        predict(version.dataset, stage="dev", rows=[ROW], by=admin)
    assert caught.value.code == "framework_not_installed"
    assert page.get(f"/registry/models/flowers/{version.number}/").status_code == 200


def test_a_model_of_a_framework_that_cannot_be_loaded_here_says_so(make_version, monkeypatch, tmp_path):
    version = make_version(random_state=0)
    version.libraries |= {"catboost": "1.2.10"}
    (tmp_path / "catboost.py").write_text("raise OSError('libgomp.so.1: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "catboost", raising=False)
    with pytest.raises(ArtifactRefused, match=r"needs catboost, .* cannot load: libgomp") as caught:
        artifacts.is_of_installed_version(version)
    assert caught.value.code == "framework_not_installed"


def test_a_training_with_a_framework_that_is_missing_here_is_refused(api, page, make_dataset, monkeypatch):
    make_dataset()
    without_frameworks.hide(monkeypatch)
    response = api.post("/train", BODY, format="json")
    assert response.status_code == 400
    assert response.json()["code"] == "framework_not_installed"
    assert "Install it with `make run EXTRAS=xgboost`." in response.json()["detail"]
    text = page.get("/registry/train/?dataset=flowers&target=species").text
    assert "XGBoost is not installed on this server" in text
    assert "<code>make run EXTRAS=xgboost</code>" in text

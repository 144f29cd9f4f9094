"""Loading an artifact: its golden rows must be predicted as they were when the model was trained."""

import pytest

from registry.artifacts import ArtifactRefused
from registry.models import Release
from registry.releases.promotion import promote
from serving.engine import registration
from serving.models import Verification
from serving.prediction import predict
from tests.serving.model_cache.conftest import live_number

RANDOM = {
    "module": "dummy", "class_name": "DummyClassifier", "params": {"strategy": "uniform"}, "random_state": None,
}  # fmt: skip


@pytest.fixture
def forest(make_version):
    return make_version(module="ensemble", class_name="RandomForestClassifier", params={"n_estimators": 5})


def change_prediction(version, *, row: int) -> None:
    verification = Verification.objects.get(pk=version.pk)
    other = {"rose": "tulip", "tulip": "rose"}
    verification.predictions[row - 1] = other[verification.predictions[row - 1]]
    verification.hmac = registration.sign(verification, version)
    verification.save()


def test_golden_rows_are_rows_of_the_table_and_edge_cases(forest):
    verification = forest.verification
    assert verification.engine == "trees"
    assert [None, None, None] in verification.golden_rows
    count = len(verification.golden_rows)
    assert count > 5
    assert len(verification.predictions) == len(verification.probabilities) == count


def test_a_model_that_predicts_a_golden_row_differently_is_refused(cache, forest):
    change_prediction(forest, row=3)
    with pytest.raises(ArtifactRefused, match="golden row 3"):
        live_number(cache)


def test_a_model_that_predicts_a_golden_row_differently_is_not_promoted(forest, admin):
    change_prediction(forest, row=2)
    with pytest.raises(ArtifactRefused, match="golden row 2"):
        promote(forest, stage="staging", by=admin)
    assert not Release.objects.filter(stage="staging").exists()


@pytest.mark.usefixtures("forest")
def test_a_version_older_than_golden_rows_is_served(admin):
    Verification.objects.all().delete()
    assert predict("flowers", stage="dev", rows=[[9, 1.6, "blue"]], by=admin).predictions


def test_a_clusterer_that_cannot_predict_is_promoted_without_golden_rows(make_version, admin):
    version = make_version(module="cluster", class_name="DBSCAN")
    promote(version, stage="staging", by=admin)
    assert not Verification.objects.exists()


def test_golden_rows_of_a_regressor_have_numbers(make_dataset, make_version, admin):
    table = "x,when,y\n" + "".join(f"{i % 7}.5,2026-01-{i + 1:02},{i * 1.1:.3f}\n" for i in range(25))
    version = make_version(make_dataset("line", table), module="linear_model", class_name="Ridge")
    assert version.verification.engine == "estimator"
    assert all(isinstance(value, float) for value in version.verification.predictions)
    assert predict("line", stage="dev", rows=[[1, None]], by=admin).predictions


def test_a_probability_that_is_not_a_number_is_kept_as_null(cache, make_dataset, make_version):
    """LabelPropagation divides 0 by 0 for a row far from its training data."""
    table = "x,y\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(20))
    version = make_version(
        make_dataset("far", table), module="semi_supervised", class_name="LabelPropagation"
    )
    assert [None, None] in version.verification.probabilities
    assert cache.get("far", stage="dev").model.engine.kind == version.verification.engine == "estimator"


def test_an_infinite_prediction_does_not_rule_out_the_fast_engine(make_dataset, make_version):
    """PoissonRegressor's exp() overflows for an edge case, which callers get as null from either engine."""
    table = "x,y\n" + "".join(f"{i / 10},{2**i}\n" for i in range(20))
    version = make_version(make_dataset("steep", table), module="linear_model", class_name="PoissonRegressor")
    assert None in version.verification.predictions
    assert version.verification.engine == "estimator"


def test_a_model_with_random_predictions_is_served_without_golden_rows(cache, make_dataset, make_version):
    table = "x,y\n" + "".join(f"{i},{'abcde'[i % 5]}\n" for i in range(30))
    version = make_version(make_dataset("random", table), **RANDOM)
    assert (version.verification.engine, version.verification.golden_rows) == ("pipeline", [])
    assert cache.get("random", stage="dev").model.engine.kind == "pipeline"

"""Boosters of optional frameworks: the engine's one call of the library predicts what the pipeline predicts."""

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest

from registry import artifacts
from registry.estimators import algorithms, wrappers
from registry.estimators.frameworks import extras
from registry.training.columns import feature_frame
from serving.engine import inference, verification
from serving.inputs.reader import TypedRows
from tests.registry.estimators import boosters
from tests.serving.engine.fits import COLUMNS, fit, table

NAMES = [name for framework in boosters.INSTALLED for name in extras.FRAMEWORKS[framework].classes]
CLASSIFIERS = [name for name in NAMES if name.endswith("Classifier") and "RF" not in name]
PORTABLE = {"XGB": b"learner_model_param", "LGB": b"tree_sizes=", "Cat": b"CBM1"}


def few_trees(name: str) -> dict:
    return {"iterations": 10, "depth": 3} if name.startswith("Cat") else {"n_estimators": 10, "max_depth": 3}


@pytest.fixture(scope="module")
def fits():
    return {name: fit(algorithms.find(name), table(200), few_trees(name)) for name in NAMES}


def predicted(result, rows) -> tuple:
    engine = inference.build(result.pipeline, result.signature)
    return engine.predict(
        TypedRows.from_frame(rows, COLUMNS), probabilities=result.signature["probabilities"]
    )


def dumped(pipeline) -> bytes:
    with artifacts.dump(pipeline).file as file:
        file.seek(0)
        return file.read()


@pytest.mark.parametrize("name", NAMES)
def test_the_engine_predicts_the_bits_of_the_pipeline(fits, name):
    result, rows = fits[name], feature_frame(table(80, seed=1), COLUMNS)
    predictions, probabilities = predicted(result, rows)
    assert np.array_equal(predictions, result.pipeline.predict(rows))
    if probabilities is not None:
        assert np.array_equal(probabilities, result.pipeline.predict_proba(rows))


@pytest.mark.parametrize("name", NAMES)
def test_a_row_alone_is_predicted_as_in_a_batch(fits, name):
    rows = feature_frame(table(10, seed=2), COLUMNS)
    together, _ = predicted(fits[name], rows)
    assert [predicted(fits[name], rows.iloc[[row]])[0][0] for row in range(10)] == together.tolist()


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_threads_share_a_booster(fits, name):
    result, rows = fits[name], feature_frame(table(40, seed=5), COLUMNS)
    engine = inference.build(result.pipeline, result.signature)
    typed = [TypedRows.from_frame(rows.iloc[[row]], COLUMNS) for row in range(40)]
    with ThreadPoolExecutor(4) as pool:
        alone = list(pool.map(lambda row: engine.predict(row, probabilities=True)[1][0], typed * 5))
    assert np.array_equal(alone, np.tile(predicted(result, rows)[1], (5, 1)))


@pytest.mark.parametrize("name", NAMES)
def test_verification_keeps_the_fast_engine(fits, name):
    result = fits[name]
    engine, golden = verification.verify(result.pipeline, result.signature, result.held_out)
    assert (engine.kind, engine.reason) == ("estimator", "")
    assert len(golden.rows) > verification.MAX_GOLDEN_ROWS


@pytest.mark.parametrize("name", NAMES)
def test_categories_are_native(fits, name):
    prepared = {choice["column"]: choice["prepare"] for choice in fits[name].preparation}
    assert (prepared["colour"], prepared["wild"], prepared["length"]) == ("native", "native", "as_is")
    [estimator] = wrappers.fitted(fits[name].pipeline["model"])
    if name.startswith("Cat"):
        assert estimator.get_cat_feature_indices() == [0, 1]
    elif name.startswith("XGB"):
        assert estimator.get_booster().feature_types[:3] == ["c", "c", "q"]
    else:
        infos = estimator.booster_.dump_model()["feature_infos"]
        assert [bool(infos.get(f"Column_{number}", {}).get("values")) for number in range(3)] == [
            True,
            True,
            False,
        ]


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize(
    "options", [{"threshold": 0.4}, {"calibration": "isotonic"}, {"calibration": "sigmoid"}]
)
def test_a_threshold_and_a_calibration_have_the_bits_of_the_pipeline(name, options):
    rows = feature_frame(table(20, seed=3), COLUMNS)
    result = fit(algorithms.find(name), table(150, classes=2), few_trees(name), **options)
    predictions, probabilities = predicted(result, rows)
    assert np.array_equal(predictions, result.pipeline.predict(rows))
    assert np.array_equal(probabilities, result.pipeline.predict_proba(rows))


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_an_artifact_has_the_portable_format_and_loads_without_this_code(fits, name, tmp_path):
    result = fits[name]
    content = dumped(result.pipeline)
    assert PORTABLE[name[:3]] in content
    assert b"Config" not in content  # of XGBoost's memory, which another version may not read
    (tmp_path / "model.joblib").write_bytes(content)
    table(20).drop(columns=["kind", "size"]).to_parquet(tmp_path / "rows.parquet")
    code = (
        "import joblib, pandas, sys; model = joblib.load('model.joblib'); rows = pandas.read_parquet('rows.parquet');"
        "print(','.join(model.predict(rows))); assert not {'registry', 'serving', 'django'} & set(sys.modules)"
    )
    printed = subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path, text=True)
    assert printed.strip().split(",") == result.pipeline.predict(feature_frame(table(20), COLUMNS)).tolist()


@pytest.mark.parametrize("name", NAMES)
def test_a_loaded_model_predicts_the_same_bits_in_one_thread(fits, name):
    result = fits[name]
    loaded = joblib.load(io.BytesIO(dumped(result.pipeline)))
    rows = feature_frame(table(20, seed=1), COLUMNS)
    assert np.array_equal(loaded.predict(rows), result.pipeline.predict(rows))
    [estimator] = wrappers.fitted(loaded["model"])
    assert name.startswith("Cat") or estimator.n_jobs == 1

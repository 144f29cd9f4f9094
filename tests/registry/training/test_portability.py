"""A fitted pipeline predicts raw pandas frames, and loads without this code."""

import io
import pickle
import subprocess
import sys

import numpy as np
import pandas
import pytest

from registry.training.columns import feature_frame
from tests.registry.training.tables import ROWS, fit, table

FOREST = {"name": "RandomForestClassifier", "params": {"n_estimators": 5}}


def as_csv(frame: pandas.DataFrame) -> pandas.DataFrame:
    return pandas.read_csv(io.StringIO(frame.to_csv(index=False)))


def assert_same_predictions(result, frame: pandas.DataFrame) -> None:
    typed = feature_frame(frame, result.signature["inputs"])
    assert (result.pipeline.predict_proba(as_csv(frame)) == result.pipeline.predict_proba(typed)).all()


def test_a_raw_csv_is_predicted_as_the_typed_table():
    assert str(as_csv(table())["born"].dtype) == "str"
    assert_same_predictions(fit(**FOREST), table())


@pytest.fixture(scope="module")
def forest():
    return fit(**FOREST)


@pytest.mark.parametrize("row", [0, 3, 4, 5])
def test_one_raw_row_is_predicted_as_the_typed_row(forest, row):
    assert_same_predictions(forest, table().iloc[[row]])


def test_a_raw_csv_with_gaps_in_a_boolean_column_is_predicted_as_the_typed_table():
    typed = table().assign(tame=table()["tame"].astype("boolean").mask(table()["legs"] > 5))
    assert_same_predictions(fit(frame=typed, **FOREST), typed)


def test_dates_with_a_time_zone_are_converted_to_utc():
    result = fit(features=["born"])
    zoned = pandas.DataFrame({"born": ["1966-01-01T02:00:00+02:00", None]})
    plain = pandas.DataFrame({"born": ["1966-01-01", None]})
    encode = result.pipeline["columns"].transform
    np.testing.assert_array_equal(encode(zoned), encode(plain))


def test_a_pipeline_loads_and_predicts_without_this_code(tmp_path, forest):
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(forest.pipeline))
    table().to_csv(tmp_path / "rows.csv", index=False)
    code = (
        "import pickle, sys, pandas; model = pickle.load(open('model.pkl', 'rb'));"
        "print(','.join(model.predict(pandas.read_csv('rows.csv'))));"
        "sys.exit('registry' in sys.modules or 'django' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.split(",")) == ROWS

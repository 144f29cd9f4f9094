"""Models as a team would bring them: fitted on a table that pandas has read."""

import io
import zipfile

import pandas
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from registry.imports.readers import trust
from tests.conftest import FLOWERS


def flowers() -> pandas.DataFrame:
    return pandas.read_csv(io.StringIO(FLOWERS))


def prepared(estimator=None):
    """A pipeline that is fitted on the three columns of FLOWERS."""
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    words = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="none"), OneHotEncoder(handle_unknown="ignore")
    )
    columns = make_column_transformer((numbers, ["length", "width"]), (words, ["colour"]))
    table = flowers()
    pipeline = make_pipeline(columns, LogisticRegression() if estimator is None else estimator)
    return pipeline.fit(table[["length", "width", "colour"]], table["species"])


def as_skops(estimator) -> bytes:
    return trust.skops_io().dumps(estimator, compression=zipfile.ZIP_DEFLATED)

"""Table columns to the numbers that an estimator learns from, in scikit-learn's and pandas' own pieces.

No function of ours may end up in here: an artifact must load where this code is not.
"""

import pandas

# One-hot columns that all text columns share: 2,000 of them over 100,000 rows are 1.6 GB.
ONE_HOT_COLUMNS = 2_000
MOST_CATEGORIES = 32


def columns(inputs: list[dict], estimator):
    """A ColumnTransformer that takes numbers, then dates, then text and booleans, each by column name."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import make_pipeline

    numbers = [column["name"] for column in inputs if column["type"] in ("integer", "number")]
    dates = [column["name"] for column in inputs if column["type"] == "date"]
    text = [column["name"] for column in inputs if column["type"] in ("text", "boolean")]
    groups = [
        ("numbers", make_pipeline(*_scaled(estimator)), numbers),
        ("dates", make_pipeline(*_seconds(), *_scaled(estimator)), dates),
        ("text", make_pipeline(*_one_hot(len(text))), text),
    ]
    return ColumnTransformer([group for group in groups if group[2]])


def _scaled(estimator) -> list:
    """Median and scale; a scale without negative numbers, or bins, for the estimators that ask for it."""
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import KBinsDiscretizer, MinMaxScaler, StandardScaler
    from sklearn.utils import get_tags

    wanted = get_tags(estimator).input_tags
    if wanted.categorical and wanted.positive_only:  # CategoricalNB would truncate scaled numbers to 0
        scale = KBinsDiscretizer(
            n_bins=10, encode="ordinal", quantile_method="averaged_inverted_cdf", random_state=0
        )
    else:
        scale = MinMaxScaler(clip=True) if wanted.positive_only else StandardScaler()
    return [SimpleImputer(strategy="median", keep_empty_features=True), scale]


def _seconds() -> list:
    """Dates, or ISO texts as `pandas.read_csv` leaves them, to seconds since 1970; gaps become NaN.

    Not by a cast: numpy and pandas turn a missing date into -9.2e18 on the way to a number.
    """
    from sklearn.preprocessing import FunctionTransformer

    parse = {"func": pandas.to_datetime, "format": "ISO8601", "utc": True}
    return [
        FunctionTransformer(pandas.DataFrame.apply, kw_args=parse),
        FunctionTransformer(
            pandas.DataFrame.sub, kw_args={"other": pandas.Timestamp("1970-01-01", tz="UTC")}
        ),
        FunctionTransformer(pandas.DataFrame.div, kw_args={"other": pandas.Timedelta(seconds=1)}),
    ]


def _one_hot(text_columns: int) -> list:
    """One column per frequent category; rare and unseen ones share a column, so IDs cannot explode memory."""
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

    most = min(max(ONE_HOT_COLUMNS // max(text_columns, 1), 2), MOST_CATEGORIES)
    return [
        FunctionTransformer(pandas.DataFrame.astype, kw_args={"dtype": "str"}),
        SimpleImputer(strategy="constant", fill_value="missing", keep_empty_features=True),
        OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=most, sparse_output=False),
    ]

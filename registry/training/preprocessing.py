"""From table columns to the numbers that an estimator is fitted on, with scikit-learn and pandas objects only.

None of our own functions may be part of the pipeline: an artifact must load without this code.
"""

import pandas

# The limit of one-hot columns for all text columns together: 2,000 of them over 100,000 rows are 1.6 GB.
MAX_ONE_HOT_COLUMNS = 2_000
MAX_CATEGORIES = 32


def column_transformer(inputs: list[dict], estimator):
    """A ColumnTransformer for numbers, then dates, then text and booleans, each selected by column name."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import make_pipeline

    numbers = [column["name"] for column in inputs if column["type"] in ("integer", "number")]
    dates = [column["name"] for column in inputs if column["type"] == "date"]
    text = [column["name"] for column in inputs if column["type"] in ("text", "boolean")]
    groups = [
        ("numbers", make_pipeline(*_impute_and_scale(estimator)), numbers),
        ("dates", make_pipeline(*_to_seconds(), *_impute_and_scale(estimator)), dates),
        ("text", make_pipeline(*_one_hot(len(text))), text),
    ]
    return ColumnTransformer([group for group in groups if group[2]])


def _impute_and_scale(estimator) -> list:
    """Median and standard scale; a positive scale, or bins, for the estimators that require it."""
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import KBinsDiscretizer, MinMaxScaler, StandardScaler
    from sklearn.utils import get_tags

    tags = get_tags(estimator).input_tags
    if tags.categorical and tags.positive_only:  # CategoricalNB would truncate scaled numbers to 0
        scale = KBinsDiscretizer(
            n_bins=10, encode="ordinal", quantile_method="averaged_inverted_cdf", random_state=0
        )
    else:
        scale = MinMaxScaler(clip=True) if tags.positive_only else StandardScaler()
    return [SimpleImputer(strategy="median", keep_empty_features=True), scale]


def _to_seconds() -> list:
    """Dates, or ISO strings as `pandas.read_csv` returns them, to seconds since 1970; gaps become NaN.

    Not by a cast: numpy and pandas turn a missing date into -9.2e18 on the way to a number.
    """
    from sklearn.preprocessing import FunctionTransformer

    parse = {"func": pandas.to_datetime, "format": "ISO8601", "utc": True}
    epoch = {"other": pandas.Timestamp("1970-01-01", tz="UTC")}
    return [
        FunctionTransformer(pandas.DataFrame.apply, kw_args=parse),
        FunctionTransformer(pandas.DataFrame.sub, kw_args=epoch),
        FunctionTransformer(pandas.DataFrame.div, kw_args={"other": pandas.Timedelta(seconds=1)}),
    ]


def _one_hot(text_columns: int) -> list:
    """One column per frequent category; infrequent and unseen ones share one, which bounds the memory of IDs."""
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

    limit = min(max(MAX_ONE_HOT_COLUMNS // max(text_columns, 1), 2), MAX_CATEGORIES)
    return [
        FunctionTransformer(pandas.DataFrame.astype, kw_args={"dtype": "str"}),
        SimpleImputer(strategy="constant", fill_value="missing", keep_empty_features=True),
        OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=limit, sparse_output=False),
    ]

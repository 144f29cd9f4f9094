"""The values of a table as JSON. No Django models or settings."""

import numpy as np
import pandas


def iso_date(value: pandas.Timestamp) -> str:
    """A date without a time of day as "2026-01-31"."""
    return value.date().isoformat() if value == value.normalize() else value.isoformat()


def cell(value: object, type_: str = "") -> object:
    """One value of a table; None if it is missing. Of the type `integer`, a float is the whole number that it is."""
    if pandas.isna(value):
        return None
    if isinstance(value, np.datetime64):
        value = pandas.Timestamp(value)
    if isinstance(value, pandas.Timestamp):
        return iso_date(value)
    value = value.item() if isinstance(value, np.generic) else value
    return int(value) if type_ == "integer" and isinstance(value, float) and value.is_integer() else value


def class_name(value: object) -> str:
    """A class as a text: of a boolean `true` or `false`, as in JSON."""
    value = cell(value)
    return str(value).lower() if isinstance(value, bool) else str(value)

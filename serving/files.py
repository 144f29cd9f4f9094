"""A table file's frame as typed rows of a model: by column name, by the same rules as everything else."""

import pandas

from serving.frames import Reader, TypedRows


def typed(frame: pandas.DataFrame, reader: Reader) -> TypedRows:
    """The columns of the signature, in its order; others are ignored. Raises ValidationError by row and column."""
    columns = {name: values_of(frame[name]) for name in reader.names if name in frame.columns}
    return reader.from_columns(columns, len(frame))


def values_of(series: pandas.Series) -> list:
    """A typed column as JSON values."""
    if series.dtype.kind == "M":
        return [None if moment is pandas.NaT else moment.isoformat() for moment in series]
    return series.astype(object).where(series.notna(), None).tolist()

"""Table files as typed rows of a model: their columns by name, by the same rules as everything else."""

from dataclasses import replace

import pandas

from catalog.parsing import Column, ParseRecipe
from serving import cells
from serving.frames import Reader, TypedRows


def untyped(recipe: ParseRecipe) -> ParseRecipe:
    """The recipe that leaves each cell of a text file as it is written: what it is, the signature says."""
    if recipe.format != "csv":
        return recipe
    return replace(recipe, columns=tuple(Column(column.name, "text", True) for column in recipe.columns))


def typed(
    frame: pandas.DataFrame, reader: Reader, *, recipe: ParseRecipe | None = None, first: int = 1
) -> TypedRows:
    """The columns of the signature, in its order; others are ignored. Raises ValidationError by row and column.

    With an `untyped` recipe of a text file, its cells are read as text; `first` is the number of the first row.
    """
    columns = {name: values_of(frame[name]) for name in reader.names if name in frame.columns}
    is_text = recipe is not None and recipe.format == "csv"
    if is_text and recipe.decimal == ",":
        for column in reader.inputs:
            if column["type"] in {"integer", "number"} and column["name"] in columns:
                values = columns[column["name"]]
                columns[column["name"]] = [value and value.replace(",", ".") for value in values]
    rules = cells.TEXT if is_text else cells.JSON
    return reader.from_columns(columns, len(frame), rules=rules, first=first)


def values_of(series: pandas.Series) -> list:
    """A typed column as JSON values."""
    if series.dtype.kind == "M":
        return [None if moment is pandas.NaT else moment.isoformat() for moment in series]
    return series.astype(object).where(series.notna(), None).tolist()

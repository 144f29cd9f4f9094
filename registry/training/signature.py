"""The signature of a model: its input columns, target, output kind and classes, as plain JSON."""

import pandas

from registry.evaluation.cells import iso_date

MAX_CATEGORIES = 50
OUTPUTS = {"classification": "class", "regression": "number", "clustering": "cluster"}


def describe(
    pipeline,
    train: pandas.DataFrame,
    *,
    inputs: list[dict],
    target: dict | None,
    task: str,
    known: dict[str, dict] | None = None,
) -> dict:
    """The signature of a fitted pipeline; ranges, categories and the example are those of the training rows.

    `train` is a feature_frame of `inputs`. Numbers and dates (ISO) have `min` and `max`, text its 50 most
    frequent `categories`; `classes` keep the type that they have in the table. If `train` has only some of the training
    rows, `known` has those facts of all of them, by column.
    """
    known = known or {}
    return {
        "inputs": [
            _input(train[column["name"]], column) | known.get(column["name"], {}) for column in inputs
        ],
        "target": None if target is None else {"name": target["name"], "type": target["type"]},
        "task": task,
        "output": OUTPUTS[task],
        "classes": pipeline.classes_.tolist() if task == "classification" else None,
        "can_predict": hasattr(pipeline, "predict"),
        "probabilities": hasattr(pipeline, "predict_proba"),
        "example": _example(train, inputs),
    }


def _input(series: pandas.Series, column: dict) -> dict:
    described = {"name": column["name"], "type": column["type"], "nullable": bool(column["nullable"])}
    if "format" in column:
        described["format"] = column["format"]
    if column["type"] == "text":
        described["categories"] = series.value_counts().index[:MAX_CATEGORIES].tolist()
    elif column["type"] != "boolean":
        described |= {"min": as_json(series.min(), column), "max": as_json(series.max(), column)}
    return described


def columns_of(recipe: dict) -> list[dict]:
    """The columns of a parse recipe with all it takes to read a cell alone: `format`, see CellFormat.

    Of a typed file, a text such as NA is a value.
    """
    is_text = recipe.get("decimal") is not None
    defaults = {"decimal": recipe["decimal"]} if is_text and recipe["decimal"] != "." else {}
    columns = []
    for column in recipe["columns"]:
        form = (defaults if column["type"] == "number" else {}) | column.get("format", {})
        if not is_text and column["type"] == "text":
            form = {"missing": []} | form
        columns.append(column | {"format": form})
    return columns


def _example(train: pandas.DataFrame, inputs: list[dict]) -> dict:
    """The first of the rows with the fewest missing values."""
    row = int(train.isna().sum(axis=1).to_numpy().argmin())
    return {column["name"]: as_json(train[column["name"]].iloc[row], column) for column in inputs}


def as_json(value: object, column: dict) -> object:
    """A cell as the JSON value of its column's type."""
    if pandas.isna(value):
        return None
    if column["type"] == "date":
        return iso_date(value)
    return {"integer": int, "number": float, "boolean": bool, "text": str}[column["type"]](value)

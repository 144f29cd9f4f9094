"""The inputs and the target of an imported model, by the columns of a dataset version or by a declared signature."""

import contextlib
from collections.abc import Iterator, Sequence

from django.core.exceptions import ValidationError

from catalog.models import DatasetVersion
from registry.training import signature
from registry.training.columns import boolean_words, not_a_column

MAX_COLUMNS = 5_000
MAX_CATEGORIES = 1_000
TYPES = ("integer", "number", "text", "boolean", "date")
# The parts of a signature that are declared; those of the model itself are read from it.
DECLARED = {"inputs", "target", "example"}
OF_THE_MODEL = {"task", "output", "classes", "can_predict", "probabilities"}
OF_A_COLUMN = {"name", "type", "nullable", "min", "max", "categories", "format"}
NUMBERS = {"integer", "number"}


def columns_of(source: DatasetVersion) -> list[dict]:
    return signature.columns_of(source.recipe)


def inputs_of_dataset(
    columns: list[dict],
    *,
    target: str,
    features: Sequence[str] | None,
    model_columns: list[str] | None,
    width: int | None,
) -> list[dict]:
    """The columns of a table that a model takes, in its order: by the names in its file, or else by `features`.

    Raises ValidationError: feature_not_found, columns_differ.
    """
    by_name = {column["name"]: column for column in columns}
    if model_columns is not None:
        names = model_columns
        if features is not None and sorted(features) != sorted(names):
            raise in_field(
                "features", "The model names its own input columns; leave the features out.", "columns_differ"
            )
    else:
        names = list(features) if features is not None else [name for name in by_name if name != target]
    for name in names:
        if name not in by_name:
            subject = "input of the model" if model_columns is not None else "feature"
            field = "file" if model_columns is not None else "features"
            raise in_field(field, not_a_column(subject, name, list(by_name)), "feature_not_found")
        if name == target:
            raise in_field(
                "target_column",
                f"`{target}` is an input of the model and cannot be its target.",
                "target_is_feature",
            )
    if len(set(names)) < len(names):
        raise in_field("features", "A feature is listed twice.", "duplicate_feature")
    with about("features"):
        check_width(names, width)
    return [by_name[name] for name in names]


def check_width(names: Sequence[str], width: int | None) -> None:
    """Raise ValidationError (columns_differ) unless the model takes so many columns."""
    if width is not None and width != len(names):
        raise ValidationError(
            f"The model takes {width:,} input column{'' if width == 1 else 's'}, not {len(names):,}: list those that "
            "it was fitted on, in this order.",
            code="columns_differ",
        )


def parse(declared: object) -> tuple[list[dict], dict, dict]:
    """The inputs, the target and the example row of a declared signature, checked. Code: invalid_signature."""
    if not isinstance(declared, dict):
        raise _invalid("It must be a JSON object with `inputs` and `target`.")
    if unknown := set(declared) - DECLARED - OF_THE_MODEL:
        raise _invalid(f"It has no field `{min(unknown)[:50]}`; use inputs, target and example.")
    inputs = declared.get("inputs")
    if not isinstance(inputs, list) or not 1 <= len(inputs) <= MAX_COLUMNS:
        raise _invalid(f"`inputs` must be a list of 1 to {MAX_COLUMNS:,} columns.")
    inputs = [_column(one) for one in inputs]
    names = [one["name"] for one in inputs]
    if len(set(names)) < len(names):
        raise _invalid("Two of its inputs have the same name.")
    target = _target(declared.get("target"), names)
    return inputs, target, _example(declared.get("example"), inputs)


def _column(one: object) -> dict:
    if not isinstance(one, dict) or set(one) - OF_A_COLUMN:
        raise _invalid("An input has the fields name, type, nullable, min, max and categories.")
    name, kind = one.get("name"), one.get("type")
    if not isinstance(name, str) or not 0 < len(name) <= 255:
        raise _invalid("The name of an input must be a text of 1 to 255 characters.")
    if kind not in TYPES:
        raise _invalid(f"The type of `{name[:100]}` must be one of {', '.join(TYPES)}.")
    column = {"name": name, "type": kind, "nullable": one.get("nullable", True)}
    if not isinstance(column["nullable"], bool):
        raise _invalid(f"`nullable` of `{name[:100]}` must be true or false.")
    if kind in NUMBERS:
        column |= {end: _number(one.get(end), name) for end in ("min", "max")}
    elif kind == "date":
        column |= {"min": None, "max": None}
    elif kind == "text":
        column["categories"] = _categories(one.get("categories", []), name)
    return column


def _number(value: object, name: str) -> int | float | None:
    if value is not None and (type(value) not in (int, float) or abs(value) > 1e300):
        raise _invalid(f"`min` and `max` of `{name[:100]}` must be numbers or null.")
    return value


def _categories(values: object, name: str) -> list[str]:
    if (
        not isinstance(values, list)
        or len(values) > MAX_CATEGORIES
        or not all(type(v) is str for v in values)
    ):
        raise _invalid(f"`categories` of `{name[:100]}` must be a list of at most {MAX_CATEGORIES:,} texts.")
    return values


def _target(value: object, names: list[str]) -> dict:
    name, kind = (
        (value.get("name"), value.get("type", "text")) if isinstance(value, dict) else (value, "text")
    )
    if not isinstance(name, str) or not 0 < len(name) <= 255:
        raise _invalid("`target` must be the name of the column that the model predicts.")
    if kind not in TYPES:
        raise _invalid(f"The type of the target must be one of {', '.join(TYPES)}.")
    if name in names:
        raise _invalid(f"`{name[:100]}` is an input and cannot be the target.")
    return {"name": name, "type": kind}


def _example(value: object, inputs: list[dict]) -> dict:
    """The given example row, or one of the first category, the lowest number, false, and missing dates."""
    usual = {
        one["name"]: next(iter(one.get("categories", [])), None) if one["type"] == "text"
        else False if one["type"] == "boolean" else one.get("min")
        for one in inputs
    }  # fmt: skip
    for one in inputs:
        if one["type"] in NUMBERS and usual[one["name"]] is None:
            usual[one["name"]] = 0
    if value is None:
        return usual
    if not isinstance(value, dict) or set(value) != set(usual):
        raise _invalid("`example` must have a value for each input, and for no other column.")
    return {name: value[name] for name in usual}


def check_fits(inputs: list[dict], source: DatasetVersion) -> None:
    """A declared input that the dataset has too must have its type there: scoring a version would fail.

    Raises ValidationError (columns_differ).
    """
    found = {column["name"]: column for column in columns_of(source)}
    for one in inputs:
        column = found.get(one["name"])
        if column is None or one["type"] == column["type"] or {one["type"], column["type"]} <= NUMBERS:
            continue
        raise in_field(
            "signature",
            f"`{one['name']}` is declared as {one['type']}, and in version {source.number} of `{source.dataset.name}` "
            f"it is {column['type']}.",
            "columns_differ",
        )


def words_of(inputs: list[dict]) -> dict[str, dict[bool, str]]:
    """The words of the file for booleans, such as Yes and No, by column: what a model was fitted on elsewhere."""
    return {one["name"]: words for one in inputs if (words := boolean_words(one))}


def _invalid(sentence: str) -> ValidationError:
    return in_field("signature", f"The signature is invalid. {sentence}", "invalid_signature")


@contextlib.contextmanager
def about(field: str) -> Iterator[None]:
    """Make an error of the block that is about no field one of this field."""
    try:
        yield
    except ValidationError as error:
        if hasattr(error, "error_dict"):
            raise
        raise ValidationError({field: error}) from error


def in_field(field: str, sentence: str, code: str) -> ValidationError:
    """An error of a field of the request."""
    return ValidationError({field: ValidationError(sentence, code=code)})

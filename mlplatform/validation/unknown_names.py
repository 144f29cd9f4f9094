"""Reject names that a call does not have: fields of bodies and forms, query parameters, repeated names.

A misspelt option that is ignored changes the result without an error: `{"target": "y1"}` trained another target.
"""

import difflib
import re
from collections.abc import Collection, Iterable

from django.core.exceptions import ValidationError
from django.http import QueryDict

MAX_LISTED = 20  # unknown names in one response
MAX_KNOWN = 12  # known names in one sentence
MAX_LENGTH = 100
# Names that other tools have for the same thing.
SYNONYMS = [
    set(names.split())
    for names in (
        "stage environment env target_stage to_stage",
        "target target_column label label_column y target_name",
        "dataset dataset_name",
        "algorithm class class_name estimator",
        "params parameters hyperparameters hyper_parameters args kwargs",
        "random_state seed random_seed",
        "features feature_columns columns inputs input_columns x",
        "instances features input_data data rows inputs",
        "test_size test_split split holdout validation_split",
        "timeout_s timeout time_limit max_time",
        "version model_version number to_version",
        "version dataset_version",
        "comment reason description message note notes",
        "probabilities proba predict_proba return_probabilities",
        "page_size limit per_page size max_results",
        "page offset page_number",
        "ordering sort order order_by sort_by",
        "q search query filter name contains",
        "state status",
        "task kind type",
        "new_version overwrite update replace",
        "use_example example",
        "username user login email",
    )
]


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name that is probably meant: the same word, a synonym, or a similar spelling.

    Names can be dotted paths; their last part counts.
    """
    word = _snake_case(name.rpartition(".")[2][:MAX_LENGTH])
    by_word = {}
    for candidate in known:
        by_word.setdefault(candidate.rpartition(".")[2], candidate)
    if word in by_word:
        return by_word[word]
    for synonyms in SYNONYMS:
        if word in synonyms and (shared := [other for other in by_word if other in synonyms]):
            return by_word[shared[0]]
    # At the default cutoff of 0.6, `version` is similar to `reason`.
    similar = difflib.get_close_matches(word, by_word, n=1, cutoff=0.65)
    return by_word[similar[0]] if similar else None


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[-\s]", "_", name).lower()


def sentence(name: str, known: Collection[str], *, noun: str = "field", hints: Collection[str] = ()) -> str:
    """The sentence about one unknown name; `hints` are names in other places that it can mean too."""
    start = f"Unknown {noun} `{name[:MAX_LENGTH]}`."
    if near := nearest(name, [*known, *hints]):
        if near == name:  # a key with a dot, such as `model.params` beside `model`
            parent, _, child = near.rpartition(".")
            return f"{start} Send `{child}` within `{parent}`."
        return f"{start} Did you mean `{near}`?"
    if not known:
        return f"{start} There are no {noun}s here."
    names = [f"`{other.rpartition('.')[2]}`" for other in known]
    if len(names) == 1:
        return f"{start} The only {noun} is {names[0]}."
    more = f" and {len(names) - MAX_KNOWN} more" if len(names) > MAX_KNOWN else ""
    return f"{start} The known {noun}s are {', '.join(names[:MAX_KNOWN])}{more}."


def errors(
    names: Iterable[str],
    known: Collection[str],
    *,
    noun: str = "field",
    prefix: str = "",
    hints: Collection[str] = (),
) -> dict[str, ValidationError]:
    """An error for each name that is not known. Code: unknown_field, unknown_parameter.

    `prefix` is the path of the object that has the names, such as `model.`.
    """
    unknown = [name for name in names if name not in known]
    if not unknown:
        return {}
    paths = [prefix + name for name in known]
    code = f"unknown_{noun.split()[-1]}"
    return {
        prefix + name[:MAX_LENGTH]: ValidationError(
            sentence(prefix + name, paths, noun=noun, hints=hints), code=code
        )
        for name in unknown[:MAX_LISTED]
    }


def check(names: Iterable[str], known: Collection[str], *, noun: str = "field", prefix: str = "") -> None:
    """Raise ValidationError with a sentence for each name that is not known."""
    if found := errors(names, known, noun=noun, prefix=prefix):
        raise ValidationError(found)


def check_query(query: QueryDict, known: Collection[str], *, lists: Collection[str] = ()) -> None:
    """Raise ValidationError for query parameters that are not known, repeated (except `lists`), or contain NUL.

    Codes as in errors(), repeated, null_characters.
    """
    check(query, known, noun="query parameter")
    check_not_repeated(query, noun="query parameter", lists=lists)
    for name, value in query.items():
        if "\0" in value:  # PostgreSQL cannot compare such a text
            error = ValidationError("Null characters are not allowed.", code="null_characters")
            raise ValidationError({name: error})


def check_not_repeated(data: QueryDict, *, noun: str = "field", lists: Collection[str] = ()) -> None:
    """Raise ValidationError for names with several values, of which only the last would count. Code: repeated.

    `lists` are the names that can have several.
    """
    for name, values in data.lists():
        if len(values) > 1 and name not in lists:
            raise ValidationError({name[:MAX_LENGTH]: repeated(name, noun=noun)})


def repeated(name: str, *, noun: str = "field") -> ValidationError:
    return ValidationError(f"The {noun} `{name[:MAX_LENGTH]}` is given more than once.", code="repeated")

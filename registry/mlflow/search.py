"""Searches of registered models and model versions, and the latest versions by stage."""

import base64
from collections.abc import Collection, Iterable

from django.core.exceptions import ValidationError
from django.db.models import Max, QuerySet

from catalog.models import Dataset
from mlplatform.validation import integers
from mlplatform.validation.serializers import MAX_VERSION
from registry.mlflow import filter_grammar, stages
from registry.mlflow.filter_grammar import Comparison
from registry.models import ModelVersion, RegistryTag, Release, Stage
from registry.querysets import DATASET_VERSION_COLUMNS, WIDE_COLUMNS

IS_PROMPT = "mlflow.prompt.is_prompt"  # the clients exclude prompts by this tag, which no model has
SOURCE = "mlflow-artifacts:/"
MODEL_ORDER = {
    "name": "name",
    "creation_timestamp": "created_at",
    "last_updated_timestamp": "updated_at",
    "timestamp": "updated_at",
}
VERSION_ORDER = {
    "name": "dataset__name",
    "version_number": "number",
    "creation_timestamp": "trained_at",
    "last_updated_timestamp": "updated_at",
}


def source_of(dataset: str, number: int) -> str:
    """The address of a version's files, for the clients."""
    return f"{SOURCE}{dataset}/{number}"


def datasets() -> QuerySet[Dataset]:
    """Datasets as registered models, with `updated_at`: the last release."""
    related = Dataset.objects.select_related("created_by").prefetch_related("aliases__model_version")
    return related.annotate(updated_at=Max("releases__started_at"))


def versions() -> QuerySet[ModelVersion]:
    """Model versions without wide columns, with `updated_at`: the last release."""
    related = ModelVersion.objects.with_releases().prefetch_related("registry_tags")
    rows = related.defer(*DATASET_VERSION_COLUMNS, *WIDE_COLUMNS)
    return rows.annotate(updated_at=Max("releases__started_at"))


def search_models(text: str, *, order_by: list[str], max_results: int, page_token: str):
    """A page of datasets, and the token of the next page; by default in the order of their names."""
    comparisons = filter_grammar.parse(text, texts=["name"], lists=["name"])
    tags = RegistryTag.objects.filter(model_version=None)
    rows = _among(datasets(), "pk", [_named(one) for one in comparisons if not one.is_tag])
    rows = _among(rows, "pk", [_tagged(one, tags, "dataset") for one in comparisons if one.is_tag])
    order = filter_grammar.parse_order(order_by, keys=MODEL_ORDER)
    return _page(rows, _fields(order, MODEL_ORDER, last=[("name", True)]), max_results, page_token)


def search_versions(text: str, *, order_by: list[str], max_results: int, page_token: str):
    """A page of model versions, and the token of the next page; by default the last updated first."""
    attributes = {"texts": ["name", "run_id", "source_path"], "lists": ["name", "run_id"]}
    comparisons = filter_grammar.parse(text, numbers=["version_number"], **attributes)
    tags = RegistryTag.objects.exclude(model_version=None)
    rows = _among(
        versions(), "pk", [_tagged(one, tags, "model_version") for one in comparisons if one.is_tag]
    )
    own = [one for one in comparisons if not one.is_tag]
    rows = _among(rows, "dataset", [_named(one) for one in own if one.key == "name"])
    rows = _among(rows, "pk", [_at(one) for one in own if one.key == "source_path"])
    for one in own:
        rows = _filtered(rows, one)
    order = filter_grammar.parse_order(order_by, keys=VERSION_ORDER) or [("last_updated_timestamp", False)]
    last = [("name", True), ("version_number", False)]
    return _page(rows, _fields(order, VERSION_ORDER, last=last), max_results, page_token)


def latest(found: Iterable[Dataset]) -> dict[int, list[ModelVersion]]:
    """The newest version of each stage of MLflow, by the primary key of the dataset: three queries for any number."""
    keys = [dataset.pk for dataset in found]
    live: dict[int, list[str]] = {}
    for version, stage in (
        Release.objects.live().filter(dataset__in=keys).values_list("model_version", "stage")
    ):
        live.setdefault(version, []).append(stage)
    newest: dict[tuple[int, str], int] = {}
    rows = ModelVersion.objects.filter(dataset__in=keys).order_by("number")
    for pk, dataset, reached in rows.values_list("pk", "dataset", "reached"):
        newest[dataset, stages.current(live.get(pk, []), reached)] = pk
    by_dataset: dict[int, list[ModelVersion]] = {key: [] for key in keys}
    for version in versions().filter(pk__in=newest.values()).order_by("number"):
        by_dataset[version.dataset_id].append(version)
    return by_dataset


def latest_in(dataset: Dataset, names: list[str]) -> list[ModelVersion]:
    """The newest version of each of these stages, by default of all.

    Of dev, Staging and Production it is the one that is live, even if a higher stage serves it too.
    """
    own = {name.lower(): name.lower() for name in names if name.lower() in Stage.values}
    others = {stages.parse(name) for name in names if name.lower() not in own}
    numbers = Release.objects.live().filter(dataset=dataset, stage__in=own).values("number")
    live = list(versions().filter(dataset=dataset, number__in=numbers)) if own else []
    if own and not others:
        return live
    rest = [
        version
        for version in latest([dataset])[dataset.pk]
        if not names or stages.current(version.live_stages, version.reached) in others
    ]
    return [*live, *(version for version in rest if version not in live)]


def _filtered(rows: QuerySet[ModelVersion], one: Comparison) -> QuerySet[ModelVersion]:
    match one.key:
        case "run_id":
            return rows if one.matches("") else rows.none()  # no version is of a run
        case "version_number":
            number = min(one.value, MAX_VERSION)
            lookups = {"=": "", "<": "__lt", "<=": "__lte", ">": "__gt", ">=": "__gte"}
            if one.operator == "!=":
                return rows.exclude(number=number)
            return rows.filter(**{f"number{lookups[one.operator]}": number})
    return rows


# Texts are compared here, as SQLite's LIKE ignores the case of letters.


def _among(rows: QuerySet, column: str, matching: list[set[int]]) -> QuerySet:
    """The rows that each comparison matches: one list of keys for all, as SQLite allows 250,000 in a query."""
    return rows.filter(**{f"{column}__in": set.intersection(*matching)}) if matching else rows


def _named(one: Comparison) -> set[int]:
    return {pk for pk, name in Dataset.objects.values_list("pk", "name") if one.matches(name)}


def _at(one: Comparison) -> set[int]:
    known = ModelVersion.objects.values_list("pk", "dataset__name", "number")
    return {pk for pk, name, number in known if one.matches(source_of(name, number))}


def _tagged(one: Comparison, tags: QuerySet[RegistryTag], owner: str) -> set[int]:
    """The keys of the owners whose tag matches, and of those without the tag that clients exclude prompts by."""
    values = tags.filter(key=one.key).values_list(owner, "value")
    matching = {pk for pk, value in values.iterator() if one.matches(value)}
    if one.key == IS_PROMPT and (one.operator, one.value) in {("=", "false"), ("!=", "true")}:
        model = RegistryTag._meta.get_field(owner).related_model
        matching |= set(model.objects.exclude(pk__in=values.values(owner)).values_list("pk", flat=True))
    return matching


def _fields(order: list[tuple[str, bool]], names: dict[str, str], *, last: list[tuple[str, bool]]):
    order = order + [(key, ascends) for key, ascends in last if key not in {known for known, _ in order}]
    return [names[key] if ascends else f"-{names[key]}" for key, ascends in order]


def _page(rows: QuerySet, order: Collection[str], max_results: int, token: str) -> tuple[list, str]:
    start = _offset(token)
    found = list(rows.order_by(*order)[start : start + max_results + 1])
    more = len(found) > max_results
    return found[:max_results], _token(start + max_results) if more else ""


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(f"offset {offset}".encode()).decode()


def _offset(token: str) -> int:
    if not token:
        return 0
    try:
        word, _, digits = base64.urlsafe_b64decode(token[:100]).decode().partition(" ")
        offset = integers.parse(digits) if word == "offset" else None
    except ValueError:  # also binascii.Error and UnicodeError
        offset = None
    if offset is None or offset > 10**9:
        raise ValidationError("Invalid page token. Start again without one.", code="invalid_page_token")
    return offset

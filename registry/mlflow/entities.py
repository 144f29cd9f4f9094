"""Registered models and model versions as MLflow's JSON: times in milliseconds, versions as text, no unset fields."""

import math
from datetime import datetime

from catalog.models import Dataset
from registry.mlflow import search, stages
from registry.models import ModelVersion, RegistryTag, Release

MAX_PARAMETER = 500  # characters of a value, as in MLflow's own database


def registered_models(datasets: list[Dataset]) -> list[dict]:
    """Datasets as registered models, in five queries for any number."""
    tags: dict[int, list] = {}
    for tag in RegistryTag.objects.filter(dataset__in=datasets, model_version=None):
        tags.setdefault(tag.dataset_id, []).append(tag)
    live = Release.objects.live().filter(dataset__in=datasets).values_list("dataset", "stage", "number")
    by_stage = {(dataset, stage): number for dataset, stage, number in live}
    latest = search.latest(datasets)
    return [
        _without_unset(
            {
                "name": dataset.name,
                "creation_timestamp": milliseconds(dataset.created_at),
                "last_updated_timestamp": milliseconds(dataset.updated_at or dataset.created_at),
                "user_id": dataset.created_by and dataset.created_by.get_username(),
                "description": dataset.description,
                "latest_versions": [model_version(version) for version in latest[dataset.pk]],
                "tags": _tags(tags.get(dataset.pk, [])),
                "aliases": _aliases(dataset, by_stage),
            }
        )
        for dataset in datasets
    ]


def _aliases(dataset: Dataset, by_stage: dict[tuple[int, str], int]) -> list[dict]:
    numbers = {
        alias: by_stage[dataset.pk, stage]
        for alias, stage in stages.ALIASES.items()
        if (dataset.pk, stage) in by_stage
    }
    numbers |= {alias.name: alias.model_version.number for alias in dataset.aliases.all()}
    return [{"alias": alias, "version": str(number)} for alias, number in sorted(numbers.items())]


def model_version(version: ModelVersion, *, with_aliases: bool = False, with_training: bool = False) -> dict:
    """A model version; its aliases, and its parameters and metrics, where MLflow's own server has them too.

    Uses what search.versions() prefetches.
    """
    number = str(version.number)
    started = (release.started_at for release in version.releases.all())
    updated = max(started, default=version.trained_at)
    return _without_unset(
        {
            "name": version.dataset.name,
            "version": number,
            "creation_timestamp": milliseconds(version.trained_at),
            "last_updated_timestamp": milliseconds(updated),
            "user_id": version.trained_by and version.trained_by.get_username(),
            "current_stage": stages.current(version.live_stages, version.reached),
            "description": version.description,
            "source": search.source_of(version.dataset.name, version.number),
            "run_id": "",
            "status": "READY",
            "tags": _tags(version.registry_tags.all()),
            "aliases": stages.aliases_of(version) if with_aliases else None,
            "model_params": _named(parameters(version)) if with_training else None,
            "model_metrics": metrics(version.metrics, version) if with_training else None,
        }
    )


def parameters(version: ModelVersion) -> dict[str, str]:
    """What its training was given, as texts."""
    values = {"algorithm": version.algorithm} | version.parameters
    return {name: str(value)[:MAX_PARAMETER] for name, value in values.items()}


def metrics(values: dict, version: ModelVersion, *, prefix: str = "", step: int = 0) -> list[dict]:
    """The finite numbers of `values` as metrics of the time of its training."""
    at = milliseconds(version.trained_at)
    return [
        {"key": prefix + key, "value": value, "timestamp": at, "step": step}
        for key, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    ]


def _named(values: dict[str, str]) -> list[dict]:
    return [{"name": name, "value": value} for name, value in values.items()]


def _tags(tags) -> list[dict]:
    return [{"key": tag.key, "value": tag.value} for tag in tags]


def milliseconds(time: datetime) -> int:
    return int(time.timestamp() * 1000)


def _without_unset(fields: dict) -> dict:
    return {name: value for name, value in fields.items() if value not in (None, "", [])}

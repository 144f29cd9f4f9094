"""MLflow's calls as ours: each takes the fields of the call and the user, and returns the JSON of the response."""

from django.core.exceptions import ValidationError

from catalog.discovery import metadata
from catalog.models import Dataset
from registry import labels
from registry.mlflow import entities, model_files, search, stages
from registry.mlflow.errors import NotImplementedHere
from registry.models import ModelVersion
from registry.releases import deletion

MAX_PAGE = 10_000  # versions in a response
NOT_A_TRACKING_SERVER = (
    "This is a model registry without a tracking server: it has no experiments, runs, traces and logged models. Set "
    "MLFLOW_REGISTRY_URI to this server and MLFLOW_TRACKING_URI to one that has them. With the setting "
    "MLFLOW_MIRROR_URI, trainings become runs on such a server."
)
SERVER = {
    "store_type": "ml-mini-platform",
    "workspaces_enabled": False,
    "multipart_uploads_enabled": False,
    "multipart_downloads_enabled": False,
}


# Registered models


def get_model(by, *, name: str) -> dict:
    return {"registered_model": entities.registered_models([search.datasets().named(name)])[0]}


def search_models(by, *, filter: str, max_results: int, order_by: list[str], page_token: str) -> dict:
    found, token = search.search_models(
        filter, order_by=order_by, max_results=max_results, page_token=page_token
    )
    return _page("registered_models", entities.registered_models(found), token)


def create_model(by, *, name: str, **fields) -> dict:
    """Clients go on after RESOURCE_ALREADY_EXISTS, as `mlflow.register_model` does."""
    if Dataset.objects.filter(name=name).exists():
        raise ValidationError(f"Registered Model (name={name}) already exists.", code="already_exists")
    raise NotImplementedHere(
        "A registered model is a dataset here. Upload its table to create one, by POST /datasets/upload or the page."
    )


def rename_model(by, *, name: str, new_name: str) -> dict:
    raise NotImplementedHere("A registered model is a dataset here, whose name is that of its first upload.")


def delete_model(by, *, name: str) -> dict:
    raise NotImplementedHere(
        "A registered model is a dataset here. Delete its versions, then the dataset by DELETE /datasets/{name}."
    )


def update_model(by, *, name: str, description: str, **fields) -> dict:
    metadata.edit(Dataset.objects.named(name), description=description, by=by)
    return get_model(by, name=name)


def set_model_tag(by, *, name: str, key: str, value: str) -> dict:
    labels.set_tag(Dataset.objects.named(name), key=key, value=value, by=by)
    return {}


def delete_model_tag(by, *, name: str, key: str) -> dict:
    labels.delete_tag(Dataset.objects.named(name), key=key, by=by)
    return {}


def get_latest_versions(by, *, name: str, stages: list[str]) -> dict:
    found = search.latest_in(Dataset.objects.named(name), stages)
    return {"model_versions": [entities.model_version(version, with_aliases=True) for version in found]}


# Aliases


def get_by_alias(by, *, name: str, alias: str) -> dict:
    dataset = Dataset.objects.named(name)
    return get_version(by, name=dataset.name, version=stages.resolve(dataset, alias))


def set_alias(by, *, name: str, alias: str, version: int) -> dict:
    stages.set_alias(ModelVersion.objects.numbered(name, version), alias=alias, by=by)
    return {}


def delete_alias(by, *, name: str, alias: str) -> dict:
    stages.delete_alias(Dataset.objects.named(name), alias=alias, by=by)
    return {}


# Model versions


def get_version(by, *, name: str, version: int) -> dict:
    found = ModelVersion.objects.numbered(name, version)
    return {"model_version": entities.model_version(found, with_aliases=True, with_training=True)}


def search_versions(by, *, filter: str, max_results: int, order_by: list[str], page_token: str) -> dict:
    found, token = search.search_versions(
        filter, order_by=order_by, max_results=min(max_results, MAX_PAGE), page_token=page_token
    )
    return _page("model_versions", [entities.model_version(version) for version in found], token)


def create_version(by, *, name: str, **fields) -> dict:
    Dataset.objects.named(name)
    raise NotImplementedHere(
        "Model versions are made by trainings here, by POST /train or on the page. MLflow's API does not accept "
        "the files of a model."
    )


def update_version(by, *, name: str, version: int, description: str, **fields) -> dict:
    labels.describe(ModelVersion.objects.numbered(name, version), description=description, by=by)
    return get_version(by, name=name, version=version)


def set_version_tag(by, *, name: str, version: int, key: str, value: str) -> dict:
    labels.set_tag(ModelVersion.objects.numbered(name, version), key=key, value=value, by=by)
    return {}


def delete_version_tag(by, *, name: str, version: int, key: str) -> dict:
    labels.delete_tag(ModelVersion.objects.numbered(name, version), key=key, by=by)
    return {}


def transition(by, *, name: str, version: int, stage: str, archive_existing_versions: bool) -> dict:
    if archive_existing_versions and stages.parse(stage) not in stages.RELEASED:
        raise ValidationError(
            f"Model version transition cannot archive existing model versions because '{stage[:50]}' is not an Active "
            "stage. Valid stages are Staging and Production.",
            code="unknown_stage",
        )
    stages.transition(ModelVersion.objects.numbered(name, version), stage=stage, by=by)
    return get_version(by, name=name, version=version)


def delete_version(by, *, name: str, version: int) -> dict:
    deletion.delete_version(ModelVersion.objects.numbered(name, version), by=by)
    return {}


def get_download_uri(by, *, name: str, version: int) -> dict:
    found = ModelVersion.objects.numbered(name, version)
    return {"artifact_uri": search.source_of(found.dataset.name, found.number)}


# Artifacts and the rest


def list_files(by, *, path: str) -> dict:
    """The files of a version; none for one of its files, as MLflow does."""
    version, folder = model_files.find(path)
    return {"files": model_files.listed(version, folder)}


def server_info(by) -> dict:
    return SERVER


def _page(name: str, items: list[dict], token: str) -> dict:
    return {name: items} | ({"next_page_token": token} if token else {})

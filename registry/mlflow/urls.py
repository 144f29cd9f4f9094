"""The paths of MLflow's API, below the address that clients have as MLFLOW_TRACKING_URI."""

from django.urls import path, re_path

from registry.mlflow import calls, operations
from registry.mlflow.api import FileView, TrackingView, endpoint

MODELS = {
    "create": {"post": (calls.NewModel, operations.create_model)},
    "rename": {"post": (calls.NewName, operations.rename_model)},
    "update": {"patch": (calls.DescribedModel, operations.update_model)},
    "delete": {"delete": (calls.Name, operations.delete_model)},
    "get": {"get": (calls.Name, operations.get_model)},
    "search": {"get": (calls.ModelSearch, operations.search_models)},
    "get-latest-versions": {
        "post": (calls.Stages, operations.get_latest_versions),
        "get": (calls.Stages, operations.get_latest_versions),
    },
    "set-tag": {"post": (calls.ModelTag, operations.set_model_tag)},
    "delete-tag": {"delete": (calls.ModelKey, operations.delete_model_tag)},
    "alias": {
        "get": (calls.AliasName, operations.get_by_alias),
        "post": (calls.AliasedVersion, operations.set_alias),
        "delete": (calls.AliasName, operations.delete_alias),
    },
}
VERSIONS = {
    "create": {"post": (calls.NewVersion, operations.create_version)},
    "update": {"patch": (calls.DescribedVersion, operations.update_version)},
    "delete": {"delete": (calls.Version, operations.delete_version)},
    "get": {"get": (calls.Version, operations.get_version)},
    "search": {"get": (calls.VersionSearch, operations.search_versions)},
    "get-download-uri": {"get": (calls.Version, operations.get_download_uri)},
    "transition-stage": {"post": (calls.Transition, operations.transition)},
    "set-tag": {"post": (calls.VersionTag, operations.set_version_tag)},
    "delete-tag": {"delete": (calls.VersionKey, operations.delete_version_tag)},
}
TRACKING = "experiments|runs|metrics|artifacts|logged-models|traces|datasets|scorers|webhooks|prompts"

urlpatterns = [
    *(path(f"2.0/mlflow/registered-models/{name}", endpoint(**call)) for name, call in MODELS.items()),
    *(path(f"2.0/mlflow/model-versions/{name}", endpoint(**call)) for name, call in VERSIONS.items()),
    path("2.0/mlflow-artifacts/artifacts", endpoint(get=(calls.Path, operations.list_files))),
    path("2.0/mlflow-artifacts/artifacts/<path:path>", FileView.as_view()),
    path("3.0/mlflow/server-info", endpoint(get=(calls.Nothing, operations.server_info))),
    re_path(rf"^[23]\.0/(?:preview/)?mlflow/(?:{TRACKING})(?:/(?P<rest>.*))?$", TrackingView.as_view()),
]

"""mlflow: its registry client walks the models, versions, stages, aliases, tags and files of the platform."""

import json
import os
import sys

case = json.load(sys.stdin)
os.environ |= {
    "MLFLOW_TRACKING_URI": case["url"],
    "MLFLOW_TRACKING_TOKEN": case["token"],
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
}

import mlflow  # noqa: E402
from mlflow.exceptions import MlflowException, RestException  # noqa: E402

client = mlflow.MlflowClient()
NAME = case["dataset"]


def error(call, *args, **options) -> str:
    try:
        call(*args, **options)
    except (MlflowException, RestException) as exception:
        return exception.error_code
    return ""


def names(**options) -> list[str]:
    return [model.name for model in client.search_registered_models(**options)]


def numbers(text: str, **options) -> list[str]:
    return [version.version for version in client.search_model_versions(text, **options)]


def stage(number: str) -> str:
    return client.get_model_version(NAME, number).current_stage


results = {"version": mlflow.__version__}
model = client.get_registered_model(NAME)
results["model"] = [model.name, model.aliases, [one.version for one in model.latest_versions]]
results["models"] = [
    names(), names(filter_string=f"name = '{NAME}'"), names(filter_string=f"name LIKE '{NAME[:-2]}%'"),
    names(filter_string=f"name ILIKE '%{NAME[2:].upper()}'", order_by=["name DESC"]),
    [one.name for one in mlflow.search_registered_models(filter_string="name = 'none'")],
]  # fmt: skip
version = client.get_model_version(NAME, "1")
results["status"] = [version.status, version.source, version.user_id]
results["versions"] = [
    numbers(f"name = '{NAME}'"), numbers(f"name = '{NAME}' AND version_number > 1"),
    numbers(f"name = '{NAME}'", order_by=["version_number ASC"], max_results=1), numbers("run_id = 'x'"),
]  # fmt: skip
page = client.search_model_versions(f"name='{NAME}'", max_results=1)
rest = client.search_model_versions(f"name='{NAME}'", max_results=1, page_token=page.token)
results["pages"] = [[one.version for one in page], [one.version for one in rest], bool(rest.token)]

client.update_registered_model(NAME, description="A model.")
client.update_model_version(NAME, "1", description="A version.")
client.set_registered_model_tag(NAME, "team", "risk")
client.set_model_version_tag(NAME, "1", "checked by", "ada")
results["descriptions"] = [
    client.get_registered_model(NAME).description,
    client.get_model_version(NAME, "1").description,
]
results["tags"] = [
    client.get_registered_model(NAME).tags,
    client.get_model_version(NAME, "1").tags,
    names(filter_string="tags.team = 'risk'"),
    numbers("tags.`checked by` = 'ada'"),
]
client.delete_registered_model_tag(NAME, "team")
client.delete_model_version_tag(NAME, "1", "checked by")
results["no tags"] = [client.get_registered_model(NAME).tags, version.tags]

client.transition_model_version_stage(NAME, "1", "Staging")
client.transition_model_version_stage(NAME, "1", "Production", archive_existing_versions=True)
client.transition_model_version_stage(NAME, "2", "Production", archive_existing_versions=True)
results["stages"] = [stage("1"), stage("2")]
results["latest"] = [one.version for one in client.get_latest_versions(NAME, ["Production"])]
client.set_registered_model_alias(NAME, "champion", "1")
client.set_registered_model_alias(NAME, "challenger", "2")
results["aliases"] = {
    alias: client.get_model_version_by_alias(NAME, alias).version
    for alias in ("dev", "staging", "production", "champion", "challenger")
}
client.delete_registered_model_alias(NAME, "challenger")
results["uri"] = client.get_model_version_download_uri(NAME, "2")
results["files"] = sorted(os.listdir(mlflow.artifacts.download_artifacts(f"models:/{NAME}@production")))
results["errors"] = [
    error(client.get_registered_model, "none"),
    error(client.get_model_version, NAME, "9"),
    error(client.get_model_version_by_alias, NAME, "challenger"),
    error(client.create_registered_model, NAME),
    error(client.create_registered_model, "new"),
    error(client.create_model_version, NAME, "s3://bucket/model"),
    error(client.search_registered_models, "size = 3"),
    error(client.transition_model_version_stage, NAME, "1", "Nonsense"),
    error(client.search_experiments),
    error(client.create_experiment, "new"),
]
os.environ["MLFLOW_TRACKING_TOKEN"] = "mlmp_wrong"
results["unauthenticated"] = error(client.get_registered_model, NAME)
del os.environ["MLFLOW_TRACKING_TOKEN"]
os.environ |= {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": case["password"]}
results["by password"] = client.get_registered_model(NAME).name
print(json.dumps(results))

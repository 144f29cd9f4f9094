"""What all apps share of the OpenAPI schema: introduction, tags, error body and examples; and its page, /docs."""

from django.urls import get_script_prefix
from drf_spectacular.plumbing import get_lib_doc_excludes
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication

from mlplatform.lists.list_api import ListAPIView
from mlplatform.validation.api_views import StrictMixin

INTRODUCTION = """
Upload a dataset, train a model, promote it, predict.

**Tokens**: send `Authorization: Bearer TOKEN`. `POST /auth/token` returns one for a username and a password. On this
page, enter it under **Authorize**.

**Errors** have a body `{"detail": a sentence, "code": a word for programs, "fields": {field: [sentences]}}`. An unknown
field or parameter is a 400 that names the nearest one.

**Jobs**: `POST /train` waits for the model and returns 201. A training of more than 25 seconds returns 202 with a job;
poll its `url`, or send `Prefer: wait=N` (up to 60 seconds) or `Prefer: respond-async`. `POST /predict/file` does the
same for large files, with a scoring job.

**Stages**: a trained version is live in `dev`. `POST /promote` puts it into `staging` or `production`, and
`POST /predict` answers with the version that is live in its `environment`.

The examples build on each other: run the one of `POST /train` first. It adds the dataset `iris_example`.
"""

TAGS = [
    ("auth", "Create and revoke tokens."),
    ("datasets", "Upload tables, and read, download or delete them."),
    ("models", "Train models, and read, download or delete their versions."),
    ("jobs", "The progress and the outcome of trainings."),
    ("releases", "Change which version is live in a stage."),
    ("predict", "Predict rows and files with a live model."),
    ("search", "Find datasets, columns, models, jobs and tags."),
    ("open inference protocol", "The V2 protocol of KServe, Triton and MLServer."),
    ("kserve v1", "The V1 protocol of KServe and TensorFlow Serving."),
    ("mlflow", "The scoring server of MLflow, and the contract of SageMaker containers."),
    ("operations", "Metrics and probes."),
]


class ErrorSerializer(serializers.Serializer):
    """The body of every error response."""

    detail = serializers.CharField(help_text="What is wrong and how to correct it, for people.")
    code = serializers.CharField(help_text="A stable error code, for programs.")
    fields = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))


# The dataset has a name of its own, so that the examples also work where `iris` is other data.
DATASET = "iris_example"
EXAMPLES = {"name": DATASET, "dataset": DATASET, "version": 1, "id": 1, "model": f"{DATASET}@dev"}


def with_path_examples(result, generator, request, public):
    """Add examples to path parameters, so that each call works in Swagger after the example of /train.

    Behind a proxy that publishes the platform under a path, the calls are there too.
    """
    for calls in result["paths"].values():
        for call in calls.values():
            for parameter in call.get("parameters", []):
                if parameter["in"] == "path" and parameter["name"] in EXAMPLES:
                    example = EXAMPLES[parameter["name"]]
                    is_text = parameter["schema"].get("type") == "string"
                    parameter["example"] = str(example) if is_text else example
    if prefix := get_script_prefix().rstrip("/"):
        result["servers"] = [{"url": prefix}]
    return result


def with_introduction(result, generator, request, public):
    """Add the introduction, and the tags in the order in which a newcomer needs them, to the OpenAPI schema."""
    result["info"]["description"] = INTRODUCTION.strip()
    result["tags"] = [{"name": name, "description": text} for name, text in TAGS]
    return result


class SchemaView(StrictMixin, SpectacularAPIView):
    """The OpenAPI schema, in YAML or, with `format=json` or by `Accept`, in JSON."""

    query_parameters = ("format",)


class DocsView(StrictMixin, SpectacularSwaggerSplitView):
    """Swagger UI in the layout of the other pages. It calls the API with the session, or with a token."""

    query_parameters = ("script",)  # the page loads its script from its own address
    authentication_classes = [SessionAuthentication]  # nobody has to sign in to read
    template_name = "api_docs.html"


def without_docstrings() -> list[type]:
    """The classes whose docstrings do not describe the calls of their subclasses."""
    return [*get_lib_doc_excludes(), StrictMixin, ListAPIView]

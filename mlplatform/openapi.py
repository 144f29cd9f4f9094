"""Parts of the OpenAPI schema that all apps share: the error body, and examples of path parameters."""

from django.urls import get_script_prefix
from rest_framework import serializers


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

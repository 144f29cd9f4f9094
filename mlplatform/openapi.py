"""Parts of the OpenAPI description that every app shares: the error body, and examples for path parameters."""

from rest_framework import serializers


class ErrorSerializer(serializers.Serializer):
    """The body of every error response."""

    detail = serializers.CharField(help_text="One sentence that a person can act on.")
    code = serializers.CharField(help_text="One word that a program can act on.")
    fields = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))


EXAMPLES = {"name": "iris", "dataset": "iris", "version": 1, "id": 1, "model": "iris@dev"}


def with_path_examples(result, generator, request, public):
    """Swagger fills these in, so that each call works as it stands once the example of /train was executed."""
    for calls in result["paths"].values():
        for call in calls.values():
            for parameter in call.get("parameters", []):
                if parameter["in"] == "path" and parameter["name"] in EXAMPLES:
                    example = EXAMPLES[parameter["name"]]
                    is_text = parameter["schema"].get("type") == "string"
                    parameter["example"] = str(example) if is_text else example
    return result

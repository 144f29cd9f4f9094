"""What the OpenAPI description says beyond the views: examples for the parameters in paths."""

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

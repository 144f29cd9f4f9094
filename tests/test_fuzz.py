"""Generated requests, valid and invalid by the schema: none causes a server error."""

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error

from catalog.examples import add_example
from mlplatform.auth import tokens
from mlplatform.web.fast_path import FastPath


def schema_with_examples() -> dict:
    """The OpenAPI schema, whose examples of parameters are among the generated values."""
    result = SchemaGenerator().get_schema(request=None, public=True)
    for calls in result["paths"].values():
        for call in calls.values():
            for parameter in call.get("parameters", []):
                examples = [example["value"] for example in parameter.get("examples", {}).values()]
                examples += [parameter["example"]] if "example" in parameter else []
                if examples:
                    parameter["schema"] = {"anyOf": [{"enum": examples}, parameter["schema"]]}
    return result


schemathesis.serializer.alias("application/vnd.apache.parquet", "application/octet-stream")
schema = schemathesis.openapi.from_dict(schema_with_examples())
schema.app = FastPath(get_wsgi_application())


@pytest.fixture
def token(admin, make_version):
    """A token of an administrator, on a platform with the model of the examples."""
    make_version(add_example("iris", by=admin))
    return tokens.create(admin).token


@schema.parametrize()
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_request_causes_a_server_error(case, token):
    response = case.call(headers={"Authorization": f"Bearer {token}"})
    if response.status_code != 503:  # a generated key has no file in the store
        case.validate_response(response, checks=[not_a_server_error])

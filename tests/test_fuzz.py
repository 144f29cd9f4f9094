"""Whatever a program sends that the schema allows, and much that it does not, no call crashes."""

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error

from catalog.examples import add_example
from mlplatform.auth import tokens
from mlplatform.web.fast_path import FastPath


def described() -> dict:
    """The description; where it has an example of a name, that is one of the values that are tried."""
    told = SchemaGenerator().get_schema(request=None, public=True)
    for calls in told["paths"].values():
        for call in calls.values():
            for parameter in call.get("parameters", []):
                examples = [example["value"] for example in parameter.get("examples", {}).values()]
                examples += [parameter["example"]] if "example" in parameter else []
                if examples:
                    parameter["schema"] = {"anyOf": [{"enum": examples}, parameter["schema"]]}
    return told


schemathesis.serializer.alias("application/vnd.apache.parquet", "application/octet-stream")
schema = schemathesis.openapi.from_dict(described())
schema.app = FastPath(get_wsgi_application())


@pytest.fixture
def token(admin, make_version):
    """Of somebody who may do everything, where the examples' model exists."""
    make_version(add_example("iris", by=admin))
    return tokens.create(admin).token


@schema.parametrize()
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_call_crashes(case, token):
    answer = case.call(headers={"Authorization": f"Bearer {token}"})
    if answer.status_code != 503:  # the store has no file of what was made up
        case.validate_response(answer, checks=[not_a_server_error])

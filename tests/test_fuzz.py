"""Generated requests, valid and invalid by the schema: none causes a server error."""

import pytest
from django.core.wsgi import get_wsgi_application
from django.db import transaction
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, given, settings

from catalog.examples import add_example
from mlplatform.auth import tokens
from mlplatform.openapi import DATASET
from mlplatform.web.fast_path import FastPath


def schema_with_examples() -> dict:
    """The OpenAPI schema, whose examples of parameters are among the generated values."""
    schema = SchemaGenerator().get_schema(request=None, public=True)
    for operations in schema["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                examples = [example["value"] for example in parameter.get("examples", {}).values()]
                examples += [parameter["example"]] if "example" in parameter else []
                if examples:
                    parameter["schema"] = {"anyOf": [{"enum": examples}, parameter["schema"]]}
    return schema


@pytest.fixture
def api_schema():
    """Schemathesis takes seconds to import, which every other worker of the test run is spared."""
    import schemathesis

    schemathesis.serializer.alias("application/vnd.apache.parquet", "application/octet-stream")
    schema = schemathesis.openapi.from_dict(schema_with_examples())
    schema.app = FastPath(get_wsgi_application())
    return schema


@pytest.fixture
def token(admin, make_version):
    """A token of an administrator, on a platform with the model of the examples."""
    make_version(add_example(DATASET, by=admin))
    return tokens.create(admin).token


def test_no_request_causes_a_server_error(api_schema, token, subtests):
    from schemathesis.checks import not_a_server_error

    operations = [result.ok() for result in api_schema.get_all_operations()]
    assert len(operations) > 40
    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
        def check(case):
            response = case.call(headers={"Authorization": f"Bearer {token}"})
            if response.status_code != 503:  # a generated key has no file in the store
                case.validate_response(response, checks=[not_a_server_error])

        with subtests.test(operation=operation.label), transaction.atomic():
            check()
            transaction.set_rollback(True)  # every operation meets the same rows

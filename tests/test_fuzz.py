"""Whatever a program sends that the schema allows, and much that it does not, no call crashes."""

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error

from mlplatform import tokens

schema = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(request=None, public=True))
schema.app = get_wsgi_application()


@pytest.fixture
def token(admin, make_version):
    make_version()
    return tokens.create(admin).token


@schema.parametrize()
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_call_crashes(case, token):
    answer = case.call(headers={"Authorization": f"Bearer {token}"})
    if answer.status_code != 503:  # the store has no file of what was made up
        case.validate_response(answer, checks=[not_a_server_error])

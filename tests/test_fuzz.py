"""Generated requests, valid and invalid by the schema, and hostile values in addresses: none causes a server error."""

import re
from itertools import product

import pytest
from django.core.wsgi import get_wsgi_application
from django.db import transaction
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, given, settings

import catalog.urls
import registry.urls
import serving.urls
from catalog.examples import add_example
from catalog.exploration.views import ROW_PARAMETERS
from catalog.filters import DatasetFilter
from mlplatform.auth import tokens
from mlplatform.openapi import DATASET
from mlplatform.web.fast_path import FastPath
from registry.filters import ModelFilter
from registry.jobs.filters import GroupFilter, JobFilter
from registry.releases.filters import ReleaseFilter
from registry.train_form.forms import TrainForm
from serving.filters import ScoringJobFilter

# Digits that int() does not read, null and other control characters, half of a UTF-16 pair, too long, of another type.
HOSTILE = [
    *("²", "-1", "[1,2]", "unknown", "1" + "0" * 30, "9" * 5000),
    *("1%00", "1%0A", "%ED%A0%80", "%", "../../etc/passwd"),
]
# The query parameters of pages; the others have none.
PARAMETERS = {
    "/accounts/login/": ["next"],
    "/catalog/": DatasetFilter.page_parameters(),
    "/catalog/upload/": ["name"],
    "/catalog/upload/1/": ["name"],
    "/catalog/upload/1/changes/": ["name"],
    f"/catalog/{DATASET}/": ["version", "ordering", "page", "column"],
    "/catalog/derive/": ["dataset", "edit", "job"],
    "/catalog/register/": ["edit", "job"],
    f"/catalog/{DATASET}/column/": ["version", "name"],
    f"/catalog/{DATASET}/rows/": ROW_PARAMETERS,
    f"/catalog/{DATASET}/compare/": ["from", "to"],
    "/registry/groups/": GroupFilter.page_parameters(),
    "/registry/releases/": ReleaseFilter.page_parameters(),
    "/registry/models/compare/": ["model", "next"],
    "/registry/models/import/": ["dataset", "target"],
    "/registry/models/compare/predictions/": ["model"],
    "/registry/models/tag-selected/": ["model", "next"],
    "/registry/models/delete-selected/": ["model", "next"],
    "/catalog/tag-selected/": ["dataset", "next"],
    "/catalog/delete-selected/": ["dataset", "next"],
    f"/registry/models/{DATASET}/1/": ["class"],
    f"/registry/models/{DATASET}/1/diagnostics/": ["class"],
    f"/registry/models/{DATASET}/1/fairness/": ["by", "class"],
    f"/registry/models/{DATASET}/1/promote/predictions/": ["stage"],
    "/registry/models/": ModelFilter.page_parameters(),
    f"/registry/models/{DATASET}/1/card/": ["revision"],
    f"/registry/models/{DATASET}/1/promote/": ["stage", "comment"],
    "/registry/jobs/": JobFilter.page_parameters(),
    "/registry/train/": ["job", "version", "prepare", "param-max_depth", *TrainForm.base_fields],
    "/search/": ["q", "kind"],
    "/serving/": ["q", "page"],
    "/serving/jobs/": ScoringJobFilter.page_parameters(),
    "/serving/jobs/1/result/": ["spreadsheet"],
    f"/serving/{DATASET}/dev/": ["row"],
    f"/serving/{DATASET}/versions/1/": ["row"],
    f"/serving/{DATASET}/dev/rollback/": ["to_version", "reason"],
    f"/serving/{DATASET}/dev/retire/": ["reason"],
}
ARGUMENTS = {"name": DATASET, "dataset": DATASET, "version": "1", "environment": "dev", "pk": "1"}


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
        @settings(max_examples=10, suppress_health_check=list(HealthCheck))
        def check(case):
            response = case.call(headers={"Authorization": f"Bearer {token}"})
            if response.status_code != 503:  # a generated key has no file in the store
                case.validate_response(response, checks=[not_a_server_error])

        with subtests.test(operation=operation.label), transaction.atomic():
            check()
            transaction.set_rollback(True)  # every operation meets the same rows


def page_routes() -> list[str]:
    """The paths of the pages with their arguments in braces: `/catalog/{name}/`."""
    modules = {"/catalog/": catalog.urls, "/registry/": registry.urls, "/": serving.urls}
    routes = [
        f"{start}{pattern.pattern}" for start, module in modules.items() for pattern in module.urlpatterns
    ]
    return [
        re.sub(r"<\w+:(\w+)>", r"{\1}", route)
        for route in [*routes, "/accounts/tokens/<str:token_key>/revoke/"]
    ]


def with_hostile_arguments(route: str) -> list[str]:
    """The paths of a route with each hostile value in each place."""
    values = product(re.findall(r"{(\w+)}", route), HOSTILE)
    return [route.format_map(ARGUMENTS | {"token_key": "x", name: value}) for name, value in values]


def server_errors(requests, call) -> list[str]:
    return [f"{request}"[:200] for request in requests if call(*request).status_code >= 500]


def test_every_page_with_query_parameters_is_listed(page, token):
    for route in page_routes():
        path = route.format_map(ARGUMENTS | {"token_key": "x"})
        response = page.get(f"{path}?no_such_name=1")
        assert response.status_code in {400, 405}
        if path not in PARAMETERS and response.status_code == 400:
            assert "There are no query parameters here." in response.text, path


def test_no_query_parameter_of_a_page_causes_a_server_error(page, token):
    requests = [
        ("GET", f"{path}?{name}={value}")
        for path, names in PARAMETERS.items()
        for name, value in product(names, HOSTILE)
    ]
    assert len(requests) > 300
    assert server_errors(requests, lambda method, path: page.generic(method, path)) == []


def test_no_argument_of_a_page_causes_a_server_error(page, token):
    requests = [
        (method, path)
        for route in page_routes()
        for method, path in product(("GET", "POST"), with_hostile_arguments(route))
    ]
    assert len(requests) > 300
    assert server_errors(requests, lambda method, path: page.generic(method, path)) == []


def test_no_parameter_in_an_address_of_the_api_causes_a_server_error(program, token):
    requests = []
    for path, calls in SchemaGenerator().get_schema(request=None, public=True)["paths"].items():
        for method, call in calls.items():
            arguments = with_hostile_arguments(re.sub(r"{id}", "{pk}", path).replace("{model}", "{name}"))
            names = [item["name"] for item in call.get("parameters", []) if item["in"] == "query"]
            own = path.format_map(ARGUMENTS | {"id": "1", "model": DATASET})
            queries = [f"{own}?{name}={value}" for name, value in product(names, HOSTILE)]
            requests += [(method.upper(), address) for address in [*arguments, *queries]]
    assert len(requests) > 400
    authorization = f"Bearer {token}"
    assert (
        server_errors(requests, lambda method, path: program(method, path, Authorization=authorization)) == []
    )

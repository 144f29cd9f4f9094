"""Calls of MLflow's registry API for two servers with the same models, and what is compared of their responses.

Left out are calls whose answer by MLflow's own server is an accident: a trailing AND, pages of no models, versions
below zero and above 64 bits, `''` for a quote, errors with 500, and the orders and spellings that only the platform
takes.
"""

from collections.abc import Iterator

Call = tuple[str, str, dict]
VERSIONS = {"apples": 3, "pears": 1}
COMPARED = ("name", "version", "description", "current_stage", "status")
OF_STAGES = {"dev", "staging", "production", "champion"}  # aliases that the platform has by itself

MODEL_FILTERS = [
    "", "name = 'apples'", "name='apples'", 'name = "apples"', "name != 'apples'", "name LIKE 'app%'",
    "name LIKE 'APP%'", "name ILIKE 'APP%'", "name LIKE '%s'", "name LIKE '_pples'", "name LIKE '%e%s'",
    "name like 'pears'",
    "attribute.name = 'apples'", "  name  =  'apples'  ", "name IN ('apples')", "name NOT IN ('apples')",
    "name = 'apples' AND tags.team = 'fruit'", "name = 'apples' and tags.team != 'fruit'", "tags.team = 'fruit'",
    "tags.team != 'fruit'", "tag.team = 'fruit'", "tags.`team` = 'fruit'", 'tags."team" = "fruit"',
    "tags.team LIKE '%ui%'", "tags.team ILIKE '%UI%'", "tags.team LIKE '%UI%'", "tags.`checked by` = 'ada'",
    "tags.none = 'x'", "tags.none != 'x'", "tags.team = 'fruit' AND tags.`checked by` = 'ada'", 'tags.quote = "it\'s"',
    "tag.`mlflow.prompt.is_prompt` != 'true' AND name LIKE 'app%'", "tag.`mlflow.prompt.is_prompt` = 'true'",
    "name", "name =", "name = apples", "name ~ 'a'", "name > 'a'", "name = 'a' OR name = 'b'", "name = 'a", "name = 3",
    "size = 'x'", "run_id = 'x'", "version_number = 1", "metrics.rmse = '1'", "params.a = '1'", "x" * 30, "name = 'a';",
    "tags.team IN ('fruit')", "tags.team > '1'", "tags.team = 3", "(name = 'apples')", "name == 'apples'",
    "NAME = 'apples'",
]  # fmt: skip
VERSION_FILTERS = [
    "name = 'apples'", "name='pears'", "name = 'none'", "name = 'apples' AND version_number = 2",
    "name = 'apples' AND version_number != 2", "name = 'apples' AND version_number > 1",
    "name = 'apples' AND version_number >= 2", "name = 'apples' AND version_number < 2",
    "name = 'apples' AND version_number <= 2", "name = 'apples' AND version_number > 99", "version_number = 3",
    "name LIKE 'app%'", "name ILIKE 'APP%'", "name = 'apples' AND tags.grade = 'b'", "tags.grade = 'b'",
    "tags.grade != 'a'", "tags.grade LIKE '_'", "tags.none != 'x'", "name = 'apples' AND tags.`is ripe` = 'yes'",
    "name != 'pears' AND name LIKE '%a%'", "run_id = 'x'", "name = 'apples' AND run_id = 'x'", "name IN ('apples')",
    "version_number = '2' AND name = 'apples'", "version_number LIKE '2'", "version_number = 'x'",
    "version_number IN (1, 2)", "run_id IN ('a', 'b')", "run_id IN ()", "source_path = 'none'", "size = 3",
    "name >= 'a'", "name = 'apples' OR name = 'pears'", "stage = 'Production'", "tags.grade IN ('a')", "metrics.a > 1",
]  # fmt: skip
MODEL_ORDERS = [
    "name",
    "name ASC",
    "name DESC",
    "name desc",
    "`name` DESC",
    "name SIDEWAYS",
    "size",
    "name ASC DESC",
    "",
]
VERSION_ORDERS = [
    "version_number", "version_number DESC", "creation_timestamp", "name DESC", "version_number SIDEWAYS", "run_id",
    "size",
]  # fmt: skip
ALIASES = [
    "challenger", "best_of-3", "latest", "Latest", "v2", "V2", "v2x", "a b", "", "é", "a" * 255, "a" * 256,
]  # fmt: skip
TAGS = {
    "team": "fruit", "checked by": "ada", "quote": "it's", "grade": "a", "is ripe": "yes", "k" * 250: "x", "empty": "",
    "long": "é" * 5_000, "a/b": "x", "k" * 251: "x", "": "x", "a;b": "x", "/a": "x", "a/../b": "x", "..": "x",
}  # fmt: skip


def calls() -> Iterator[Call]:
    """The method, path and fields of each call, in turn: some change what the next ones find."""
    yield from _labels()
    yield from _searches("registered-models", MODEL_FILTERS, MODEL_ORDERS, "name IN ('apples', 'pears')")
    yield from _searches("model-versions", VERSION_FILTERS, VERSION_ORDERS, "name = 'apples'")
    yield from _reads()
    yield from _transitions()


def _labels() -> Iterator[Call]:
    for path, owner, missing in (
        ("registered-models", {"name": "apples"}, {"name": "none"}),
        ("model-versions", {"name": "apples", "version": "3"}, {"name": "apples", "version": "9"}),
    ):
        for key, value in [*TAGS.items(), ("grade", "b")]:
            yield "POST", f"{path}/set-tag", owner | {"key": key, "value": value}
        yield "PATCH", f"{path}/update", owner | {"description": "Of the garden."}
        yield "PATCH", f"{path}/update", missing | {"description": "x"}
        yield "POST", f"{path}/set-tag", missing | {"key": "team", "value": "x"}
        yield "POST", f"{path}/set-tag", owner | {"value": "x"}
        for key in ("empty", "none"):
            yield "DELETE", f"{path}/delete-tag", owner | {"key": key}
        yield "DELETE", f"{path}/delete-tag", owner
    yield "POST", "registered-models/set-tag", {"name": "pears", "key": "team", "value": "fruit basket"}
    for alias in ALIASES:
        yield "POST", "registered-models/alias", {"name": "apples", "alias": alias, "version": "2"}
    for name, version in (("apples", "9"), ("none", "1"), ("apples", "1")):
        yield "POST", "registered-models/alias", {"name": name, "alias": "challenger", "version": version}
    for name, alias in (("apples", "best_of-3"), ("apples", "none"), ("none", "challenger")):
        yield "DELETE", "registered-models/alias", {"name": name, "alias": alias}


def _searches(path: str, filters: list[str], orders: list[str], within: str) -> Iterator[Call]:
    for text in filters:
        yield "GET", f"{path}/search", {"filter": text}
    for order in orders:
        yield "GET", f"{path}/search", {"filter": within, "order_by": [order]}
    yield "GET", f"{path}/search", {"filter": within, "order_by": ["name", "last_updated_timestamp DESC"]}
    for number in (1, 2, "many", 1_000, 200_001):
        yield "GET", f"{path}/search", {"filter": within, "order_by": ["name"], "max_results": number}
    yield "GET", f"{path}/search", {"page_token": "nonsense"}


def _reads() -> Iterator[Call]:
    for name in ("apples", "pears", "none", "", "a/b", "a:b"):
        yield "GET", "registered-models/get", {"name": name}
        yield "GET", "registered-models/get-latest-versions", {"name": name}
    for version in ("1", "3", "9", "0", "x", "", "1.0"):
        yield "GET", "model-versions/get", {"name": "apples", "version": version}
        yield "GET", "model-versions/get-download-uri", {"name": "apples", "version": version}
    for alias in ("challenger", "best_of-3", "none", "latest", "v1", ""):
        yield "GET", "registered-models/alias", {"name": "apples", "alias": alias}
    for path in ("registered-models/get", "registered-models/alias", "model-versions/get"):
        yield "GET", path, {}


def _transitions() -> Iterator[Call]:
    for version, stage, archives in (
        *(
            ("1", "Staging", False),
            ("1", "staging", False),
            ("2", "Production", False),
            ("3", "Staging", True),
        ),
        *(("3", "Production", True), ("9", "Staging", True), ("3", "Nonsense", False), ("3", "", False)),
        ("3", "Archived", False),
    ):
        fields = {"name": "apples", "version": version, "stage": stage, "archive_existing_versions": archives}
        yield "POST", "model-versions/transition-stage", fields
        yield "GET", "model-versions/search", {"filter": "name = 'apples'", "order_by": ["version_number"]}
        for stages in ([], ["None"], ["none"], ["Production"], ["Archived"], ["Nonsense"]):
            yield "POST", "registered-models/get-latest-versions", {"name": "apples", "stages": stages}


def outcome(status: int, body: dict) -> tuple:
    """The status and code of an error, else the models and versions: without times, users, runs and addresses."""
    if status != 200:
        return status, body["error_code"]
    found = body.get("registered_models", body.get("model_versions"))
    if found is None:
        found = [one for one in (body.get("registered_model"), body.get("model_version")) if one]
    return status, [_compared(one) for one in found if one["name"] in VERSIONS], "next_page_token" in body


def _compared(one: dict) -> dict:
    fields = {name: one[name] for name in COMPARED if one.get(name)}
    fields["tags"] = sorted((tag["key"], tag.get("value", "")) for tag in one.get("tags", ()))
    aliases = one.get("aliases", ())
    numbers = [(a["alias"], a["version"]) if isinstance(a, dict) else (a, "") for a in aliases]
    fields["aliases"] = sorted(pair for pair in numbers if pair[0] not in OF_STAGES)
    fields["latest"] = sorted(str(_compared(version)) for version in one.get("latest_versions", ()))
    return fields

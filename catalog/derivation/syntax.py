"""The check of a query before DuckDB runs it: one SELECT statement, over tables that are named, by known functions.

DuckDB's own parser says what the query is; of its tree, only what is known here is accepted.
"""

import difflib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError

from catalog.derivation import messages
from catalog.derivation.functions import (
    ELSEWHERE,
    FUNCTIONS,
    OPERATOR,
    TABLE_FUNCTIONS,
    VOLATILE,
    VOLATILE_COLUMNS,
)

MAX_LENGTH = 50_000
NODES = {
    *("SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"),
    *("BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EMPTY", "EXPRESSION_LIST", "PIVOT"),
    *("ORDER_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "DISTINCT_MODIFIER"),
    *("ORDER_DEFAULT", "ASCENDING", "DESCENDING"),
}
EXPRESSIONS = {
    *(
        "BETWEEN",
        "CASE",
        "CAST",
        "COLLATE",
        "COLUMN_REF",
        "COMPARISON",
        "CONJUNCTION",
        "CONSTANT",
        "FUNCTION",
    ),
    *("LAMBDA", "LAMBDA_REF", "OPERATOR", "POSITIONAL_REFERENCE", "STAR", "SUBQUERY", "TYPE", "WINDOW"),
}
OTHERS = {
    "SHOW_REF": "SHOW, DESCRIBE and SUMMARIZE",
    "PARAMETER": "Parameters such as `?` and `$1`",
    "DEFAULT": "DEFAULT",
}


@dataclass
class Query:
    """What a query is: `tables` are the names that are not defined in it, in lower case, each with its first line."""

    sql: str
    tables: dict[str, int | None] = field(default_factory=dict)
    is_volatile: bool = False
    is_ordered: bool = False


def parse(connection, sql: str) -> Query:
    """The query, by a connection of DuckDB that can be any. Raises ValidationError for the field `sql`."""
    import duckdb

    check_length(sql)
    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as error:
        raise messages.of_duckdb(error) from error
    _check_kind(statements)
    try:
        [[text]] = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()
        tree = json.loads(text)
        if tree["error"] or len(tree["statements"]) != 1:
            raise messages.error(f"DuckDB cannot describe this query: {tree.get('error_message', '')}")
        views = connection.execute(
            "SELECT view_name FROM duckdb_views() WHERE internal AND schema_name <> 'information_schema'"
        ).fetchall()
        return _Tree(sql, {name for (name,) in views}).read(tree["statements"][0])
    except RecursionError as error:
        raise messages.error("The query is nested too deeply.") from error


def check_length(sql: str) -> None:
    if not sql.strip():
        raise messages.error("Enter a SELECT statement.", code="required")
    if len(sql) > MAX_LENGTH:
        raise messages.error(f"The query has {len(sql):,} characters; the limit is {MAX_LENGTH:,}.")
    if "\0" in sql:
        raise messages.error("The query contains a null character.")


def _check_kind(statements: list) -> None:
    if not statements:
        raise messages.error("Enter a SELECT statement.", code="required")
    if len(statements) > 1:
        raise messages.error(f"These are {len(statements)} statements; send one SELECT.", code="not_a_select")
    kind = statements[0].type.name
    if kind == "MULTI":
        raise messages.error(
            "PIVOT needs the values that become columns: `FROM (PIVOT t ON x IN ('a', 'b') USING sum(y))`.",
            code="not_a_select",
        )
    if kind != "SELECT":
        raise messages.error(
            f"Only a SELECT can run here; this is {_article(kind)} {kind.replace('_', ' ')} statement.",
            code="not_a_select",
        )


def _article(word: str) -> str:
    return "an" if word[0] in "AEIOU" else "a"


class _Tree:
    """Walks the tree of a query, and raises ValidationError for the first part that is not known."""

    def __init__(self, sql: str, views: set[str]):
        self._encoded, self.query, self._views = sql.encode(), Query(sql), views

    def read(self, statement: dict) -> Query:
        top = statement["node"]
        modifiers = [one.get("type") for one in top.get("modifiers", [])]
        self.query.is_ordered = "ORDER_MODIFIER" in modifiers
        self._walk(statement, frozenset())
        return self.query

    def _walk(self, part: object, defined: frozenset[str]) -> None:
        """`defined` are the names of the common table expressions in scope."""
        if isinstance(part, list):
            for item in part:
                self._walk(item, defined)
        if not isinstance(part, dict):
            return
        if "cte_map" in part:
            defined = self._with_ctes(part["cte_map"], defined)
        self._check(part, defined)
        # In what it starts with, its own name is that of a table.
        own = {part["cte_name"].lower()} if part.get("type") == "RECURSIVE_CTE_NODE" else set()
        for name, value in part.items():
            if name != "cte_map":
                self._walk(value, defined if name == "left" else defined | own)

    def _with_ctes(self, ctes: dict, defined: frozenset[str]) -> frozenset[str]:
        """Each sees those before it. None has the name of a view of DuckDB, of its settings for example.

        Where DuckDB does not see what is defined, it takes such a view: the refusal does without its exact rules.
        """
        for one in ctes.get("map", []):
            name = one["key"].lower()
            if name in self._views:
                sentence = f"`{name}` is a view of DuckDB. Choose another name."
                raise self._refused(one["value"], sentence, code="table_not_allowed")
            self._walk(one["value"], defined)
            defined |= {name}
        return defined

    def _check(self, part: dict, defined: frozenset[str]) -> None:
        kind, expression = part.get("type"), part.get("class")
        if expression is not None:
            self._check_expression(part, expression)
        elif isinstance(kind, str) and kind not in NODES and not kind.endswith("_TYPE_INFO"):
            raise self._refused(part, f"{OTHERS.get(kind, kind)} cannot be used here.")
        if kind == "BASE_TABLE":
            self._check_table(part, defined)
        elif kind == "TABLE_FUNCTION":
            self._check_table_function(part)
        sample = part.get("sample")
        if isinstance(sample, dict) and not sample.get("repeatable"):
            self.query.is_volatile = True

    def _check_expression(self, part: dict, kind: str) -> None:
        if kind not in EXPRESSIONS:
            raise self._refused(part, f"{OTHERS.get(kind, kind)} cannot be used here.")
        if kind == "COLUMN_REF":
            names = [name.lower() for name in part["column_names"]]
            self.query.is_volatile |= len(names) == 1 and names[0] in VOLATILE_COLUMNS
        if kind not in ("FUNCTION", "WINDOW"):
            return
        name = part["function_name"].lower()
        if name not in FUNCTIONS and not OPERATOR.fullmatch(name):
            raise self._refused(part, _unknown_function(name), code="function_not_allowed")
        is_between_two = name == "age" and len(part.get("arguments", [])) > 1
        self.query.is_volatile |= name in VOLATILE and not is_between_two

    def _check_table(self, part: dict, defined: frozenset[str]) -> None:
        name = part["table_name"].lower()
        path = part.get("qualified_name", {}).get("path", [name])
        if part.get("schema_name") or part.get("catalog_name") or len(path) > 1:
            raise self._refused(part, "Name a dataset without a schema.", code="table_not_allowed")
        if part.get("at_clause"):
            raise self._refused(part, f'Name a version as in `"{name[:100]}@3"`.', code="table_not_allowed")
        if name not in defined:
            self.query.tables.setdefault(name, self._line(part))

    def _check_table_function(self, part: dict) -> None:
        name = part["function"].get("function_name", "").lower()
        if name not in TABLE_FUNCTIONS:
            sentence = f"`{name[:100]}` cannot be used as a table. Name a dataset."
            raise self._refused(part, sentence, code="table_not_allowed")

    def _refused(self, part: dict, sentence: str, *, code: str = "not_allowed") -> ValidationError:
        return messages.error(sentence, code=code, line=self._line(part))

    def _line(self, part: dict) -> int | None:
        """The line of the first part with a place, counted from 1."""
        place = next(_places(part), None)
        return None if place is None else self._encoded.count(b"\n", 0, place) + 1


def _places(part: object) -> Iterator[int]:
    if isinstance(part, dict):
        place = part.get("query_location")
        if isinstance(place, int) and place < 2**63:  # else there is none
            yield place
    values: Iterable = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    for value in values:
        yield from _places(value)


def _unknown_function(name: str) -> str:
    near = difflib.get_close_matches(name, sorted(FUNCTIONS), n=1)
    hint = f" Did you mean `{near[0]}`?" if near else ""
    if name in ELSEWHERE:
        hint = f" DuckDB has `{ELSEWHERE[name]}`."
    return f"The function `{name[:100]}` cannot be used here.{hint}"

"""The rows of a table: pages, filters and the search."""

import io
import json

import numpy as np
import pytest
from django.core.exceptions import ValidationError

from catalog.exploration import rows
from catalog.exploration.rows import Filter
from mlplatform.errors import NotReady
from tests.catalog.profiling.tables import typed_copy

PEOPLE = (
    "name,age,height,is_member,born\n"
    "Ada,41,1.70,true,1985-03-01\n"
    "Bob,,1.85,false,1990-12-24T10:00:00\n"
    '"O\'Neil; DROP TABLE t",29,,true,\n'
    ",35,1.60,,2001-01-01\n"
)
COLUMNS = [
    {"name": name, "type": kind}
    for name, kind in zip(
        ["name", "age", "height", "is_member", "born"],
        ["text", "integer", "number", "boolean", "date"],
        strict=True,
    )
]


def found(*filters, search: str = "") -> list[int]:
    where = rows.filters(json.dumps(filters), COLUMNS)
    return np.flatnonzero(rows.matches(typed_copy(PEOPLE), COLUMNS, where, search=search)).tolist()


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (["name", "=", "Ada"], [0]),
        (["name", "!=", "Ada"], [1, 2]),
        (["name", "contains", "O'NEIL; drop"], [2]),
        (["name", "missing", ""], [3]),
        (["age", ">", "30"], [0, 3]),
        (["age", "<", "35.5"], [2, 3]),
        (["age", "present", ""], [0, 2, 3]),
        (["age", "contains", "4"], [0]),
        (["height", "=", "1.7"], [0]),
        (["is_member", "=", "TRUE"], [0, 2]),
        (["born", "=", "1990-12-24"], [1]),
        (["born", ">", "1990-12-24"], [3]),
        (["born", "<", "1990-12-24T12:00"], [0, 1]),
    ],
    ids=lambda value: "-".join(value[:2]) if isinstance(value[0], str) else "rows",
)
def test_a_filter_of_each_kind(condition, expected):
    assert found(condition) == expected


def test_filters_are_combined_and_the_search_is_in_all_columns():
    assert found(["age", ">", "30"], ["height", "<", "1.65"]) == [3]
    assert found(search="1.8") == [1]
    assert found(["is_member", "=", "true"], search="29") == [2]


def test_a_search_reads_the_columns_that_can_contain_its_text():
    assert found(search="rue") == [0, 2]
    assert found(search="12-24") == [1]
    assert found(search="1.6") == [3]
    columns = [column for column in COLUMNS if column["type"] in ("integer", "number")]
    assert not rows.matches(typed_copy("age,height\n1,2.5\n"), columns, [], search="paris").any()


def test_a_search_is_plain_text():
    assert found(search="%") == found(search="_") == found(search="' OR 1=1 --") == []


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ('[["nobody", "=", "1"]]', "no column `nobody`"),
        ('[["age", "~", "1"]]', "Unknown operator `~`"),
        ('[["age", ">", "old"]]', "`age` has numbers, and `old` is none"),
        ('[["born", "=", "yesterday"]]', "`born` has dates, such as 2026-01-31"),
        ('[["is_member", "=", "1"]]', "true or false"),
        ('[["is_member", ">", "true"]]', "use = instead of >"),
        ('[["age", "=", 1]]', "Send a list of filters"),
        ('{"age": 1}', "Send a list of filters"),
        ("[[", "Send a list of filters"),
    ],
)
def test_a_filter_that_does_not_fit_is_refused(where, sentence):
    with pytest.raises(ValidationError) as caught:
        rows.filters(where, COLUMNS)
    assert sentence in caught.value.message_dict["where"][0]


def test_a_page_is_read_from_any_position(make_dataset):
    version = make_dataset("long", "position\n" + "".join(f"{i}\n" for i in range(3_000)))
    page = rows.page(version, start=2_990, rows=50)
    assert (page.positions, page.cells) == (list(range(2_990, 3_000)), [[i] for i in range(2_990, 3_000)])
    assert page.total == 3_000


def test_missing_values_dates_and_infinities_are_json(make_dataset):
    version = make_dataset("t", "a,b,c\n2026-01-31,inf,\n2026-02-01T10:00:00,1.5,x\n")
    assert rows.page(version).cells == [["2026-01-31", "inf", None], ["2026-02-01T10:00:00", 1.5, "x"]]


def test_filters_run_in_a_child_process(make_dataset):
    version = make_dataset("people", PEOPLE)
    page = rows.page(version, where=[Filter("age", ">", "30")])
    assert (page.total, page.positions) == (2, [0, 3])
    assert [row[1] for row in page.cells] == [41, 35]


def test_a_version_without_a_typed_copy_says_what_to_do(make_dataset):
    version = make_dataset()
    version.table_key = ""
    with pytest.raises(NotReady, match=r"manage\.py typed_copies"):
        rows.page(version)


def test_of_a_wide_table_the_first_columns_and_the_filtered_ones_are_shown(make_dataset):
    names = [f"c{i}" for i in range(120)]
    version = make_dataset("wide", io.StringIO(",".join(names) + "\n" + ",".join(["1"] * 120) + "\n").read())
    assert len(rows.page(version).columns) == 100
    shown = rows._shown(version, [Filter("c119", "=", "1")])
    assert (len(shown), shown[-1]) == (101, "c119")

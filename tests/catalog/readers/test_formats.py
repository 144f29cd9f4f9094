"""What every format of the table FORMATS has in common."""

import datetime
import gzip
import inspect
import io

import pyarrow as pa
import pytest

from catalog.names import normalize_name
from catalog.readers import tables
from catalog.readers.formats import EXTENSIONS, FORMATS
from tests.catalog.readers.reading import feather, parquet, recipe_of, table, xlsx

# The same table in every format. A new format needs an entry here.
ARROW = pa.table(
    {"a": [1, 2], "b": ["x", None], "when": pa.array([20484, 20485], pa.int32()).cast(pa.date32())}
)
CONTENT = {
    "feather": feather(ARROW),
    "csv": b"a,b,when\n1,x,2026-01-31\n2,,2026-02-01\n",
    "arff": b"@relation t\n@attribute a integer\n@attribute b {x}\n@attribute when date 'yyyy-MM-dd'\n"
    b"@data\n1,x,2026-01-31\n2,?,2026-02-01\n",
    "excel": xlsx(
        data=[
            ["a", "b", "when"],
            [1, "x", datetime.date(2026, 1, 31)],
            [2, None, datetime.date(2026, 2, 1)],
        ]
    ),
    "jsonl": b'{"a": 1, "b": "x", "when": "2026-01-31"}\n{"a": 2, "b": null, "when": "2026-02-01"}\n',
    "parquet": parquet(ARROW),
}
every_format = pytest.mark.parametrize("name", FORMATS)
FUNCTIONS = [
    name for name, value in vars(tables.Reader).items() if inspect.isfunction(value) and name[0] != "_"
]


@every_format
@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_format_module_has_the_functions_of_a_reader(name, function):
    expected = list(inspect.signature(getattr(tables.Reader, function)).parameters.values())[1:]
    parameters = inspect.signature(getattr(tables.READERS[name], function)).parameters.values()
    assert [(one.name, one.kind) for one in parameters] == [(one.name, one.kind) for one in expected]


@every_format
@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_every_format_is_detected_without_a_file_name(name, compress):
    recipe = recipe_of(compress(CONTENT[name]), filename="")
    assert recipe.format == name
    assert [(column.name, column.type, column.nullable) for column in recipe.columns] == [
        ("a", "integer", False),
        ("b", "text", True),
        ("when", "date", False),
    ]


@every_format
def test_every_format_gives_the_same_typed_frame(name):
    assert table(CONTENT[name]).equals(table(CONTENT["csv"]))


@every_format
def test_every_format_selects_and_orders_columns(name):
    assert list(table(CONTENT[name], columns=["when", "a"])) == ["when", "a"]


@every_format
def test_every_format_has_raw_batches_of_limited_size(name):
    batches = list(tables.raw_batches(io.BytesIO(CONTENT[name]), recipe_of(CONTENT[name]), rows=1))
    assert [batch.num_rows for batch in batches] == [1, 1]
    assert batches[0].schema.names == ["a", "b", "when"]


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_the_extension_of_a_format_is_not_part_of_the_name_of_a_dataset(extension):
    assert normalize_name(f"My Sales.{extension.upper()}") == "my_sales"

"""Reading tables: what a file is, how it is read, and the sentence for every file that cannot be read."""

import csv
import decimal
import gzip
import io
import json
import tracemalloc
from datetime import date, datetime, time

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.readers import column_types, tables
from catalog.readers.parquet import batches
from catalog.readers.tables import ParseRecipe, chunks, inspect, read


def table(content, filename="table.csv", **options):
    """The typed frame of a file, read by the recipe that was detected for it."""
    file = io.BytesIO(content if isinstance(content, bytes) else content.encode())
    recipe = inspect(file, filename).recipe
    return read(file, recipe, **options)


def recipe_of(content, filename="table.csv"):
    return inspect(io.BytesIO(content if isinstance(content, bytes) else content.encode()), filename).recipe


def types(content, filename="table.csv"):
    return {column.name: column.type for column in recipe_of(content, filename).columns}


def refusal(content, filename="table.csv", **options):
    """The code and the sentence with which a file is refused."""
    file = io.BytesIO(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValidationError) as caught:
        inspect(file, filename, **options)
    assert not file.closed
    return caught.value.code, caught.value.messages[0]


def parquet(arrow_table, **options):
    file = io.BytesIO()
    pq.write_table(arrow_table, file, **options)
    return file.getvalue()


# Types


def test_a_column_gets_the_one_type_that_fits_all_its_values():
    content = "i,n,b,t,d\n1,1.5,true,x,2024-01-31\n-2,3,FALSE,y,2024-02-29T10:00\n"
    assert types(content) == {"i": "integer", "n": "number", "b": "boolean", "t": "text", "d": "date"}


def test_missing_cells_make_a_column_nullable_and_change_no_other_type():
    frame = table("i,n,b,t,d\n1,1.5,true,x,2024-01-31\n,NA,null,,NaN\n")
    assert [str(kind) for kind in frame.dtypes] == ["Int64", "float64", "boolean", "str", "datetime64[us]"]
    assert frame.iloc[1].isna().all()
    assert all(column.nullable for column in recipe_of("a,b\n1,x\n,\n").columns)


def test_complete_columns_have_plain_dtypes():
    frame = table("i,b\n1,true\n2,false\n")
    assert [str(kind) for kind in frame.dtypes] == ["int64", "bool"]


def test_a_number_among_texts_stays_as_it_was_written():
    assert table("a\n1\n1.50\nx\n")["a"].tolist() == ["1", "1.50", "x"]


def test_zero_padded_codes_stay_text():
    assert table("a,b\n007,0\n010,0.5\n")["a"].tolist() == ["007", "010"]


def test_whole_numbers_over_64_bits_are_identifiers_and_stay_text():
    assert table("a\n99999999999999999999\n1\n")["a"].tolist() == ["99999999999999999999", "1"]
    assert table("a\n9223372036854775807\n1.5\n")["a"].dtype == "float64"


@pytest.mark.parametrize("value", ["2020", "12", "2024-02-30", "2024-1-5", "31.12.2024", "10:00"])
def test_what_is_no_iso_date_of_the_calendar_is_no_date(value):
    assert types(f"a,b\nx,2024-01-01\ny,{value}\n")["b"] == "text"


def test_instants_with_a_zone_become_naive_utc():
    frame = table("a\n2024-01-01T10:00:00+02:00\n2024-01-01 10:00:00.123456789Z\n2024-01-01\n")
    assert frame["a"].tolist()[0] == datetime(2024, 1, 1, 8)
    assert frame["a"].tolist()[1:] == [pd.Timestamp("2024-01-01 10:00:00.123456"), datetime(2024, 1, 1)]


def test_a_column_without_any_value_is_a_nullable_number():
    assert recipe_of("a,b\n1,\n2,\n").columns[1] == tables.Column("b", "number", True)


def test_spaces_around_numbers_are_ignored_and_within_texts_are_kept():
    frame = table(" a , b \n 1 , x\n  ,y\n")
    assert list(frame) == ["a", "b"]
    assert frame["a"].tolist() == [1, pd.NA]
    assert frame["b"].tolist() == [" x", "y"]


def test_a_type_holds_for_the_whole_file_and_in_every_chunk():
    content = "a,b\n" + "1,2\n" * 300_000 + "x,\n"
    file = io.BytesIO(content.encode())
    recipe = inspect(file, "t.csv").recipe
    frames = list(chunks(file, recipe, rows=70_000))
    assert {tuple(map(str, frame.dtypes)) for frame in frames} == {("str", "Int64")}
    assert max(map(len, frames)) <= 70_000
    assert sum(map(len, frames)) == 300_001


# Delimited text


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends_are_detected(delimiter, end):
    content = end.join(delimiter.join(row) for row in [("a", "b"), ("1", "x, y; z"), ("2", '"q"')])
    frame = table(content.replace("x, y; z", '"x, y; z"'))
    assert frame["a"].tolist() == [1, 2]
    assert frame["b"].tolist() == ["x, y; z", "q"]


@pytest.mark.parametrize(
    ("codec", "encoding"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
        ("cp1252", "cp1252"),
    ],
)
def test_encodings_are_detected(codec, encoding):
    content = "city,n\nZürich,1\nMálaga,2\n".encode(codec)
    assert recipe_of(content).encoding == encoding
    assert table(content)["city"].tolist() == ["Zürich", "Málaga"]


def test_utf_16_big_endian_with_a_mark_is_read():
    assert table("\ufeffa,b\né,1\n".encode("utf-16-be"))["a"].tolist() == ["é"]


def test_a_first_latin_1_letter_megabytes_into_the_file_is_still_read():
    frame = table(b"a,b\n" + b"ok,1\n" * 1_000_000 + b"caf\xe9,2\n")
    assert frame["a"].iloc[-1] == "café"


def test_a_broken_byte_in_a_utf_8_file_is_an_error_with_its_line():
    code, sentence = refusal("a,b\nZürich,1\nMálaga,2\n".encode() + b"caf\xe9,3\n")
    assert (code, sentence[:30]) == ("encoding", "Line 4 is not valid UTF-8 text")


def test_decimal_commas_make_numbers():
    assert table("a;b\n1,5;2,7\n3;-0,125\n")["b"].tolist() == [2.7, -0.125]
    assert recipe_of("a;b\n1,5;x\n").decimal == ","
    assert table("price\n1,5\n2,75\n")["price"].tolist() == [1.5, 2.75]


def test_commas_that_may_be_thousands_are_left_as_text():
    assert table("a;b\n1,500;x\n12,000;y\n")["a"].tolist() == ["1,500", "12,000"]
    assert types("a;b\n1.500;1,5\n2.500;2,5\n") == {"a": "text", "b": "number"}


def test_quoted_cells_may_hold_delimiters_line_breaks_and_quotes():
    assert table('a,b\n"x\ny","q""z, w"\n').iloc[0].tolist() == ["x\ny", 'q"z, w']
    assert table('a,b\n"say \\"hi\\", ok",1\n')["a"].tolist() == ['say "hi", ok']


def test_a_single_column_may_hold_free_text():
    assert table("comment\nHello, world\nfine; thanks\n")["comment"].tolist() == [
        "Hello, world",
        "fine; thanks",
    ]


def test_blank_lines_are_skipped():
    assert len(table("a,b\n1,2\n\n  \n3,4\n\n")) == 2


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_blank_lines_above_the_header_are_skipped_and_counted(end):
    content = end.join(["", "  ", "a,b", "1,2", ""])
    assert table(content).to_dict("records") == [{"a": 1, "b": 2}]
    assert refusal(content + "3" + end)[1].startswith("Line 5 has 1 cell")


def test_empty_header_cells_are_filled_with_their_place():
    assert list(table("a,,\n1,2,\n")) == ["a", "column_2", "column_3"]


def test_five_thousand_columns_are_read():
    content = ",".join(f"c{i}" for i in range(5000)) + "\n" + (",".join(["1.5"] * 5000) + "\n") * 20
    assert table(content, limit=3).shape == (3, 5000)


@pytest.mark.parametrize("content", ["", " \n\n", b"\xef\xbb\xbf", b"\xff\xfe", gzip.compress(b"")])
def test_an_empty_file_is_refused(content):
    assert refusal(content)[0] == "empty_file"


@pytest.mark.parametrize("content", ["a,b\n", "a,b", "a", "a,b\n\n\n", "[]", "{}"])
def test_a_file_without_rows_is_refused(content):
    assert refusal(content)[0] == "no_rows"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "PNG"),
        (b"PK\x03\x04\x14\0\x06\0[Content_Types].xml xl/workbook.xml", "Excel"),
        (b"PK\x03\x04\x14\0table.csv", "ZIP"),
        (b"%PDF-1.7", "PDF"),
        (gzip.compress(gzip.compress(b"a,b\n1,2\n")), "gzip"),
        (b"<!DOCTYPE html><title>Sign in</title>", "web page"),
        (bytes(range(256)) * 4, "binary"),
    ],
)
def test_what_is_no_table_is_called_by_its_name(content, word):
    code, sentence = refusal(content)
    assert code == "binary_file"
    assert word in sentence


@pytest.mark.parametrize("rows", [1, 700_000])
def test_a_nul_byte_is_an_error_with_its_line(rows):
    code, sentence = refusal(b"alpha,beta\n" + b"1,2\n" * rows + b"3,\0\n")
    assert code == "binary_file"
    assert sentence.startswith(f"Line {rows + 2:,} contains a NUL")


def test_double_column_names_are_named():
    code, sentence = refusal("age,city, age,x\n1,2,3,4\n")
    assert code == "duplicate_columns"
    assert "`age`" in sentence
    assert "city" not in sentence


@pytest.mark.parametrize(("line", "count"), [("3,4,5", "3 cells"), ("3", "1 cell")])
def test_a_ragged_line_is_an_error_with_its_line_in_the_file(line, count):
    code, sentence = refusal(f'a,b\n"x\ny",2\n\n{line}\n5,6\n')
    assert code == "ragged_line"
    assert sentence.startswith(f"Line 5 has {count}, but the header has 2.")


def test_a_title_above_the_header_is_refused():
    assert refusal("Report of May\na,b\n1,2\n3,4\n")[1].startswith(
        "Line 2 has 2 cells, but the header has 1."
    )


@pytest.mark.parametrize("rows", [2, 400_000])
def test_a_quotation_mark_that_is_never_closed_is_an_error_with_its_line(rows):
    code, sentence = refusal('a,b\n1,2\n3,"4\n' + "5,6\n" * rows)
    assert code == "unclosed_quote"
    assert "line 3 " in sentence


@pytest.mark.parametrize("header", ["1,2", "5.1,3.5", "2020;2021", "1"])
def test_a_header_of_numbers_only_is_refused(header):
    assert refusal(f"{header}\n{header}\n")[0] == "no_header"


def test_years_beside_a_name_are_a_header():
    assert list(table("country,2020,2021\nNO,1,2\n")) == ["country", "2020", "2021"]


def test_more_than_ten_thousand_columns_are_refused():
    assert refusal(",".join(f"c{i}" for i in range(10_001)) + "\n1\n")[0] == "too_many_columns"


@pytest.mark.parametrize("name", ["x" * 201, '"a\nb"', "a\x07"])
def test_long_and_unprintable_column_names_are_refused(name):
    assert refusal(f"{name},b\n1,2\n")[0] == "column_name"


# Compression


def test_gzip_is_recognised_by_its_content():
    for content in (b"a,b\n1,2\n", b'{"a": 1, "b": 2}\n', parquet(pa.table({"a": [1], "b": [2]}))):
        assert recipe_of(gzip.compress(content), "table").compression == "gzip"
        assert table(gzip.compress(content)).to_dict("records") == [{"a": 1, "b": 2}]


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-9], lambda b: b[:100] + b"\0" * 20 + b[120:], lambda b: b + b"x"]
)
def test_a_damaged_gzip_file_is_refused(damage):
    rows = "".join(f"{i * 7919 % 10007},{i}\n" for i in range(3000))
    assert refusal(damage(gzip.compress(f"a,b\n{rows}".encode())))[0] == "corrupt_file"


def test_a_gzip_bomb_stops_at_the_cap():
    bomb = gzip.compress(b"a,b\n" + b"1,2\n" * 5_000_000)
    assert refusal(bomb, max_bytes=10_000_000)[0] == "too_large"


def test_a_text_that_stands_in_a_parquet_file_once_and_is_in_every_row_stops_at_the_cap():
    buffer = io.BytesIO()
    pq.write_table(pa.table({"a": pa.array(["x" * 1000] * 20_000)}), buffer)
    assert len(buffer.getvalue()) < 10_000
    assert refusal(buffer.getvalue(), "t.parquet", max_bytes=10_000_000)[0] == "too_large"


@pytest.mark.parametrize(
    ("rows", "options"),
    [
        ([0] * 800, {}),
        (range(800), {"use_dictionary": False, "column_encoding": {"a": "DELTA_BYTE_ARRAY"}}),
    ],
    ids=["a dictionary", "repeated beginnings"],
)
def test_a_few_bytes_of_parquet_that_stand_for_many_are_read_in_small_parts(rows, options):
    text = "x" * 200_000
    texts = pa.array([f"{text}{row}" for row in rows], pa.large_string())
    content = parquet(pa.table({"a": texts}), compression="zstd", **options)
    del texts
    assert len(content) < 10_000
    before, seen = pa.total_allocated_bytes(), 0
    for batch in batches(io.BytesIO(content), None, ["a"]):
        assert pa.total_allocated_bytes() - before < 60_000_000
        assert batch.column("a")[0].as_py() == f"{text}{rows[seen]}"
        seen += batch.num_rows
    assert seen == 800


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())],
    ids=str,
)
def test_every_kind_of_text_in_parquet_is_text(kind):
    texts = pa.array(["red", None, "blue"]).cast(kind)
    read = table(parquet(pa.table({"a": texts})))["a"]
    assert read.isna().tolist() == [False, True, False]
    assert read.dropna().tolist() == ["red", "blue"]


# JSON lines


def test_json_lines_may_have_ragged_keys():
    frame = table('{"a": 1, "b": "x"}\n\n{"b": "y", "c": 2.5}\n', "t.jsonl")
    assert frame["a"].tolist() == [1, pd.NA]
    assert frame["c"].isna().tolist() == [True, False]
    assert [str(kind) for kind in frame.dtypes] == ["Int64", "str", "float64"]


def test_json_values_have_the_types_of_their_column():
    content = '{"a": 1, "b": true, "c": "2024-01-01", "d": 1}\n{"a": 2.5, "b": false, "c": null, "d": "x"}\n'
    assert types(content) == {"a": "number", "b": "boolean", "c": "date", "d": "text"}
    assert table(content)["d"].tolist() == ["1", "x"]


def test_whole_numbers_over_64_bits_in_json_stay_text():
    assert table('{"a": 99999999999999999999}\n{"a": 1}\n')["a"].tolist() == ["99999999999999999999", "1"]


def test_a_json_array_of_objects_is_read_like_lines():
    rows = [{"a": i, "b": f"[{i}], {{"} for i in range(70_000)]
    frame = table(json.dumps(rows, indent=1), "t.json")
    assert frame.to_dict("records") == rows


@pytest.mark.parametrize(
    ("content", "start"),
    [
        ('{"a": 1}\n[2]\n', "Line 2 is not a JSON object"),
        ('{"a": 1}\n\n{"a": \n', "Line 3 is not valid JSON"),
        ('{"a": 1}\n{"a": {"b": 1}}\n', "Line 2: `a` holds an object or a list"),
        ('[{"a": 1},\n{"a": 2}', "Line 2 is not valid JSON, or the file was cut off there"),
        ('{"a": "\\ud800"}\n', "Line 1 holds half of a surrogate pair"),
        ('{"a": "\\u0000"}\n', "Line 1 holds a NUL"),
        ('{"a": ' + "[" * 50_000, "Line 1 is not valid JSON"),
    ],
)
def test_bad_json_is_an_error_with_its_line(content, start):
    assert refusal(content)[1].startswith(start)


def test_the_ending_jsonl_makes_any_other_json_an_error():
    assert refusal("1\n2\n", "numbers.jsonl")[0] == "invalid_json"


def test_a_key_that_cannot_be_a_column_is_refused():
    assert refusal('{" a": 1}\n')[0] == refusal('{"": 1}\n')[0] == "column_name"


# Parquet


def test_parquet_types_come_from_its_schema():
    arrays = {
        "small": pa.array([1, None], pa.int8()),
        "float": pa.array([1.5, np.nan], pa.float32()),
        "decimal": [decimal.Decimal("1.5"), None],
        "flag": [True, None],
        "word": pa.array(["x", None]).dictionary_encode(),
        "day": [date(2024, 1, 1), None],
        "instant": pa.array([datetime(2024, 1, 1), None], pa.timestamp("ns", "Europe/Paris")),
        "clock": [time(1, 2), None],
        "nothing": pa.nulls(2),
    }
    content = parquet(pa.table(arrays))
    assert list(types(content).values()) == [
        *("integer", "number", "number", "boolean", "text", "date", "date", "text", "number"),
    ]
    assert table(content)["instant"].tolist()[0] == datetime(2024, 1, 1)
    assert table(content).iloc[1].isna().all()


def test_unsigned_numbers_over_63_bits_in_parquet_become_text():
    assert table(parquet(pa.table({"a": pa.array([2**64 - 1, 1], pa.uint64())})))["a"].tolist()[1] == "1"


def test_the_row_labels_of_pandas_count_towards_the_cap_though_they_are_no_column():
    frame = pd.DataFrame({"a": range(2000)}, index=pd.Index(["x" * 10_000] * 2000))
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    assert refusal(buffer.getvalue(), "t.parquet", max_bytes=10_000_000)[0] == "too_large"


def test_row_labels_that_may_unpack_to_anything_are_not_read():
    labels = pa.array([b"x" * 10_000]).take(pa.array([0] * 2000))
    content = parquet(pa.table({"a": range(2000), "__index_level_0__": labels}))
    _, rows = tables.settle(io.BytesIO(content), "t.parquet", max_bytes=10_000_000)
    assert rows == 2000


def test_thousands_of_row_labels_are_not_read_and_what_is_said_of_pandas_at_length_is_not_told():
    many = {f"__index_level_{level}__": [level] for level in range(2000)}
    said = b'{"columns": [%s]}' % b",".join([b"[]"] * 1_000_000)
    content = parquet(pa.table({"a": [1]} | many).replace_schema_metadata({b"pandas": said}))
    assert list(table(content)) == ["a"]
    (batch,) = batches(io.BytesIO(content), None)
    assert (batch.schema.names, batch.schema.metadata) == (["a"], None)


def test_the_row_numbers_that_pandas_adds_to_parquet_are_no_column():
    file = io.BytesIO()
    pd.DataFrame({"a": [1, 2]}, index=[5, 7]).to_parquet(file)
    assert list(table(file.getvalue())) == ["a"]


@pytest.mark.parametrize("values", [[[1]], [{"x": 1}], [b"x"]])
def test_nested_and_binary_parquet_columns_are_refused_by_name(values):
    code, sentence = refusal(parquet(pa.table({"ok": [1], "odd": values})))
    assert code == "nested_value"
    assert "`odd`" in sentence


def test_damaged_parquet_is_refused():
    content = parquet(pa.table({"a": [f"{i}" for i in range(500)]}))
    assert refusal(content[:-30])[0] == refusal(content[:50])[0] == "corrupt_file"
    assert refusal(content[:40] + b"\xff" * 200 + content[240:])[0] == "corrupt_file"
    assert refusal(b"no parquet", "t.parquet")[0] == "corrupt_file"


def test_parquet_without_rows_is_refused():
    assert refusal(parquet(pa.table({"a": pa.array([], pa.int64())})))[0] == "no_rows"


# Recipes and reading


@pytest.mark.parametrize("content", ["a;b\n1,5;x\n", '{"a": 1}\n', parquet(pa.table({"a": [1]}))])
def test_a_recipe_survives_json(content):
    recipe = recipe_of(content)
    assert ParseRecipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


@pytest.mark.parametrize("content", ["a,b,c\n1,x,2\n3,y,4\n", '{"a":1,"b":"x","c":2}\n{"a":3,"b":"y","c":4}'])
def test_columns_can_be_picked_and_ordered(content):
    assert table(content, columns=["c", "a"]).to_dict("list") == {"c": [2, 4], "a": [1, 3]}
    with pytest.raises(ValidationError, match="no column `z`"):
        table(content, columns=["z"])


def test_a_limit_gives_the_first_rows_in_the_types_of_the_whole():
    content = "a,b\n1,x\n" * 1 + "2,y\n" * 50 + ",z\n"
    frame = table(content, limit=2)
    assert frame["a"].tolist() == [1, 2]
    assert str(frame["a"].dtype) == "Int64"
    assert table(content, limit=0).dtypes.equals(frame.dtypes)


def test_a_limit_does_not_read_the_whole_file():
    class Counting(io.BytesIO):
        total = 0

        def read(self, size=-1):
            block = super().read(size)
            Counting.total += len(block)
            return block

    file = Counting(b"a,b\n" + b"1,2\n" * 25_000_000)
    recipe = recipe_of("a,b\n1,2\n")
    assert len(read(file, recipe, limit=10)) == 10
    assert Counting.total < 60_000_000


def test_a_reader_that_was_left_early_does_not_disturb_the_next():
    content = "a,b\n" + "".join(f"{i},{i % 7}\n" for i in range(300_000))
    file = io.BytesIO(content.encode())
    recipe = inspect(file, "t.csv").recipe
    for _ in range(10):
        assert read(file, recipe, limit=5)["a"].tolist() == [0, 1, 2, 3, 4]
    assert read(file, recipe)["a"].tolist() == list(range(300_000))
    assert not file.closed


def test_uploaded_files_are_read_in_place_and_stay_open():
    upload = TemporaryUploadedFile("t.csv", "text/csv", 0, None)
    upload.write(b"a,b\n1,2\n")
    recipe = inspect(upload, upload.name).recipe
    assert read(upload, recipe).to_dict("list") == {"a": [1], "b": [2]}
    upload.file.close()
    upload = SimpleUploadedFile("t.parquet", parquet(pa.table({"a": [1]})))
    assert read(upload, inspect(upload, upload.name).recipe).to_dict("list") == {"a": [1]}
    assert not upload.closed


def test_memory_stays_flat_while_thirty_megabytes_pass():
    rows = "".join(f"{i},{i / 7:.6f},customer {i % 5003},2024-01-{i % 28 + 1:02}\n" for i in range(20_000))
    file = io.BytesIO(b"a,b,c,d\n" + rows.encode() * 40)
    tracemalloc.start()
    before = pa.total_allocated_bytes()
    assert inspect(file, "t.csv").rows == 800_000
    assert tracemalloc.get_traced_memory()[1] < 80_000_000
    assert pa.total_allocated_bytes() - before < 5_000_000
    tracemalloc.stop()


CELL = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(str),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8),
    st.sampled_from(
        ["true", "FALSE", "2024-01-31", "2024-01-31 10:00", "007", "a\nb", 'say "x"', "", "a,b;c|d\te"]
    ),
)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.integers(1, 3).flatmap(
        lambda width: st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=8)
    ),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_is_written_as_csv_is_read_back_equal(rows, delimiter, encoding, quoting, end):
    text = io.StringIO(newline="")
    names = ["first", "second", "third"][: len(rows[0])]
    csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows([names, *rows])
    file = io.BytesIO(text.getvalue().encode(encoding))
    recipe = inspect(file, "t.csv").recipe
    frame = read(file, recipe)
    assert list(frame) == names
    assert len(frame) == len(rows)
    for place, column in enumerate(recipe.columns):
        written = [row[place] for row in rows]
        assert_equal(written, frame[column.name].tolist(), column)


def assert_equal(written, found, column):
    for text, value in zip(written, found, strict=True):
        if pd.isna(value):
            assert text.strip() in column_types.MISSING
        elif column.type == "text":
            assert value == text
        elif column.type == "boolean":
            assert str(value).lower() == text.strip().lower()
        elif column.type == "date":
            assert pd.Timestamp(text) == value
        elif column.type == "integer":  # exactly, where a float would round
            assert decimal.Decimal(text.strip()) == value
        else:
            assert float(text.replace(",", ".")) == value


@settings(max_examples=150, deadline=None)
@given(
    content=st.binary(max_size=200), name=st.sampled_from(["t.csv", "t.parquet", "t.jsonl", "t.tsv.gz", ""])
)
def test_any_bytes_at_all_are_read_or_refused_with_a_sentence(content, name):
    try:
        assert len(table(content, name)) > 0
    except ValidationError as error:
        assert error.code


def test_a_line_without_an_end_is_refused_without_being_read_whole():
    content = gzip.compress(b'a,b\n"' + b"x" * 60_000_000)
    tracemalloc.start()
    with pytest.raises(ValidationError, match="does not end"):
        inspect(io.BytesIO(content), "endless.csv.gz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40_000_000

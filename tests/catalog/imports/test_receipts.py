"""The receipt of a draft: what is understood of its first 4 MB, in a child process."""

import gzip
import io

import pandas
import pytest
from django.core.exceptions import ValidationError

from catalog.imports import ingestion
from catalog.imports.drafts import store_draft
from catalog.imports.receipts import receipt_of
from catalog.models import Draft
from catalog.readers import detection
from mlplatform.errors import NotFound, NotReady
from mlplatform.jobs.children import calls
from tests.conftest import FLOWERS


@pytest.fixture
def store(admin):
    def file(content: bytes, filename="table.csv") -> Draft:
        return store_draft(io.BytesIO(content), filename=filename, by=admin)

    return file


def test_a_receipt_has_the_recipe_the_first_rows_and_the_lines_as_written(store):
    receipt = receipt_of(store(FLOWERS.encode()))
    assert (receipt["recipe"]["delimiter"], receipt["rows"], receipt["is_estimate"]) == (",", 24, False)
    assert [column["type"] for column in receipt["columns"]] == ["integer", "number", "text", "text"]
    assert receipt["preview"]["rows"][0] == [5, 1.5, "red", "tulip"]
    assert receipt["preview"]["lines"][0] == [1, "length,width,colour,species"]


def test_a_receipt_is_kept_with_its_draft(store):
    draft = store(FLOWERS.encode())
    receipt = receipt_of(draft)
    assert Draft.objects.get(pk=draft.pk).receipt == receipt


def test_a_draft_that_was_added_while_it_was_read_is_not_found(store):
    draft = store(FLOWERS.encode())
    Draft.objects.all().delete()
    with pytest.raises(NotFound, match="was added, discarded"):
        receipt_of(draft)


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_the_rows_of_a_large_file_are_estimated_from_its_beginning(store, compress):
    content = b"a,b\n" + b"".join(b"%d,some words\n" % number for number in range(300_000, 700_000))
    receipt = receipt_of(store(compress(content)))
    assert receipt["is_estimate"]
    assert receipt["rows"] == pytest.approx(400_000, rel=0.3)
    assert receipt["recipe"]["compression"] == ("gzip" if compress is gzip.compress else None)


def test_a_large_parquet_file_is_read_by_its_footer(store):
    file = io.BytesIO()
    pandas.DataFrame({"a": range(1_200_000)}).to_parquet(file, compression=None)
    receipt = receipt_of(store(file.getvalue(), "table.parquet"))
    assert (receipt["rows"], receipt["is_estimate"]) == (1_200_000, False)


def test_a_file_that_is_no_table_is_an_error_and_the_draft_stays(store):
    draft = store(b"a,b\n1\n2,3\n")
    with pytest.raises(ValidationError, match="Line 2 has 1 cell"):
        receipt_of(draft)
    assert Draft.objects.get(pk=draft.pk).receipt is None


@pytest.mark.parametrize(
    ("content", "whole"),
    [
        (b"a\n1\n2", b"a\n1\n"),
        (b'a\n1\n"2\n3', b"a\n1\n"),
        (b'a\n"1\n"\n"2\n\n', b'a\n"1\n"\n'),
        ("a\n1\n2".encode("utf-16"), "a\n1\n".encode("utf-16")),
        (b"a", b"a"),
    ],
    ids=["line", "open quote", "quoted line breaks", "utf-16", "no line break"],
)
def test_the_beginning_of_a_file_ends_with_a_whole_record(content, whole):
    assert detection.whole_records(content) == whole


def test_a_parser_that_crashes_is_a_sentence():
    assert isinstance(ingestion.died(calls.ChildDied("SIGKILL")), NotReady)
    assert "ended with SIGSEGV" in ingestion.died(calls.ChildDied("SIGSEGV")).messages[0]

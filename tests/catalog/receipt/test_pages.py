"""The two pages of an upload: the file, then the receipt."""

import html
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from catalog.models import Dataset, DatasetVersion, Draft
from tests.catalog.profiling.tables import csv
from tests.catalog.readers.reading import zipped
from tests.catalog.receipt.test_forms import sent
from tests.conftest import FLOWERS

GERMAN = "Bericht\nStadt;PLZ;Umsatz\n" + "".join(f"Köln;0{n};{n},5\n" for n in range(1000, 1030))


def upload(client, content=FLOWERS, filename="My Flowers.csv", query="", **fields):
    """The response of the receipt page of a new upload."""
    content = content if isinstance(content, bytes) else content.encode("cp1252")
    file = SimpleUploadedFile(filename, content)
    return client.post(f"/catalog/upload/{query}", {"file": file, **fields}, follow=True)


def change(client, page, **changes):
    """Send the form of a receipt page as a browser does, with these changes."""
    form = page.context["form"]
    return client.post(page.context["draft_url"], sent(form, **changes))


def text_of(response) -> str:
    return html.unescape(re.sub("<[^>]+>", "", response.text))


def test_an_upload_is_a_draft_until_it_is_added(page):
    receipt = upload(page)
    assert "24 rows and 4 columns." in receipt.text
    assert (Draft.objects.count(), DatasetVersion.objects.count()) == (1, 0)
    added = change(page, receipt, add="1", description="Spring")
    assert added["Location"] == "/catalog/my_flowers/"
    assert (Draft.objects.count(), Dataset.objects.get().description) == (0, "Spring")
    assert "Version 1 of my_flowers was added." in page.get("/catalog/my_flowers/").text


def test_a_reading_that_htmx_sends_with_the_button_that_was_clicked_adds_nothing(page):
    receipt = upload(page)
    assert change(page, receipt, add="1", read="1").status_code == 200
    assert (Draft.objects.count(), DatasetVersion.objects.count()) == (1, 0)


def test_a_receipt_has_the_rows_as_read_beside_the_lines_as_written(page):
    text = upload(page, GERMAN, "report.csv").text
    for part in ("Köln;01000;1000,5", "line skipped", "Windows-1252 (auto)", "Semicolon ; (auto)", "1000.5"):
        assert part in text


def test_a_changed_delimiter_reads_the_file_again_and_keeps_what_was_typed(page):
    receipt = upload(page, "a;b,c\n1;2,3\n4;5,6\n")
    assert [column["name"] for column in receipt.context["header"]] == ["a", "b,c"]
    again = change(page, receipt, delimiter=",", description="kept words", read="1")
    assert [column["name"] for column in again.context["header"]] == ["a;b", "c"]
    assert "kept words" in again.text
    assert Draft.objects.get().corrections == {"delimiter": ","}


def test_corrections_of_columns_that_another_delimiter_does_not_have_are_dropped_with_a_word(page):
    receipt = upload(page, "a;b,c\n1;2,3\n4;5,6\n")
    renamed = change(page, receipt, **{"column-0-name": "first"})
    again = change(page, renamed, delimiter=",")
    assert "What was set for columns was dropped." in again.text
    assert Draft.objects.get().corrections == {"delimiter": ","}


def test_a_column_is_renamed_and_retyped(page):
    receipt = upload(page, GERMAN, "report.csv")
    again = change(page, receipt, **{"column-1-name": "zip", "column-1-type": "identifier"})
    assert [column["name"] for column in again.context["header"]] == ["Stadt", "zip", "Umsatz"]
    change(page, again, add="1")
    assert DatasetVersion.objects.get().columns[1] == {
        "name": "zip", "type": "text", "nullable": False, "role": "identifier", "source": "PLZ"
    }  # fmt: skip


def test_a_correction_that_does_not_fit_is_an_error_beside_its_field_and_nothing_is_lost(page):
    receipt = upload(page, GERMAN, "report.csv")
    response = change(page, receipt, description="kept words", **{"column-0-type": "integer"})
    assert response.status_code == 422
    assert "kept words" in response.text
    assert list(response.context["form"].errors) == ["column-0-type"]
    assert Draft.objects.get().corrections == {}


def test_a_file_that_cannot_be_read_can_be_corrected(page):
    receipt = upload(page, "a,b\n1,2\n1,2,3\n")
    assert "Line 3 has 3 cells" in receipt.text
    assert 'name="add"' not in receipt.text
    again = change(page, receipt, delimiter=";", read="1")
    assert "2 rows and 1 column." in again.text


def test_a_file_that_cannot_be_read_shows_its_first_lines_and_what_can_be_changed(page):
    receipt = upload(page, "a|b\n1|2\n3|4|5\n")
    assert [line["text"] for line in receipt.context["lines"]][:3] == ["a|b", "1|2", "3|4|5"]
    assert {"encoding", "delimiter", "header", "skip"} <= set(receipt.context["form"].of_file)
    again = change(page, receipt, delimiter=";", name="kept", read="1")
    assert again.context["form"]["name"].value() == "kept"
    assert re.search('<input type="hidden" name="name"', receipt.text)


def test_a_table_of_an_archive_is_chosen_on_the_receipt(page):
    receipt = upload(page, zipped({"2023.csv": b"a,b\n1,2\n", "2024.csv": b"a,b\n3,4\n5,6\n"}), "years.zip")
    assert "Choose one" in receipt.text
    again = change(page, receipt, member="2024.csv", read="1")
    assert "2 rows and 2 columns." in again.text
    assert '<option value="2023.csv"' in again.text
    change(page, again, add="1", name="years")
    assert DatasetVersion.objects.get().recipe["member"] == "2024.csv"


def test_a_file_that_is_no_table_can_only_be_discarded(page):
    receipt = upload(page, b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "picture.csv")
    assert "This is a PNG image, not a table." in receipt.text
    assert 'name="delimiter"' not in receipt.text
    discarded = page.post(f"{receipt.context['draft_url']}discard/", follow=True)
    assert "picture.csv was discarded." in discarded.text
    assert not Draft.objects.exists()


def test_markup_in_a_file_is_escaped(page):
    text = upload(page, "<script>alert(1)</script>,b\n<b>x</b>,1\n<i>y</i>,2\n").text
    assert "<script>alert" not in text
    assert "<b>x" not in text


def test_a_new_version_shows_what_it_changes_before_it_is_added(page, make_dataset):
    make_dataset()
    content = FLOWERS.replace("length", "size").replace("tulip", "1").replace("rose", "2")
    receipt = upload(page, content, "other.csv", query="?name=flowers")
    shown = text_of(receipt)
    assert "Compared with version 1" in shown
    assert receipt.context["changes"] == {
        "added": ["size"],
        "removed": ["length"],
        "retyped": [{"name": "species", "before": "text", "after": "integer"}],
    }
    change(page, receipt, add="1")
    assert Dataset.objects.get().version().number == 2


def test_a_new_version_shows_the_distributions_that_move_and_the_models_that_do_not_fit(
    page, make_version, make_dataset
):
    make_version(make_dataset("t", csv(x=[*range(100)] * 3, y=[0, 1] * 150)), target="y")
    receipt = upload(page, csv(x=[*range(60, 160)] * 3), "t.csv", query="?name=t")
    [address] = re.findall('hx-get="(.*?/changes/.*?)"', receipt.text)
    part = page.get(address, headers={"HX-Request": "true"})
    assert "1 of 1 columns with the same name and type has moved." in " ".join(text_of(part).split())
    whole = page.get(address)
    assert whole.context["found"]["models"] == []
    assert "Stability index" in whole.text
    receipt = upload(page, csv(z=range(3)), "t.csv", query="?name=t")
    assert "1 model would not fit the new columns" in text_of(receipt)


def test_a_new_version_can_be_read_as_the_version_before(page, make_dataset):
    corrections = {"footer": 1, "columns": [{"source": "colour", "name": "shade", "type": "category"}]}
    make_dataset(corrections=corrections)
    receipt = upload(page, FLOWERS + "9,9,red,rose\n", "new.csv", query="?name=flowers")
    assert "Read it as version 1 is read" in receipt.text
    again = change(page, receipt, correct=receipt.context["as_before"], read="1")
    assert again.context["changes"] == {"added": [], "removed": [], "retyped": []}
    assert "25 rows" in again.text  # the lines at the end are those of the file before
    assert "Read it as version 1 is read" not in again.text


def test_a_name_that_is_taken_is_explained_in_the_words_of_the_page(page, make_dataset):
    make_dataset()
    receipt = upload(page, FLOWERS + "1,2,red,rose\n", "flowers.csv")
    assert "Add as version 2" in receipt.text
    response = change(page, receipt, add="1")
    assert response.status_code == 422
    assert (
        "Select this to add the file as the next version" in response.context["form"].errors["new_version"][0]
    )
    assert "new_version=true" not in response.text
    assert change(page, response, add="1", new_version="on").status_code == 302


def test_the_receipt_of_a_file_that_was_added_leads_to_its_dataset(page):
    receipt = upload(page)
    change(page, receipt, add="1")
    for response in (page.get(receipt.context["draft_url"]), change(page, receipt, add="1")):
        assert response["Location"] == "/catalog/my_flowers/"


def test_a_draft_that_is_gone_is_explained(page):
    receipt = upload(page)
    page.post(f"{receipt.context['draft_url']}discard/")
    response = page.get(receipt.context["draft_url"], headers={"Accept": "text/html"})
    assert response.status_code == 404
    assert (
        "This upload was added, discarded, or not confirmed in a day. Upload the file again." in response.text
    )


def test_the_draft_of_another_user_is_not_found(page, client, make_user):
    url = upload(page).context["draft_url"]
    client.force_login(make_user("data scientist"))
    assert client.get(url).status_code == 404


def test_a_wide_table_shows_the_columns_that_the_filter_finds(page):
    names = [f"c{number}" for number in range(300)]
    receipt = upload(page, ",".join(names) + "\n" + ",".join("1" for _ in names) + "\n")
    assert "Showing 100 of 300 columns" in receipt.text
    found = change(page, receipt, find="c25", read="1")
    assert [row["column"]["name"] for row in found.context["column_rows"]] == ["c25", *names[250:260]]


def test_a_version_is_read_differently_from_the_same_bytes(page, make_dataset):
    make_dataset(content=GERMAN.encode("cp1252"))
    text = page.get("/catalog/flowers/").text
    assert "What was assumed when reading this file" in text
    assert "Read differently" in text
    receipt = page.post("/catalog/flowers/versions/1/read/", follow=True)
    assert "Add as version 2 of flowers" in receipt.text
    change(page, receipt, add="1", **{"column-2-type": "text"})
    second, first = DatasetVersion.objects.all()
    assert first.sha256 == second.sha256
    assert (first.columns[2]["type"], second.columns[2]["type"]) == ("number", "text")


def test_a_viewer_cannot_read_a_version_differently(sign_in, make_dataset):
    make_dataset()
    viewer = sign_in("viewer")
    assert "Read differently" not in viewer.get("/catalog/flowers/").text
    assert viewer.post("/catalog/flowers/versions/1/read/").status_code == 403


def test_an_upload_without_a_file_is_an_error_of_the_field(page):
    response = page.post("/catalog/upload/")
    assert response.status_code == 422
    assert response.context["form"].errors["file"] == ["This field is required."]


def test_a_viewer_cannot_upload(sign_in):
    viewer = sign_in("viewer")
    assert viewer.get("/catalog/upload/").status_code == 403
    assert upload(viewer).status_code == 403


@pytest.mark.parametrize("value", ["no JSON", "[]", '{"columns": 1}', '{"delimeter": "x"}'])
def test_a_choice_that_is_no_correction_is_an_error(page, value):
    receipt = upload(page)
    response = change(page, receipt, correct=value)
    assert response.status_code == 422
    assert response.context["form"].errors

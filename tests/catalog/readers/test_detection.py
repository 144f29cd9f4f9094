"""Detection of compression, text encoding and files that are not tables."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from functools import partial

import pyarrow as pa
import pytest
from django.core.exceptions import ValidationError

from catalog.readers import streams, tables
from tests.catalog.readers.reading import assumptions, error_of, parquet, recipe_of, table, zipped


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


GUESSED = {
    "cp1252": [
        "produit,côté\ncrème,été\nœuvre,créée\n",
        "Straße,Größe\nÖLMÜHLE,groß\nÄrzte,über\n",
        "año,señal\n2020,¿qué?\n2021,¡olé!\n",
        "temp (°C),µg/m³\nbelow 20 °C,over 5 µg\n",
        "item,price\nsome – dash,over €5\n“quote”,€6\n",
        "name,n\nplain,1\nJosé,2\n",
        "estado,n\nação,1\n",
        "väri,n\ntöölö,1\n",
        "open,n\nMonday–Friday,1\nlow–high,2\n",
        "nafn,borg\nGuðmundur,Ísafjörður\nÞórður,Reykjavík\n",
    ],
    "cp1250": ["miasto,kraj\nŁódź,Polska\nKraków,Polska\nČeské Budějovice,Česko\n"],
    "cp1251": ["город,цена\nМосква,1.5\nКазань,2.5\n", "город,n\nМосква,1\n"],
    "cp1253": ["πόλη,τιμή\nΑθήνα,1\nΠάτρα,2\n"],
    "cp1254": ["şehir,ülke\nİstanbul,Türkiye\nIğdır,Türkiye\n"],
    "koi8_r": ["город,цена\nМосква,1.5\nКазань,2.5\n"],
    "mac_roman": ["produit,côté\ncrème,été\nmaïs,là-bas\n", "Straße,Größe\nÖlmühle,über\n"],
    "cp850": ["produit,prix\ncrème,1\npâté,2\n"],
    "cp932": ["名前,都市\n山田,東京\nテスト,データ\n", "商品,価格\nりんご,100\nみかん,50\n"],
    "gb18030": ["姓名,城市\n张三,北京\n李四,上海\n"],
    "big5": ["姓名,城市\n張三,臺北\n李四,高雄\n"],
    "cp949": ["이름,도시\n김철수,서울\n박영희,부산\n"],
}


@pytest.mark.parametrize(
    ("encoding", "text"),
    [(encoding, text) for encoding, texts in GUESSED.items() for text in texts],
    ids=[f"{encoding} {number}" for encoding, texts in GUESSED.items() for number in range(len(texts))],
)
def test_the_encoding_of_a_text_without_a_mark_is_guessed_by_its_words(encoding, text):
    content = text.encode(encoding)
    assert recipe_of(content).encoding == encoding
    header, first, *_ = [line.split(",") for line in text.splitlines()]
    assert [list(table(content)), [str(cell) for cell in table(content).iloc[0]]] == [header, first]


def test_utf_16_big_endian_with_a_byte_order_mark_is_read():
    assert table("\ufeffa,b\né,1\n".encode("utf-16-be"))["a"].tolist() == ["é"]


def test_a_latin_1_letter_is_read_even_if_the_first_megabytes_are_ascii():
    frame = table(b"a,b\n" + b"ok,1\n" * 1_000_000 + b"caf\xe9,2\n")
    assert frame["a"].iloc[-1] == "café"


def test_an_invalid_byte_in_utf_8_is_reported_with_its_line_number():
    code, sentence = error_of("a,b\nZürich,1\nMálaga,2\n".encode() + b"caf\xe9,3\n")
    assert (code, sentence[:30]) == ("encoding", "Line 4 is not valid UTF-8 text")


@pytest.mark.parametrize(
    "content",
    ["", " \n\n", b"\xef\xbb\xbf", b"\xff\xfe", gzip.compress(b"", mtime=0)],
    ids=["no bytes", "blank lines", "UTF-8 mark", "UTF-16 mark", "gzip"],
)
def test_an_empty_file_is_rejected(content):
    assert error_of(content)[0] == "empty_file"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "PNG"),
        (zipped({"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<workbook/>"}), "Excel"),
        (zipped({"table.csv.gz": gzip.compress(b"a,b\n1,2\n", mtime=0)}), "gzip"),
        (b"%PDF-1.7", "PDF"),
        (gzip.compress(gzip.compress(b"a,b\n1,2\n", mtime=0), mtime=0), "gzip"),
        (b"<!DOCTYPE html><title>Sign in</title>", "web page"),
        (b"<div>\n<table border=1><tr><td>id</td></tr></table></div>", "web page"),
        (bytes(range(256)) * 4, "binary"),
    ],
    ids=["png", "xlsx", "gzip in zip", "pdf", "gzip in gzip", "html", "a part of html", "binary"],
)
def test_the_error_names_the_kind_of_a_file_that_is_not_a_table(content, word):
    code, sentence = error_of(content)
    assert code == "binary_file"
    assert word in sentence


@pytest.mark.parametrize("rows", [1, 700_000])
def test_a_nul_byte_is_reported_with_its_line_number(rows):
    code, sentence = error_of(b"alpha,beta\n" + b"1,2\n" * rows + b"3,\0\n")
    assert code == "binary_file"
    assert sentence.startswith(f"Line {rows + 2:,} contains a NUL")


COMPRESSORS = {
    "gzip": partial(gzip.compress, mtime=0),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda content: pa.compress(content, "zstd", asbytes=True),
    "zip": lambda content: zipped({"table": content, "__MACOSX/._table": b"x"}),
}
compressions = pytest.mark.parametrize("name", COMPRESSORS)


@compressions
def test_a_compression_is_detected_from_the_content(name):
    compress = COMPRESSORS[name]
    for content in (b"a,b\n1,2\n", b'{"a": 1, "b": 2}\n', parquet(pa.table({"a": [1], "b": [2]}))):
        assert recipe_of(compress(content), "table").compression == name
        assert table(compress(content)).to_dict("records") == [{"a": 1, "b": 2}]


def cut(content: bytes) -> bytes:
    return content[:-9]


def overwrite(content: bytes) -> bytes:
    return content[:100] + b"\0" * 20 + content[120:]


@pytest.mark.parametrize(
    ("name", "damage"),
    # Arrow writes zstd without a checksum.
    [
        (name, damage)
        for name in COMPRESSORS
        for damage in (cut, overwrite)
        if (name, damage) != ("zstd", overwrite)
    ],
)
def test_a_damaged_file_is_rejected(name, damage):
    rows = "".join(f"{i * 7919 % 10007},{i}\n" for i in range(3000))
    code, sentence = error_of(damage(COMPRESSORS[name](f"a,b\n{rows}".encode())))
    assert (code, name in sentence) == ("corrupt_file", True)


def test_xz_streams_with_padding_are_read_and_a_dictionary_of_gigabytes_is_refused():
    content = bytearray(lzma.compress(b"a,b\n1,2\n"))
    padding = b"\0" * 8
    assert len(table(bytes(content) + padding + lzma.compress(b"3,4\n") + padding)) == 2
    content[16] = 40  # the size of the dictionary, 4 GB, in the header of the block with a checksum
    content[20:24] = zlib.crc32(content[12:20]).to_bytes(4, "little")
    assert error_of(bytes(content))[0] == "corrupt_file"


def test_a_method_of_zip_that_is_not_read_is_named():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("t.csv", "a,b\n1,2\n")
    assert "with Deflate" in error_of(file.getvalue())[1]


@pytest.mark.parametrize("name", ["./t.csv", "../t.csv", "/t.csv", "data/t.csv"])
def test_the_table_of_an_archive_can_have_any_path_beside_hidden_files(name):
    content = zipped({name: b"a,b\n1,2\n", "data/.DS_Store": b"x", "__MACOSX/data/._t.csv": b"x"})
    assert [column.name for column in recipe_of(content, "t.zip").columns] == ["a", "b"]


def test_an_archive_that_points_to_before_its_start_is_rejected(tmp_path):
    content = bytearray(zipped({"t.csv": b"a,b\n1,2\n"}))
    content[-6:-2] = (2**20).to_bytes(4, "little")  # where the directory of the archive starts
    assert error_of(bytes(content))[0] == "corrupt_file"
    path = tmp_path / "t.zip"
    path.write_bytes(content)
    with path.open("rb") as file, pytest.raises(ValidationError, match="damaged"):
        tables.detect(file, "t.zip")


def test_bytes_after_a_gzip_file_are_rejected():
    assert error_of(gzip.compress(b"a,b\n1,2\n", mtime=0) + b"x")[0] == "corrupt_file"


@compressions
def test_a_bomb_stops_at_the_limit(name):
    bomb = COMPRESSORS[name](b"a,b\n" + b"1,2\n" * 500_000)
    assert error_of(bomb, max_bytes=1_000_000)[0] == "too_large"


def test_files_that_are_no_tables_are_left_out_of_an_archive_and_said():
    content = zipped(
        {"README.txt": b"hello", "data/t.csv": b"a,b\n1,2\n", "LICENSE": b"x", "__MACOSX/._t.csv": b"y"}
    )
    assert table(content).to_dict("list") == {"a": [1], "b": [2]}
    assert "`README.txt`, `LICENSE` left out" in assumptions(content)["several_files"]
    assert table(zipped({"readme.csv": b"a,b\n1,2\n"})).shape == (1, 2)


def test_an_archive_of_several_files_is_rejected_with_their_names():
    code, sentence = error_of(zipped({"train.csv": b"a,b\n1,2\n", "test.csv": b"a\n1\n"}))
    assert code == "several_files"
    assert "2 files: `train.csv`, `test.csv`" in sentence


def test_one_of_several_files_of_an_archive_is_read_if_it_is_chosen():
    content = zipped({"train.csv": b"a,b\n1,2\n", "old/test.tsv": b"a\tb\n1\t3\n"})
    file = io.BytesIO(content)
    recipe = tables.detect(file, "t.zip", corrections=tables.Corrections(member="old/test.tsv")).recipe
    assert tables.read(file, tables.ParseRecipe.from_dict(recipe.to_dict())).to_dict("list") == {
        "a": [1],
        "b": [3],
    }
    for wrong, data in (("x.csv", content), ("train.csv", b"a,b\n1,2\n")):
        with pytest.raises(ValidationError) as error:
            tables.detect(io.BytesIO(data), "t.zip", corrections=tables.Corrections(member=wrong))
        assert list(error.value.error_dict) == ["member"]


def test_a_file_that_expands_to_far_more_than_its_size_is_rejected(settings, monkeypatch):
    monkeypatch.setattr(streams, "ALWAYS_ALLOWED_BYTES", 1000)
    bomb = gzip.compress(b"a,b\n" + b"1,2\n" * 100_000, mtime=0)
    assert "more than 100 times its size" in error_of(bomb)[1]
    monkeypatch.undo()
    settings.MAX_UNPACKED_MB = 1
    assert error_of(gzip.compress(b"a,b\n" + b"1,2\n" * 300_000, mtime=0))[0] == "too_large"


@pytest.mark.parametrize("damage", ["M\ufffdnchen", "MÃ¼nchen", "itâ€™s"])
def test_letters_that_were_lost_before_the_upload_are_said_with_their_line(damage):
    assert assumptions(f"city,x\nBonn,1\n{damage},2\n")["damaged_text"].startswith("Line 3 has `")
    assert assumptions("city,x\nSÃO PAULO,1\nMünchen’s,2\n") == {}


def test_an_encoding_that_is_a_guess_is_named():
    assert "Windows-1252" in assumptions("city,x\nKöln,1\n".encode("cp1252"))["guessed_encoding"]


def test_a_tar_archive_is_named():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("t.csv"))
    assert "TAR archive" in error_of(file.getvalue())[1]

"""Numbers as people and programs write them."""

import pytest

from tests.catalog.readers.reading import findings, table, types

NBSP, NARROW = "\u00a0", "\u202f"
READ = {
    "accounting": ('x\n"(1,204)"\n87\n"(12.5)"\n', [-1204, 87, -12.5]),
    "trailing minus of SAP": ("x\n12.50-\n7.25\n", [-12.5, 7.25]),
    "typographic minus": ("x\n−12\n7\n", [-12, 7]),
    "dollars": ('x\n"$1,234.50"\n-$5\n($7)\n', [1234.5, -5, -7]),
    "euros behind": ("x;y\n1.234,50 €;1\n12,00€;2\n", [1234.5, 12]),
    "currency code": ("x\nUSD 12.50\nUSD 7\n", [12.5, 7]),
    "rupees in lakhs": ('x\n"₹12,34,567.50"\n"₹5,000"\n', [1234567.5, 5000]),
    "Rs. with a point": ('x\nRs.500\n"Rs.1,000"\n', [500, 1000]),
    "percent": ("x\n12.5%\n7 %\n", [12.5, 7]),
    "French": (f"x;y\n1{NBSP}234,50;a\n1{NARROW}234{NARROW}567;b\n", [1234.5, 1234567]),
    "plain spaces": ("x;y\n1 234,5;a\n12;b\n", [1234.5, 12]),
    "Swiss": ("x\n1'234.50\n2’000\n", [1234.5, 2000]),
    "German": ("x;y\n1.234,50;a\n7;b\n", [1234.5, 7]),
    "thousands where they are needed": ('x\n"1,204.50"\n87.25\n', [1204.5, 87.25]),
    "units of one kind": ("x\n60 kg\n61kg\n", [60, 61]),
    "singular and plural": ("x\n1 year\n2 years\n", [1, 2]),
    "exponents": ("x\n1e+05\n1.5E-3\n2\n", [1e5, 1.5e-3, 2]),
    "plus signs": ("x\n+1.5\n-2\n", [1.5, -2]),
    "infinity": ("x\n1.5\n-Inf\n", [1.5, float("-inf")]),
}
TEXT = {
    "codes with an E": "12E5\n34E1\n",
    "overflowing codes": "1E500\n2E400\n",
    "leading zeros": "007\n12\n",
    "phone numbers": "+4791234567\n+4791234568\n",
    "phone numbers in groups": "912 34 567\n912 34 568\n",
    "cards": "1234 5678 9012 3456\n1234 5678 9012 3457\n",
    "more than 64 bits": "11898508762506083287\n5\n",
    "two units": "60 kg\n132 lb\n",
    "two currencies": "$5\n€6\n",
    "thousands as a letter": "5K\n7K\n",
    "millions": "1.2M\n3.4M\n",
    "seats": "12A\n14A\n",
    "identifiers": "A1\nA2\n",
    "both marks for decimals": "1.5\n1,5\n",
    "groups of two digits": '"1,23"\n"1,23,45"\n',
    "versions": "1.2.3\n1.2.4\n",
    "hexadecimal": "0x1F\n0x20\n",
}


@pytest.mark.parametrize(("content", "values"), READ.values(), ids=READ)
def test_formatted_numbers_are_read(content, values):
    assert table(content)["x"].tolist() == values


@pytest.mark.parametrize("rows", TEXT.values(), ids=TEXT)
def test_what_only_looks_like_numbers_is_kept_as_written(rows):
    assert table(f"x\n{rows}")["x"].tolist() == rows.replace('"', "").splitlines()


def test_columns_of_one_file_can_have_different_marks():
    content = 'a;b;c\n1,5;1.5;"1,234,567"\n2,5;2.25;12\n'
    frame = table(content)
    assert [frame[name].tolist() for name in "abc"] == [[1.5, 2.5], [1.5, 2.25], [1234567, 12]]


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ('"1,204"\n"3,500"\n', "thousands"),
        ("60 kg\n61 kg\n", "unit"),
        ("007\n012\n", "leading_zeros"),
        ("12E5\n34E1\n", "codes"),
        ("11898508762506083287\n5\n", "long_numbers"),
        ("9007199254740993\n1.5\n", "long_numbers"),
        ("1582218195625938945\n1582218195625938946\n", "long_numbers"),
        ("+4791234567\n+4791234568\n", "phone_numbers"),
        ("20240131\n20240229\n", "compact_dates"),
        ("1.5\ninf\n", "infinite"),
        ("5K\n7K\n", "unit"),
        ("60 kg\n132 lb\n", "unit"),
        ("1.5\n1,5\n", "mixed_marks"),
    ],
)
def test_what_is_not_certain_about_numbers_is_said(rows, code):
    assert [finding.code for finding in findings(f"x\n{rows}")] == [code]


@pytest.mark.parametrize(
    "rows",
    ["1.5\n2.125\n", "1\n2\n3\n", "1.234\n2.345\n", "1e+05\n2\n", "0\n-1\n", "2020\n2021\n", "99\n98\n100\n"],
)
def test_usual_numbers_need_no_words(rows):
    assert findings(f"x\n{rows}") == ()


def test_a_number_far_from_the_rest_is_suspected_to_mean_missing():
    content = "t\n" + "\n".join(map(str, range(-10, 30))) + "\n-9999\n-9999\n"
    (finding,) = findings(content)
    assert (finding.code, finding.line) == ("sentinel_value", 42)
    assert finding.sentence.startswith(
        "-9999 occurs 2 times in `t` and is far from the rest (-10 to 29), first on line 42:"
    )
    assert types(content) == {"t": "integer"}


def test_numbers_are_read_alike_in_every_chunk():
    content = "x\n" + "5\n" * 300_000 + '"1,234.5"\n?\n'
    frame = table(content)
    assert frame["x"].tolist()[-2] == 1234.5
    assert frame["x"].isna().sum() == 1


def test_a_unit_separator_around_digits_is_text():
    assert types("x,y\n1\x1f2 a,3\n1 \x1f\x1f,4\n") == {"x": "text", "y": "integer"}

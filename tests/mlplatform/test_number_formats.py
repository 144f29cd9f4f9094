"""How numbers, sizes and durations are written."""

from datetime import timedelta

import pytest

from mlplatform import number_formats

THIN = "\u202f"


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (1234567, "1,234,567"), (None, "–"), (float("nan"), "–")]
)
def test_numbers_are_grouped_by_thin_spaces(value, text):
    assert number_formats.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.96666, "0.9667"),
        (53.371, "53.37"),
        (310.04, "310.0"),
        (2934.4, "2,934"),
        (0.000032, "3.2e−05"),
        (-2934.4, "−2,934"),
    ],
)
def test_metrics_have_four_significant_digits(value, text):
    assert number_formats.metric(value) == text


def test_values_of_a_column_are_as_in_the_file_and_booleans_as_in_json():
    values = (1985, 1985.0, -0.5, True, False, "Yes", None)
    assert [number_formats.column_value(value) for value in values] == [
        *(1985, "1985", "-0.5", "true", "false", "Yes", None),
    ]


@pytest.mark.parametrize(("value", "text"), [(0.25, "+0.2500"), (-2934.4, "−2,934"), (0, "±0.0000")])
def test_differences_have_a_sign(value, text):
    assert number_formats.signed(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, "1 byte"), (812, "812 bytes"), (4300, "4.2 KB"), (125829120, "120 MB"), (None, "–")],
)
def test_file_sizes_use_the_largest_fitting_unit(value, text):
    assert number_formats.file_size(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.44, "0.4 s"), (12, "12 s"), (200, "3 min 20 s"), (timedelta(hours=2, minutes=5), "2 h 5 min")],
)
def test_durations_have_at_most_two_units(value, text):
    assert number_formats.duration(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.967, "96.7"), (1, "100"), (0.99999, "> 99.9"), (0.00001, "< 0.1"), (0, "0")]
)
def test_a_percentage_is_0_or_100_only_if_exact(value, text):
    assert number_formats.percent(value) == f"{text}{THIN}%"


@pytest.mark.parametrize(
    ("value", "text"),
    [(1990, 1990), (5.84333, "5.843"), (1234567.0, "1234567"), ("2026-01-31", "2026-01-31"), (None, None)],
)
def test_column_values_are_rounded_and_have_no_thousands_separators(value, text):
    assert number_formats.column_value(value, 4) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0000523, "52 µs"), (0.00314, "3.1 ms"), (0.9999, "1.0 s"), (12.3, "12 s"), (0, "0 µs"), (None, "–")],
)
def test_short_durations_have_two_digits(seconds, text):
    assert number_formats.short_duration(seconds) == text

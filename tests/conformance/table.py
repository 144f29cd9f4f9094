"""A table with a column of every type, and 50 rows to predict: with missing values and an unseen category."""

import io

import pandas

NAMES = ["length", "width", "colour", "fresh", "picked"]
KINDS = {"length": "INT64", "width": "FP64", "colour": "BYTES", "fresh": "BOOL", "picked": "BYTES"}
DAYS = [f"2026-01-{day:02}" for day in range(1, 29)]
TABLE = ",".join([*NAMES, "species"]) + "\n"
TABLE += "".join(
    f"{5 + i % 3 + i % 2 * 4 if i % 11 else ''},{1.5 + i % 4 / 10 if i % 7 else ''},"
    f"{['red', 'blue', ''][i % 3]},{['true', 'false'][i % 2]},{DAYS[i % 28]},{['tulip', 'rose'][i % 2]}\n"
    for i in range(44)
)
ROWS = [
    [5 + i % 7, 1.5 + i % 4 / 10, ["red", "blue", None, "violet"][i % 4], i % 3 == 0, DAYS[i % 28]]
    for i in range(47)
] + [
    [None, None, None, True, DAYS[0]],
    [9, None, "red", False, DAYS[3]],
    [None, 1.75, "violet", True, DAYS[5]],
]

# The same for clients that send one array of numbers only.
NUMBERS = "a,b,c,y\n" + "".join(
    f"{i % 5},{i % 4 / 4 if i % 9 else ''},{i % 7},{i * 1.5}\n" for i in range(40)
)
NUMBER_ROWS = [[i % 6, None if i % 8 == 0 else i % 3 / 3, i % 7 - 1] for i in range(50)]


def frame() -> pandas.DataFrame:
    rows = pandas.DataFrame(ROWS, columns=NAMES)
    return rows.assign(length=rows["length"].astype("Int64"))


def parquet() -> bytes:
    buffer = io.BytesIO()
    rows = frame()
    rows.assign(picked=pandas.to_datetime(rows["picked"]), other=1).to_parquet(buffer)
    return buffer.getvalue()

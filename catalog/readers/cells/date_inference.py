"""Infer in which formats the dates of a column are written, and whether the day or the month is first."""

import re
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from catalog.readers.cells import dates
from catalog.readers.cells.number_inference import first

MAX_SHAPES = 4
ORDERS = ("dmy", "mdy", "ymd")
TIME = re.compile(
    r"(?P<before>.*?)(?P<between>(?<=\d)T|,? +|:)(?P<hour>\d{1,2})(?P<mark>[:.h])(?P<minute>\d{2})"
    r"(?:(?P=mark)(?P<second>\d{2})(?:(?P<point>[.,])\d{1,9})?)?"
    r"(?P<half> *[AaPp]\.?[Mm]\.?)?(?P<zone> *(?:Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?))?(?P<year> +\d{4})?"
)
TOKENS = re.compile(r"[0-9]+|[^\W\d_]+\.?|[\W_]+")
FILLERS = {"de", "del", "of"}
WEEKDAYS = frozenset({
    "mon", "tue", "wed", "thu", "fri", "sat", "sun", "monday", "tuesday", "wednesday", "thursday", "friday",
    "saturday", "sunday", "tues", "thur", "thurs", "mo", "di", "mi", "do", "fr", "sa", "so", "montag",
    "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonntag", "lun", "mar", "mer", "jeu", "ven",
    "sam", "dim", "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche",
})  # fmt: skip


@dataclass
class Shape:
    """Formats that differ in the order of day and month only: those that all dates so far fit, and evidence."""

    formats: dict[str, str]  # by order; one format with the order "" if it is certain
    rows: dict[str, tuple[int, str]] = field(
        default_factory=dict
    )  # the first date that an order does not fit


class DateInference:
    """The shapes of the dates of a column."""

    def __init__(self):
        self.shapes: list[Shape] = []
        self.count = 0
        self.example: tuple[int, str] | None = None

    def update(self, values: pa.Array, *, row: int) -> pa.Array:
        """Normalized texts, the first of which is in this row. Returns which are dates in some format."""
        values = dates.normalized(values)
        covered = pc.is_valid(dates.parse_format(values, None))
        for shape in self.shapes:
            covered = self._cover(shape, values, covered, row)
        while len(self.shapes) < MAX_SHAPES and (shape := self._next_shape(values, covered)):
            before = pc.sum(covered).as_py()
            covered = self._cover(shape, values, covered, row)
            if pc.sum(covered).as_py() == before:
                break
            self.shapes.append(shape)
        self.count += pc.sum(covered).as_py() or 0
        return covered

    @staticmethod
    def _next_shape(values, covered):
        rest = values.filter(pc.and_(pc.invert(covered), pc.is_valid(values))).slice(0, 20).to_pylist()
        return next((Shape(formats) for text in rest if (formats := formats_of(text))), None)

    def _cover(self, shape, values, covered, row):
        open_values = pc.if_else(covered, pa.scalar(None, pa.string()), values)
        if open_values.null_count == len(values):
            return covered
        parsed = {
            order: pc.is_valid(dates.parse_format(open_values, form)) for order, form in shape.formats.items()
        }
        some = None
        for mask in parsed.values():
            some = mask if some is None else pc.or_(some, mask)
        for order, mask in parsed.items():
            if order not in shape.rows and (found := first(pc.and_not(some, mask), values, row)):
                shape.rows[order] = found
        self.example = self.example or first(some, values, row)
        return pc.or_(covered, some)

    @property
    def orders(self) -> set[str]:
        """The orders of day and month that all dates fit; empty if there are none or if every one is certain."""
        possible = [set(shape.formats) - set(shape.rows) for shape in self._open_shapes]
        return set.intersection(*possible) if possible else set()

    @property
    def _open_shapes(self):
        return [shape for shape in self.shapes if "" not in shape.formats]

    @property
    def is_contradictory(self) -> bool:
        """Whether some dates can only be day/month, and others only month/day."""
        return bool(self._open_shapes) and not self.orders

    @property
    def certain_order(self) -> str | None:
        """The order that a date of this column decides."""
        orders = self.orders & {"dmy", "mdy"}
        return next(iter(orders)) if len(orders) == 1 and self.evidence(*orders) else None

    def evidence(self, order: str) -> tuple[int, str] | None:
        """The first date that only this order of day/month and month/day fits: its row and text."""
        other = {"dmy": "mdy", "mdy": "dmy"}.get(order)
        found = [shape.rows[other] for shape in self._open_shapes if other in shape.rows]
        return min(found, default=None)

    @property
    def has_open_order(self) -> bool:
        return bool(self._open_shapes)

    def formats(self, order: str) -> tuple[str, ...]:
        return tuple(shape.formats.get(order) or shape.formats[""] for shape in self.shapes)

    @property
    def default_order(self) -> str:
        """The more likely order of an ambiguous column: by its marks; day/month if they say nothing."""
        orders = self.orders
        forms = [next(iter(shape.formats.values())) for shape in self._open_shapes]
        if "mdy" in orders and any("%p" in form for form in forms):
            return "mdy"
        return next(order for order in ORDERS if order in orders)


def formats_of(text: str) -> dict[str, str] | None:
    """The formats of a normalized text, by the order of day and month; None if it does not look like a date."""
    if not 6 <= len(text) <= 45 or not re.search(r"\d", text):
        return None
    time, date, year = "", text, ""
    if match := TIME.fullmatch(text):
        date = match["before"]
        hour = "%I" if match["half"] else "%H"
        time = _escaped(match["between"]) + hour + match["mark"] + "%M"
        if match["second"]:
            time += f"{match['mark']}%S" + (f"{match['point']}%f" if match["point"] else "")
        for name, directive in (("half", "%p"), ("zone", "%z"), ("year", "%Y")):
            if part := match[name]:
                time += (" " if part[0] == " " else "") + directive
        year = match["year"]
    forms = _of_date(TOKENS.findall(date), needs_year=not year)
    return forms and {order: form + time for order, form in forms.items()}


def _escaped(text):
    return re.sub(" +", " ", text)


def _of_date(tokens, *, needs_year):
    prefix = ""
    if len(tokens) > 2 and tokens[0].strip(".").lower() in WEEKDAYS:
        prefix, tokens = f"%a{_escaped(tokens[1])}", tokens[2:]
    tokens = _with_fillers(tokens)
    kinds = "".join(_kind(token) for token in tokens)
    marks = [_escaped(token).replace("%", "%%") for token in tokens]
    if kinds == "bs1" or kinds == "bs2":
        return None if needs_year else {"": f"{prefix}%b{marks[1]}%d"}
    if not needs_year:
        return None
    forms = _numeric(kinds, marks) or _named(kinds, marks)
    if kinds in ("4s2", "2s4", "1s4") and not 1800 <= max(int(tokens[0]), int(tokens[2])) <= 2200:
        return None  # 2024-01 is a month, 9912-01 a code
    return forms and {order: prefix + form for order, form in forms.items()}


def _kind(token):
    """A number by its digits, b for the name of a month, w for weeks, s for what separates."""
    if token[0] in "0123456789":
        return str(min(len(token), 9))
    name = token.lower().rstrip(".")
    if name in dates.MONTHS:
        return "b"
    return "w" if name in ("w", "年", "月", "日") else "s" if not token[0].isalpha() or " " in token else "x"


def _with_fillers(tokens):
    """ "3 de enero de 2024": the words between are separators."""
    merged = []
    for token in tokens:
        is_separator = token.lower() in FILLERS or not token[0].isalnum()
        if merged and is_separator and not merged[-1][0].isalnum():
            merged[-1] += token
        else:
            merged.append(token)
    return merged


def _numeric(kinds, marks):
    if (
        re.fullmatch("4s[12]s[12]", kinds)
        and marks[1] == marks[3]
        and marks[1].strip() in ("-", "/", ".", "")
    ):
        return {"": f"%Y{marks[1]}%m{marks[3]}%d"}
    if (
        re.fullmatch("[12]s[12]s[24]", kinds)
        and marks[1] == marks[3]
        and marks[1].strip() in ("-", "/", ".", "")
    ):
        if kinds[-1] == "2" and not marks[1].strip():
            return None
        year, mark = "%Y" if kinds[-1] == "4" else "%y", marks[1]
        forms = {"dmy": f"%d{mark}%m{mark}{year}", "mdy": f"%m{mark}%d{mark}{year}"}
        if mark.strip() == ".":  # nobody writes the month first with dots
            return {"": forms["dmy"]}
        return forms | ({"ymd": f"%y{mark}%m{mark}%d"} if kinds == "2s2s2" and mark == "-" else {})
    if kinds == "4s2" and marks[1] in "-/.":
        return {"": f"%Y{marks[1]}%m"}
    if kinds in ("2s4", "1s4") and marks[1] in "-/.":
        return {"": f"%m{marks[1]}%Y"}
    if kinds in ("4sw2", "4w2"):
        return {"": f"%G{'-' if 's' in kinds else ''}W%V"}
    if kinds in ("4sw2s1", "4w21"):
        return {"": "%G-W%V-%u"}
    if re.fullmatch("4w[12]w[12]w", kinds):
        return {"": "%Y年%m月%d日"}
    return None


def _named(kinds, marks):
    if re.fullmatch("[12]s?bs?[24]", kinds):
        form = "".join(
            {"b": "%b", "s": mark}.get(kind, "%d") for kind, mark in zip(kinds[:-1], marks, strict=False)
        )
        return {"": form + ("%Y" if kinds[-1] == "4" else "%y")}
    if re.fullmatch("bs[12]s4", kinds):
        return {"": f"%b{marks[1]}%d{marks[3]}%Y"}
    if re.fullmatch("4sbs[12]", kinds):
        return {"": f"%Y{marks[1]}%b{marks[3]}%d"}
    if kinds == "bs4":
        return {"": f"%b{marks[1]}%Y"}
    if kinds == "4sb":
        return {"": f"%Y{marks[1]}%b"}
    return None

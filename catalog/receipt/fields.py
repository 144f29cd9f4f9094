"""The fields of the receipt's form: (field, corrected value) by name, for a whole file and for one column.

A field is empty for what is detected, which is its first choice or its placeholder. Values are checked where recipes
are, so that page and API have the same sentences.
"""

from django import forms

from catalog.readers.cells import missing
from catalog.readers.corrections import FIELDS
from catalog.readers.formats import FORMATS
from catalog.receipt import notation, widgets
from catalog.receipt.notation import AUTOMATIC, OTHER

TEXT = {"encoding", "delimiter", "header", "skip", "skip_below", "footer", "decimal", "thousands", "missing"}
# Of lines that are no rows.
LINES = {
    "skip": "Lines above the header",
    "skip_below": "Lines below the header",
    "footer": "Lines at the end",
}
UNKNOWN = "Choose one"
SEVERAL = " or "  # between date formats
ON_ERROR = {"missing": "Read as missing", "refuse": "Refuse the file"}


def select(label, choices, *, detected=None, other=False):
    automatic = (
        "Automatic" if detected in (None, "") else detected if detected == UNKNOWN else f"{detected} (auto)"
    )
    more = [(OTHER, "Other …")] if other else []
    widget = widgets.Choices(choices=[(AUTOMATIC, automatic), *choices, *more])
    return forms.CharField(required=False, strip=False, label=label, widget=widget)


def text(label, *, placeholder="", help_text=""):
    attributes = {"placeholder": placeholder, "autocomplete": "off", "spellcheck": "false"}
    widget = widgets.Text(attrs=attributes)
    return forms.CharField(
        required=False, strip=False, max_length=10_000, label=label, widget=widget, help_text=help_text
    )


def of_file(recipe: dict | None, corrections: dict) -> dict[str, tuple]:
    """The options that this recipe has or that are corrected; without a recipe those of delimited text."""
    detected = {name: value for name, value in (recipe or {}).items() if name not in corrections}
    fields = {"format": _format(detected, corrections)}
    has = _having(recipe, corrections)
    if "member" in has:
        fields["member"] = member([], corrections)
    if "sheet" in has:
        sheet = text("Sheet", placeholder=detected.get("sheet") or "")
        fields["sheet"] = sheet, corrections.get("sheet", AUTOMATIC)
    if "encoding" in has:
        fields["encoding"] = _encoding(detected, corrections)
    if "delimiter" in has:
        fields |= _delimiter(detected, corrections) | {"quote": _quote(detected, corrections)}
    if "header" in has:
        fields["header"] = _header(detected, corrections)
    for name, label in LINES.items():
        if name in has:
            placeholder = str(detected.get(name) or 0)
            fields[name] = text(label, placeholder=placeholder), corrections.get(name, "")
    if "decimal" in has:
        fields["decimal"] = _decimal(detected, corrections)
    if "thousands" in has:
        labels = notation.THOUSANDS
        fields["thousands"] = (
            select("Thousands mark", labels.items(), detected=labels.get(detected.get("thousands"))),
            corrections.get("thousands", AUTOMATIC),
        )
    if "missing" in has:
        fields["missing"] = _missing(detected, corrections)
    return fields


def _having(recipe, corrections):
    """The names of the options that are shown; None and empty ones are those of other formats."""
    if recipe is None:
        return (TEXT | corrections.keys()) & FIELDS.keys()
    names = {name for name, value in recipe.items() if value not in (None, (), [])}
    if recipe.get("skip") is None:
        names -= LINES.keys() | {"header"}
    elif recipe.get("decimal") is not None:
        names |= {"thousands", "missing"}  # None: not set for the whole file
    return (names | corrections.keys()) & FIELDS.keys()


def _format(detected, corrections):
    label = FORMATS[detected["format"]].label if detected.get("format") in FORMATS else None
    choices = [(name, form.label) for name, form in FORMATS.items()]
    return select("Format", choices, detected=label), corrections.get("format", AUTOMATIC)


def member(names: list[str], corrections: dict) -> tuple:
    label, value = "File in the archive", corrections.get("member", AUTOMATIC)
    if not names:
        return text(label), value
    return select(label, [(name, name) for name in names], detected=UNKNOWN), value


def _encoding(detected, corrections):
    value = corrections.get("encoding", AUTOMATIC)
    names = dict.fromkeys([*notation.ENCODINGS, *([value] if value else [])])
    found = detected.get("encoding")
    choices = [(name, notation.encoding(name)) for name in names]
    return select("Encoding", choices, detected=found and notation.encoding(found)), value


def _delimiter(detected, corrections):
    value, found = corrections.get("delimiter", AUTOMATIC), detected.get("delimiter")
    field = select(
        "Delimiter", notation.DELIMITERS.items(), detected=found and notation.delimiter(found), other=True
    )
    is_other = value not in (AUTOMATIC, *notation.DELIMITERS)
    other = text("Other delimiter", help_text="One character, or the same twice.")
    return {
        "delimiter": (field, OTHER if is_other else value),
        "other_delimiter": (other, value if is_other else ""),
    }


def _quote(detected, corrections):
    is_set = "quote" in corrections or "escape" in corrections
    value = notation.quotes_of(corrections.get("quote"), corrections.get("escape")) if is_set else AUTOMATIC
    found = notation.quotes_of(detected.get("quote"), detected.get("escape")) if "quote" in detected else None
    label = found and notation.QUOTE_LABELS[found]
    return select("Quotation marks", notation.QUOTE_LABELS.items(), detected=label), value


def _header(detected, corrections):
    labels = {True: "Column names", False: "Values"}
    choices = [("yes", labels[True]), ("no", labels[False])]
    value = {True: "yes", False: "no"}.get(corrections.get("header"), AUTOMATIC)
    return select("First line", choices, detected=labels.get(detected.get("header"))), value


def _decimal(detected, corrections):
    labels = notation.DECIMALS
    return select(
        "Decimal mark", labels.items(), detected=labels.get(detected.get("decimal"))
    ), corrections.get("decimal", AUTOMATIC)


def _missing(detected, corrections):
    found = detected.get("missing")
    placeholder = "The usual ones (auto)" if found is None else notation.listed(found)
    help_text = 'Separated by commas; "" is an empty cell.'
    field = text("Missing values", placeholder=placeholder, help_text=help_text)
    return field, notation.listed(corrections.get("missing") or [])


def of_column(column: dict, recipe: dict, correction: dict) -> dict[str, tuple]:
    """The options of one column, as its recipe has it. Those of other types than its own are not shown."""
    form, corrected = column.get("format") or {}, correction.get("format") or {}
    source, name = column.get("source") or column["name"], column["name"]
    fields = {
        "source": (forms.CharField(required=False, strip=False, widget=widgets.Hidden), source),
        "name": (text("Name"), correction.get("name") or name),
        "type": _type(column, correction),
        "numbers": _style(form, corrected, recipe),
        **_date(form, corrected),
        "missing": (
            text("Missing values", placeholder=_tokens(form)),
            notation.listed(corrected.get("missing") or []),
        ),
        "on_error": (
            select("Invalid", ON_ERROR.items()),
            correction.get("on_error", AUTOMATIC),
        ),
    }
    for words in ("true", "false"):
        placeholder = notation.listed(form.get(words) or [words])
        field = text(words.capitalize(), placeholder=placeholder)
        fields[words] = (field, notation.listed(corrected.get(words) or []))
    return fields


def _tokens(form):
    """What is missing in a column, in short: a list of 20 usual texts says less than those that differ."""
    if form.get("missing") is None:
        return "As in the file"
    more = [text for text in form["missing"] if text not in missing.MISSING]
    fewer = [text for text in missing.MISSING if text not in form["missing"]]
    if more:
        return notation.listed(more) + (" and the usual" if not fewer else "")
    return f"Not {notation.listed(fewer)}" if 0 < len(fewer) < len(missing.MISSING) else "As usual"


def _type(column, correction):
    value = correction.get("role") or correction.get("type") or AUTOMATIC
    detected = None if value else notation.TYPES.get(column.get("role") or column["type"])
    return select("Type", notation.TYPES.items(), detected=detected), value


def _style(form, corrected, recipe):
    is_set = "decimal" in corrected or "thousands" in corrected
    value = notation.style_of(corrected.get("decimal"), corrected.get("thousands")) if is_set else AUTOMATIC
    decimal, thousands = (
        form.get("decimal") or recipe.get("decimal"),
        form.get("thousands") or recipe.get("thousands"),
    )
    found = None if is_set else notation.style_of(decimal, thousands)
    choices = [(style, style) for style in notation.NUMBERS]
    return select("Numbers", choices, detected=found), value


def _date(form, corrected):
    value = SEVERAL.join(corrected.get("date") or [])
    found = form.get("date")
    detected = None if value else SEVERAL.join(map(notation.date_format, found)) if found else "ISO 8601"
    choices = [(text, notation.date_format(text)) for text in notation.DATES]
    is_other = bool(value) and value not in notation.DATES
    other = text("Format", placeholder="%d.%m.%Y")
    return {
        "date": (select("Dates", choices, detected=detected, other=True), OTHER if is_other else value),
        "other_date": (other, value if is_other else ""),
    }

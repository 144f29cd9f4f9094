"""The form of the receipt page: the corrections of a parse recipe, and the dataset that the file becomes."""

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from catalog.readers.formats import EXTENSIONS
from catalog.receipt import fields, notation
from catalog.receipt.notation import OTHER
from mlplatform.validation import integers
from mlplatform.validation.forms import StrictForm

MAX_COLUMNS = 100  # on the page, after the filter
COLUMN = "column-{}-{}"
# The options that columns of a type have; all have a name, a type and missing values.
OPTIONS = {
    "integer": ["numbers", "on_error"],
    "number": ["numbers", "on_error"],
    "boolean": ["true", "false", "on_error"],
    "date": ["date", "other_date", "on_error"],
}
OF_TYPES = ("numbers", "date", "other_date", "true", "false", "on_error")
COLUMN_OPTIONS = (
    "source", "name", "type", "numbers", "date", "other_date", "true", "false", "missing", "on_error",
)  # fmt: skip
FILE_OPTIONS = (
    "format", "member", "sheet", "encoding", "delimiter", "other_delimiter", "quote", "header", "skip", "skip_below",
    "footer", "decimal", "thousands", "missing",
)  # fmt: skip
# The field for an option of a column that has another name on the page.
FIELD_OF = {"source": "name", "decimal": "numbers", "thousands": "numbers", "role": "type"}


class UploadForm(StrictForm):
    file = forms.FileField(
        allow_empty_file=True,
        max_length=255,
        widget=forms.FileInput(attrs={"accept": ",".join(f".{extension}" for extension in EXTENSIONS)}),
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["file"].help_text = (
            "CSV, TSV, Parquet or JSON lines, optionally compressed (gzip, bzip2, xz, zstd, ZIP). "
            f"The limit is {settings.MAX_UPLOAD_MB} MB."
        )


class ReceiptForm(StrictForm):
    """A field for each option of a recipe, empty for what is detected, and those of the dataset.

    `recipe` is the one that was read with `corrections`, both as JSON; None if the file was not read. Columns that are
    not on the page keep their corrections.
    """

    extra_names = ("read", "add", "correct")

    name = forms.CharField(required=False, max_length=255)
    description = forms.CharField(required=False, max_length=10_000, widget=forms.Textarea(attrs={"rows": 1}))
    new_version = forms.BooleanField(required=False, label="Add as a new version")
    find = forms.CharField(
        required=False, label="Find a column", widget=forms.TextInput(attrs={"type": "search"})
    )

    def __init__(self, data=None, *, recipe: dict | None, corrections: dict, **kwargs):
        super().__init__(data, **kwargs)
        self.corrections = corrections
        self._set(fields.of_file(recipe, corrections), "{}")
        if "member" in self.data:
            self.offer_members([])
        self.of_file = [name for name in FILE_OPTIONS if name in self.fields]
        by_source = {notation.source_of(column): column for column in corrections.get("columns", [])}
        self.columns = self._columns_on_the_page(recipe)
        for position, column in self.columns:
            correction = by_source.get(notation.source_of(column), {})
            self._set(fields.of_column(column, recipe, correction), COLUMN.format(position, "{}"))

    def offer_members(self, names: list[str]) -> None:
        """Let one of the tables of an archive be chosen."""
        self._set({"member": fields.member(names, self.corrections)}, "{}")
        self.of_file = [name for name in FILE_OPTIONS if name in self.fields]

    def _set(self, made, prefix):
        for name, (field, value) in made.items():
            self.fields[prefix.format(name)] = field
            self.initial.setdefault(prefix.format(name), value)

    def _columns_on_the_page(self, recipe) -> list[tuple[int, dict]]:
        """Those whose fields were sent, or else those that the filter finds."""
        columns = list(enumerate(recipe["columns"] if recipe else []))
        if self.is_bound:
            return [
                (place, column) for place, column in columns if COLUMN.format(place, "source") in self.data
            ]
        text = (self.initial.get("find") or "").casefold()
        return [(place, column) for place, column in columns if text in column["name"].casefold()][
            :MAX_COLUMNS
        ]

    def submitted_names(self, names):
        """Without the fields of columns and options that the file had when it was read with other corrections."""
        known = {COLUMN.format("", option) for option in COLUMN_OPTIONS}
        outdated = {name for name in names if _without_position(name) in known or name in FILE_OPTIONS}
        return [name for name in names if name not in outdated]

    def to_corrections(self) -> dict:
        """The corrections that the fields have, as JSON. What they cannot be is checked where a recipe is."""
        values = {name: self.cleaned_data.get(name, "") for name in self.of_file}
        made = _file_corrections(values)
        sent = {self.cleaned_data[COLUMN.format(place, "source")]: place for place, _ in self.columns}
        kept = [
            column for column in self.corrections.get("columns", []) if notation.source_of(column) not in sent
        ]
        changed = [self._column_correction(place) for place in sent.values()]
        columns = kept + [column for column in changed if len(column) > 1]
        self._sources = [notation.source_of(column) for column in columns]
        self._positions = sent
        return made | ({"columns": columns} if columns else {})

    def _column_correction(self, position) -> dict:
        def value(option):
            return self.cleaned_data.get(COLUMN.format(position, option), "").strip()

        correction = {"source": self.cleaned_data[COLUMN.format(position, "source")]}
        if value("name") != correction["source"]:
            correction["name"] = value("name")
        column = dict(self.columns)[position]
        options = _options_of(value("type") or column["type"])
        for option in ("type", "on_error"):
            if value(option) and (option == "type" or option in options):
                correction[option] = value(option)
        form = _marks(value("numbers")) if "numbers" in options else {}
        date = value("other_date") if value("date") == OTHER else value("date")
        if date and "date" in options:
            form["date"] = date.split(fields.SEVERAL)
        for option in ("true", "false", "missing"):
            if value(option) and option in (*options, "missing"):
                form[option] = notation.texts(value(option))
        return correction | ({"format": form} if form else {})

    def add_recipe_error(self, error: ValidationError) -> None:
        """Put each sentence about a recipe beside the field of its option, or above the form."""
        if not hasattr(error, "error_dict"):
            self.add_error(None, error)
            return
        for path, errors in error.error_dict.items():
            for one in errors:
                field, subject = self._field_of(path, one.message)
                one.message = subject + one.message
                self.add_error(field, one)

    def _field_of(self, path, sentence) -> tuple[str | None, str]:
        """The field for an option such as `delimiter` or `columns.2.format.date`; or None, and what it is about."""
        first, *rest = path.split(".")
        if first == "columns" and not rest:  # the sentence names the column
            position = next(
                (place for source, place in self._positions.items() if f"`{source}`" in sentence), None
            )
            name = COLUMN.format(position, "type")
            return (name if name in self.fields else None), ""
        if first != "columns":
            name = "quote" if first == "escape" else first
            return (name, "") if name in self.fields else (None, f"`{first}`: ")
        place = integers.parse(rest[0]) or 0
        source = self._sources[place - 1] if 0 < place <= len(self._sources) else ""
        option = FIELD_OF.get(rest[-1], rest[-1])
        name = COLUMN.format(self._positions.get(source), option)
        return (name, "") if name in self.fields else (None, f"Column `{source}`: ")

    @property
    def file_fields(self) -> list[forms.BoundField]:
        names = [name for name in self.of_file if name != "other_delimiter" or self._is_other("delimiter")]
        return [self[name] for name in names]

    def rows(self) -> list[dict]:
        """For each column on the page: its position, its recipe and the fields that its type has."""
        return [
            {"position": place, "column": column} | self._fields_of(place, column)
            for place, column in self.columns
        ]

    def _fields_of(self, position, column):
        def field(option):
            return self[COLUMN.format(position, option)]

        options = _options_of(field("type").value() or column["type"])
        if not self._is_other(COLUMN.format(position, "date")):
            options = [option for option in options if option != "other_date"]
        # What was set for another type is kept, in case that the column gets this type again.
        hidden = [option for option in OF_TYPES if option not in options and field(option).value()]
        return {
            "source": field("source"), "name": field("name"), "type": field("type"), "missing": field("missing"),
            "options": [field(option) for option in options], "hidden": [field(option) for option in hidden],
        }  # fmt: skip

    def _is_other(self, name):
        return self[name].value() == OTHER


def _options_of(kind: str) -> list[str]:
    """The options of a column of this type."""
    return OPTIONS.get(kind, [])


def _file_corrections(values: dict) -> dict:
    corrections = {
        name: values[name].strip()
        for name in ("format", "member", "sheet", "encoding", "decimal")
        if values.get(name)
    }
    delimiter = values.get("delimiter", "")
    if delimiter == OTHER:
        delimiter = values.get("other_delimiter", "")
    if delimiter:
        corrections["delimiter"] = delimiter
    if quote := values.get("quote"):
        corrections["quote"], corrections["escape"] = notation.QUOTES.get(quote, (quote, ""))
    if thousands := values.get("thousands"):  # a space is one
        corrections["thousands"] = thousands
    if header := values.get("header"):
        corrections["header"] = {"yes": True, "no": False}.get(header, header)
    for name in fields.LINES:
        if text := values.get(name, "").strip():
            number = integers.parse(text)
            corrections[name] = text if number is None else number
    if text := values.get("missing", "").strip():
        corrections["missing"] = notation.texts(text)
    return corrections


def _marks(style: str) -> dict:
    """The marks of numbers in a style; what is no style is left for the check of recipes."""
    if not style:
        return {}
    decimal, thousands = notation.NUMBERS.get(style, (style, ""))
    return {"decimal": decimal} | ({"thousands": thousands} if thousands else {})


def _without_position(name: str) -> str:
    _, _, rest = name.partition("-")
    position, _, option = rest.partition("-")
    return COLUMN.format("", option) if integers.parse(position) is not None else name

"""The parse recipe: what is stored with a dataset version so that its bytes are always read the same way.

Findings are what was assumed to get it.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, fields

from catalog.readers.cells.column_types import Column


@dataclass(frozen=True)
class ParseRecipe:
    """How to read a file.

    `format` is a name in `formats.FORMATS`; `compression` is a name in `formats.COMPRESSIONS` or None. `encoding` is
    set for text formats. The other options are set for delimited text only: `escape` is None or empty if quotes are
    escaped by doubling, `quote` is empty if no character is a quotation mark, and `spaced` says that a space follows
    each delimiter.

    `skip` is the number of lines above the header, `skip_below` of those between it and the first row (units), and
    `footer` of those below the last row. Without a `header`, the names are not in the file. `trailing` says that a
    delimiter ends every row, so that it starts no column. The cells of a `padded` table have spaces around them, and
    can have rulers and frames of - and |. `widths` are the positions at which columns of fixed width start; in a padded
    table, a space is before each.

    `sheet` is that of a workbook, whose rows count as lines, and `member` the file in a ZIP archive of several tables.
    """

    format: str
    compression: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    escape: str | None = None
    skip: int | None = None
    header: bool = True
    skip_below: int = 0
    footer: int = 0
    trailing: bool = False
    padded: bool = False
    widths: tuple[int, ...] = ()
    quote: str = '"'
    spaced: bool = False
    sheet: str | None = None
    member: str | None = None
    columns: tuple[Column, ...] = ()

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    def to_dict(self) -> dict:
        columns = [column.to_dict() for column in self.columns]
        return asdict(self) | {"widths": list(self.widths), "columns": columns}

    @property
    def digest(self) -> str:
        """The SHA-256 of what is not a default: the same for recipes that read the same bytes the same way.

        A field that a later version adds does not change it.
        """
        values = {
            name: value
            for name, value in self.to_dict().items()
            if value not in (None, "", []) and value != DEFAULTS.get(name)
        }
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

    @classmethod
    def from_dict(cls, values: dict) -> "ParseRecipe":
        columns, widths = map(Column.from_dict, values["columns"]), values.get("widths", ())
        return cls(**values | {"columns": tuple(columns), "widths": tuple(widths)})


DEFAULTS = {field.name: field.default for field in fields(ParseRecipe)}


@dataclass(frozen=True)
class Finding:
    """Something about a file that is not certain, or that a user should know: what was assumed, and where.

    `code` is stable, for programs. `line` is the first line it is about, counted from 1 in the decompressed file.
    """

    code: str
    sentence: str
    column: str | None = None
    line: int | None = None

    def to_dict(self) -> dict:
        return asdict(self)


@dataclass(frozen=True)
class Reading:
    """What was detected in a file: its recipe, its number of rows, and the assumptions."""

    recipe: ParseRecipe
    rows: int
    findings: tuple[Finding, ...] = ()

"""How the cells of one column are written, where that differs from the rest of the file."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class CellFormat:
    """What a column needs beside its type to read its cells; None and () are the defaults of the file.

    Numbers: the marks `decimal` and `thousands` (" " is any kind of space, "'" any apostrophe), and `affix`, which is
    removed in front of the number or behind it (currencies, "%", units). Dates: `date` has formats as of strptime,
    tried in this order after ISO 8601. Booleans: `true` and `false` have the words, compared without regard to case.
    `missing` has all texts that mean a missing value in this column, compared exactly.
    """

    decimal: str | None = None
    thousands: str | None = None
    affix: tuple[str, ...] = ()
    date: tuple[str, ...] = ()
    true: tuple[str, ...] = ()
    false: tuple[str, ...] = ()
    missing: tuple[str, ...] | None = None

    def to_dict(self) -> dict:
        """As JSON, without what is a default."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
            if value is not None and (value != () or name == "missing")
        }

    @classmethod
    def from_dict(cls, values: dict) -> "CellFormat":
        """Raises TypeError for a key that is not a field."""
        return cls(
            **{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        )
